"""An invented shop in memory: products, what was heard about them, and the truth to judge decisions by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from processing.architectures.ordinal.counts import Counts
from processing.decisions import Offer, Products
from processing.decisions.arrays import Flags, Floats, Indices
from processing.decisions.reading import products_of
from processing.generator import Catalogue
from rightpack.packaging import PackageType

LAB: str = "lab_test"


@dataclass(frozen=True, slots=True)
class Shop:
    """Products (a table as in the warehouse), counts of feedback, and the true damage rate [products, types]."""

    types: tuple[PackageType, ...]
    table: pa.Table
    counts: Counts
    damage: Floats

    @classmethod
    def of(cls, seed: int, size: int, types: Iterable[PackageType]) -> Self:
        """The catalogue of week 0 with all feedback that came in up to the end of that week."""
        ordered = tuple(sorted(types, key=lambda t: t.rank))
        catalogue = Catalogue(seed, size, ordered)
        table = pa.Table.from_batches(catalogue.products(0)).combine_chunks()
        damage = np.concatenate([batch["damage"].to_numpy() for batch in catalogue.truth(0)])
        feedback = pa.Table.from_batches(catalogue.feedback(0))
        counts = add_up(feedback, table["product_id"].combine_chunks(), [t.name for t in ordered])
        return cls(ordered, table, counts, damage.reshape(size, len(ordered)))

    def __len__(self) -> int:
        """Number of products."""
        return int(self.table.num_rows)

    def take(self, rows: slice) -> Shop:
        """Some of the products."""
        begin, end, _ = rows.indices(len(self))
        return Shop(self.types, self.table.slice(begin, end - begin), self.counts.take(rows), self.damage[rows])

    @property
    def products(self) -> Products:
        """What a decision needs to know."""
        return products_of(self.table)

    def offer(self, *, damage: Floats | None = None, suitability: Floats | None = None) -> Offer:
        """What may be decided with these estimates."""
        return Offer.of(self.products, self.types, damage=damage, suitability=suitability)

    def judge(self, offer: Offer) -> Offer:
        """The same offer with the truth instead of estimates."""
        return replace(offer, damage=self.damage)


def add_up(feedback: pa.Table, ids: pa.Array, names: list[str]) -> Counts:
    """Counts by product and type; of several versions of an event the one that came in last counts."""
    latest = feedback.take(_latest(feedback))
    row = pc.index_in(latest["product_id"], value_set=ids).to_numpy()
    place = pc.index_in(latest["package_type"], value_set=pa.array(names)).to_numpy()
    lab = pc.equal(latest["source"], LAB).combine_chunks().to_numpy(zero_copy_only=False)
    units, bad = latest["n_units"].to_numpy(), latest["n_bad"].to_numpy()

    def total(which: Flags, values: Indices) -> Floats:
        cells = row[which] * len(names) + place[which]
        sums = np.bincount(cells, values[which], minlength=len(ids) * len(names))
        return sums.astype(np.float64).reshape(len(ids), len(names))

    return Counts(total(~lab, units), total(~lab, bad), total(lab, units), total(lab, bad))


def _latest(feedback: pa.Table) -> pa.Array:
    """Positions of the last version of each event, as the warehouse orders them."""
    order = [
        ("feedback_id", "ascending"),
        ("ingested_at", "descending"),
        ("n_bad", "ascending"),
        ("n_units", "ascending"),
    ]
    positions = pc.sort_indices(feedback, sort_keys=order)
    ids = feedback["feedback_id"].combine_chunks().take(positions).dictionary_encode().indices.to_numpy()
    first: npt.NDArray[np.bool_] = np.r_[True, ids[1:] != ids[:-1]] if len(ids) else np.zeros(0, np.bool_)
    return positions.filter(pa.array(first))
