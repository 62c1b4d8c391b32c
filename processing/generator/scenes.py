"""One chunk of products and everything about it: the unit that is made alone, in any order, in parallel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from processing.generator import corruption, events, listing, physics, seeds
from processing.generator import latents as lat
from processing.generator.arrays import Bools, Floats, Identities, Ints
from processing.generator.drift import Drift, acts
from processing.generator.schemas import FEEDBACK, TIMESTAMP, TRUTH
from processing.generator.weeks import WEEK, Weeks, moments
from rightpack.packaging import PackageType

PAST_WEEKS: Final = 52


@dataclass(frozen=True, slots=True)
class World:
    """What all chunks share; `types` by protection rank."""

    seed: int
    types: tuple[PackageType, ...]
    drift: Drift
    weeks: Weeks


@dataclass(frozen=True, slots=True)
class Chunk:
    """Products first seen in week `cohort`; `first` is the running number of its first product in the catalogue."""

    cohort: int
    number: int
    first: int
    rows: int

    @property
    def index(self) -> Identities:
        """Running numbers of its products."""
        return np.arange(self.first, self.first + self.rows, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Scene:
    """A chunk with what all its tables start from."""

    world: World
    chunk: Chunk
    latents: lat.Latents
    hints: listing.Hints
    first_seen: Ints
    fit: Bools

    @classmethod
    def of(cls, world: World, chunk: Chunk) -> Scene:
        """Draw the products of a chunk."""
        surge = acts(world.drift.covariate, chunk.cohort)
        latents = lat.draw(chunk.rows, _stream(world, chunk, "latents"), surge=surge)
        hints = listing.hints(latents, _stream(world, chunk, "hints"))
        fit = physics.fits(latents, hints.liquid, world.types)
        return cls(world, chunk, latents, hints, _first_seen(world, chunk), fit)

    @property
    def identities(self) -> pa.Array:
        """Product ids."""
        return seeds.product_ids(self.world.seed, self.chunk.index)

    def products(self) -> pa.RecordBatch:
        """Rows of the product table."""
        rng = self.stream("listing")
        rows = listing.batch(self.identities, self.latents, self.hints, self.first_seen, rng)
        if acts(self.world.drift.data, self.chunk.cohort):
            return corruption.corrupt(rows, self.stream("corruption"))
        return rows

    def feedback(self, week: int) -> pa.RecordBatch:
        """Rows of the feedback table that are ingested in a week, by time of ingestion."""
        span, habits = self._span(week), events.habits(self.latents, self.fit, self.stream("habits"))
        parts = [self._shipments(week, habits)[0], *self._tests(week, habits)]
        rng = self.stream("again", week)
        parts += [events.again(part, span.end, rng) for part in parts]
        if week > self.chunk.cohort:
            parts.append(events.retractions(*self._shipments(week - 1, habits), span, rng))
        return self._rows(events.joined(parts))

    def truth(self, week: int) -> pa.RecordBatch:
        """One row per product and package type, types by rank."""
        damage, names = self.damage(week), [t.name for t in self.world.types]
        cost, grams = physics.material_use(self.latents, self.world.types)
        suitable = self.fit & (damage <= physics.DAMAGE_LIMIT)
        product, place = np.divmod(np.arange(damage.size), len(names))
        columns = [self.identities.take(pa.array(product)), pa.array(names).take(pa.array(place))]
        columns += [pa.array(values.ravel()) for values in (damage, self.fit, suitable, cost, grams)]
        return pa.RecordBatch.from_arrays(columns, schema=TRUTH)

    def damage(self, week: int) -> Floats:
        """True damage probability per shipment in a week, shape (products, types)."""
        drift, types = self.world.drift, self.world.types
        if acts(drift.concept, week):
            types = tuple(_thinner(t) if t.name == drift.concept_type else t for t in types)
        return physics.damage(self.latents, types)

    def stream(self, purpose: str, *more: int) -> np.random.Generator:
        """Random numbers of this chunk for one purpose."""
        return _stream(self.world, self.chunk, purpose, *more)

    def _span(self, week: int) -> events.Span:
        weeks = self.world.weeks
        return events.Span(
            week=week,
            begin=weeks.begin(week),
            end=weeks.begin(week + 1),
            first_seen=self.first_seen,
            history=week == 0,
            newcomers=week == self.chunk.cohort,
            season=weeks.season(week) if week else 1.0,
        )

    def _shipments(self, week: int, habits: events.Habits) -> tuple[events.Events, Ints]:
        reported = events.REPORTED_LESS if acts(self.world.drift.label, week) else events.REPORTED
        rng = self.stream("shipments", week)
        return events.shipments(habits, self.damage(week), self._span(week), rng, reported=reported)

    def _tests(self, week: int, habits: events.Habits) -> Iterator[events.Events]:
        if week == self.chunk.cohort:
            rng = self.stream("lab")
            yield events.lab_tests(habits, self.damage(week), self.fit, self._span(week), rng)
        bad = self.world.drift.bad_labels
        if bad is not None and week >= bad.week:
            place = [t.name for t in self.world.types].index(bad.package_type)
            rng = self.stream("broken-lab", week)
            yield events.broken_tests(self.fit, place, self._span(week), rng, share=bad.share)

    def _rows(self, heard: events.Events) -> pa.RecordBatch:
        names = pa.array([t.name for t in self.world.types])
        columns = [
            seeds.event_ids(self.world.seed, self.chunk.index[heard.row], heard.key.astype(np.uint64)),
            self.identities.take(pa.array(heard.row)),
            names.take(pa.array(heard.place)),
            pa.array(self._versions(heard).astype(np.int32)),
            pa.array(events.SOURCES).take(pa.array(heard.source)),
            pa.array(heard.units.astype(np.int32)),
            pa.array(heard.bad.astype(np.int32)),
            pa.array(heard.observed).cast(TIMESTAMP),
            pa.array(heard.ingested).cast(TIMESTAMP),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=FEEDBACK)

    def _versions(self, heard: events.Events) -> Ints:
        """Version of the package type that each event is about: the one in use in the event's own week."""
        drift, types = self.world.drift, self.world.types
        versions = np.array([t.version for t in types])[heard.place]
        if drift.concept is None or not drift.announced:
            return versions
        changed = np.array([t.name == drift.concept_type for t in types])[heard.place]
        return np.asarray(versions + (changed & (heard.key // events.SLOTS >= drift.concept)))


def _stream(world: World, chunk: Chunk, purpose: str, *more: int) -> np.random.Generator:
    return seeds.stream(world.seed, purpose, chunk.cohort, chunk.number, *more)


def _first_seen(world: World, chunk: Chunk) -> Ints:
    """Within the week; the initial catalogue grew during the year before (and in week 0 as in any other)."""
    begin = world.weeks.begin(chunk.cohort)
    earliest = begin if chunk.cohort else begin - PAST_WEEKS * WEEK
    return moments(_stream(world, chunk, "first-seen").random(chunk.rows), earliest, begin + WEEK)


def _thinner(package_type: PackageType) -> PackageType:
    return replace(package_type, cushion_mm=package_type.cushion_mm / 2)
