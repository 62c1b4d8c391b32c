"""The catalogue of an invented shop: products, what is heard about them, and the truth behind both, week by week."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from processing.generator import events
from processing.generator.drift import Drift
from processing.generator.scenes import Chunk, Scene, World
from processing.generator.weeks import Weeks
from rightpack.errors import SettingsError
from rightpack.packaging import PackageType

CHUNK_ROWS: Final = 32_768
START: Final = dt.date(2026, 9, 7)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An invented shop. The same arguments and week give the same rows, in any order of calls.

    Each table comes as a stream of record batches, one per chunk of products; a chunk can be made without any other
    (`chunks`, `known` and the `..._batch` methods), so chunks can be made in parallel. Nothing is kept in memory.

    Attributes:
        seed: everything random follows from it.
        size: number of products in week 0.
        package_types: as configured, in any order.
        growth: new products per week, as a share of all.
        drift: what changes or breaks, and when.
        start: Monday of week 0.
    """

    seed: int
    size: int
    package_types: tuple[PackageType, ...]
    growth: float = 0.015
    drift: Drift = field(default_factory=Drift)
    start: dt.date = START

    def __post_init__(self) -> None:
        """Check what types alone cannot say; SettingsError names the argument."""
        if self.size < 1 or self.growth < 0:
            raise SettingsError(f"A catalogue needs size >= 1 and growth >= 0, not {self.size} and {self.growth}.")
        if not 0 < len(self.package_types) <= events.MOST_TYPES:
            raise SettingsError(
                f"The generator knows 1 to {events.MOST_TYPES} package types, not {len(self.package_types)}."
            )
        self.drift.check(tuple(t.name for t in self.package_types))
        Weeks(self.start)

    def count(self, week: int) -> int:
        """Number of products known at the end of a week; 0 before week 0."""
        return round(self.size * (1 + self.growth) ** week) if week >= 0 else 0

    def chunks(self, week: int) -> list[Chunk]:
        """Chunks of the products first seen in a week."""
        before, after = self.count(week - 1), self.count(week)
        begins = range(before, after, CHUNK_ROWS)
        return [Chunk(week, number, first, min(CHUNK_ROWS, after - first)) for number, first in enumerate(begins)]

    def known(self, week: int) -> list[Chunk]:
        """Chunks of all products known at the end of a week."""
        return [chunk for cohort in range(week + 1) for chunk in self.chunks(cohort)]

    def products(self, week: int) -> Iterator[pa.RecordBatch]:
        """Products first seen in a week (week 0: the initial catalogue), rows as in `schemas.PRODUCTS`."""
        return (self.product_batch(chunk) for chunk in self.chunks(week))

    def feedback(self, week: int) -> Iterator[pa.RecordBatch]:
        """Feedback ingested in a week over all known products, rows as in `schemas.FEEDBACK`.

        Week 0 also brings the history of the initial catalogue. An id may come again: a duplicate in the same week, a
        retraction with the corrected count in the next one.
        """
        return (self.feedback_batch(chunk, week) for chunk in self.known(week))

    def truth(self, week: int, ids: Collection[str] | None = None) -> Iterator[pa.RecordBatch]:
        """True damage per shipment of every known product (or those in `ids`) in every package type.

        For tests and benchmarks only: no job may see it. Rows as in `schemas.TRUTH`; `suitable` means that the product
        fits and that at most 2 % of its shipments are damaged.
        """
        wanted = None if ids is None else pa.array(sorted(ids), pa.string())
        for chunk in self.known(week):
            rows = self.truth_batch(chunk, week)
            yield rows if wanted is None else rows.filter(pc.is_in(rows["product_id"], wanted))

    def product_batch(self, chunk: Chunk) -> pa.RecordBatch:
        """Product rows of one chunk."""
        return self._scene(chunk).products()

    def feedback_batch(self, chunk: Chunk, week: int) -> pa.RecordBatch:
        """Feedback rows of one chunk that are ingested in a week, by time of ingestion."""
        return self._scene(chunk).feedback(week)

    def truth_batch(self, chunk: Chunk, week: int) -> pa.RecordBatch:
        """Truth of one chunk in a week: one row per product and package type, types by rank."""
        return self._scene(chunk).truth(week)

    def _scene(self, chunk: Chunk) -> Scene:
        types = tuple(sorted(self.package_types, key=lambda t: t.rank))
        return Scene.of(World(self.seed, types, self.drift, Weeks(self.start)), chunk)
