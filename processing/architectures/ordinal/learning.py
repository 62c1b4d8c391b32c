"""Learning: find out on held-out products how long to boost and how far to trust the model, then learn from all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa

from processing.architectures.ordinal.counts import Counts
from processing.architectures.ordinal.likelihood import SEVERITY, Reports
from processing.architectures.ordinal.sight import Sight
from processing.architectures.ordinal.trees import DamageTrees, Matrix, Recipe
from processing.decisions import DamageCost, Evidence, Offer, Policy, Products, Trust, trust
from processing.decisions.arrays import Flags, Floats, Indices
from processing.decisions.reading import products_of
from processing.features.raw import RawColumns
from rightpack.packaging import PackageType
from rightpack.settings import Features, Labels

CROSSED: Final = 50_000  # up to so many products every fold is held out once; beyond, one fold is evidence enough


@dataclass(frozen=True, slots=True)
class Lesson:
    """Products as the model sees them and as decisions do, with what was heard about them; all in one order.

    `types` come by protection, as the columns of `counts` do.
    """

    sight: Sight
    matrix: Matrix
    products: Products
    counts: Counts
    types: tuple[PackageType, ...]

    @classmethod
    def of(
        cls, table: pa.Table, counts: Counts, types: Sequence[PackageType], features: Features, *, dimensions: int
    ) -> Self:
        """Learn to see the products of `table`, one row each."""
        raw = RawColumns(table, "the training data")
        sight = Sight.learn(raw, features, dimensions)
        return cls(sight, sight.matrix(raw), products_of(table), counts, tuple(types))

    def __len__(self) -> int:
        """Number of products."""
        return len(self.products)


@dataclass(frozen=True, slots=True)
class Learned:
    """The model, the policy that held-out tests support, and the rounds and held-out deviance that tuning chose."""

    trees: DamageTrees
    trust: Trust
    rounds: int
    deviance: float


def learn(lesson: Lesson, rule: Labels, policy: Policy, recipe: Recipe, *, cost: DamageCost | None = None) -> Learned:
    """Tune on held-out products, ask their tests how far to trust the model, then learn from all.

    `policy` is the team's own; `cost` what a damaged shipment costs.
    """
    reports = Reports.of(lesson.counts, rule)
    tuned = list(_tuned(lesson, reports, recipe))
    shortest = min(len(history) for _, _, history in tuned)
    curve = np.mean([history[:shortest] for _, _, history in tuned], axis=0)
    rounds = int(np.argmin(curve)) + 1
    held = np.concatenate([np.flatnonzero(side) for _, side, _ in tuned])
    values, threads = lesson.matrix.values, recipe.threads
    believed = [trees.predict(values[side], threads=threads, rounds=rounds) for trees, side, _ in tuned]
    found = _trust(lesson, held, np.concatenate(believed), policy, cost)
    return Learned(DamageTrees.fit(lesson.matrix, reports, recipe, rounds), found, rounds, float(curve[rounds - 1]))


def _tuned(lesson: Lesson, reports: Reports, recipe: Recipe) -> Iterator[tuple[DamageTrees, Flags, list[float]]]:
    """Models with the products that each has not seen, and how they did there by round."""
    folds = recipe.parameters["folds"]
    fold = np.arange(len(lesson)) % folds
    for number in range(folds if len(lesson) <= CROSSED else 1):
        side: Flags = fold == number
        out = side[reports.row]
        trees, history = DamageTrees.tune(lesson.matrix, reports.take(~out), reports.take(out), recipe)
        yield trees, side, history


def _trust(lesson: Lesson, held: Indices, believed: Floats, policy: Policy, cost: DamageCost | None) -> Trust:
    """What the tests of held-out products say, in the order of the products."""
    order = np.argsort(held)
    rows = held[order]
    products = Products(*(getattr(lesson.products, name)[rows] for name in ("sides", "mass", "price", "liquid")))
    offer = Offer.of(products, lesson.types, damage=believed[order], cost=cost)
    counts = lesson.counts.take(rows)
    return trust(offer, policy, Evidence.of_tests(counts.tested, counts.failed, SEVERITY))
