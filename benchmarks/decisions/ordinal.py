"""One model of damage for all package types, from counts: the research behind the expected-cost rule.

Rows are what was observed: so many units of a product in a package type, so many of them bad. The protection rank is a
feature like any other, so what was learned in one type helps its neighbours. The mean of `bad` is

    exposure * rate + noise        exposure = units * reporting rate, or units * severity of a test
                                   noise    = units * rate of false reports

and the rate is the exponential of a boosted sum of trees. Counts are negative binomial: rates of like products differ,
so a hundred units of one product are not a hundred times the evidence of one unit (variance = mean + mean squared).
Whether a row is a test is a feature too: shops try weak packs on strong products, tests do not choose. Damage is
predicted as a test would find it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from benchmarks.decisions.shop import Counts
from processing.architectures.lightgbm import lgb
from processing.decisions.arrays import Flags, Floats
from rightpack.settings import Labels

Singles = npt.NDArray[np.float32]
SEVERITY: Final = 6.0  # a test treats a unit as roughly as six shipments
FALSE_REPORTS: Final = 0.002
ALL_FAIL: Final = 0.98  # not even the roughest test breaks every unit
TEST_WEIGHT: Final = 2.0
PATIENCE: Final = 40
LEAVES: Final = (15, 31)
MANY: Final = 100_000  # observations that bear the larger trees
MOST_ROUNDS: Final = 800
PARAMETERS: Final[Mapping[str, Any]] = {
    "learning_rate": 0.1,
    "max_bin": 63,
    "min_data_in_leaf": 20,
    "min_sum_hessian_in_leaf": 5.0,
    "feature_fraction": 0.4,
    "lambda_l2": 20.0,
    "cat_smooth": 20.0,
    "cat_l2": 20.0,
    "min_data_per_group": 50,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 7,
}


@dataclass(frozen=True, slots=True)
class Reports:
    """Observations: product (row of the matrix), type, whether it is a test; counts and how they follow from a rate."""

    row: npt.NDArray[np.intp]
    place: npt.NDArray[np.intp]
    test: Singles
    bad: Singles
    exposure: Singles
    noise: Singles
    most: Singles
    weight: Singles

    @classmethod
    def of(cls, counts: Counts, rule: Labels) -> Self:
        """What shipments and tests have shown."""
        row, place = np.nonzero(counts.shipped > 0)
        units = counts.shipped[row, place]
        tested, tested_place = np.nonzero(counts.tested > 0)
        tests = counts.tested[tested, tested_place]
        return cls(
            np.r_[row, tested],
            np.r_[place, tested_place],
            _joined(np.zeros(len(row)), np.ones(len(tested))),
            _joined(counts.bad[row, place], counts.failed[tested, tested_place]),
            _joined(units * rule.reporting_rate, tests * SEVERITY),
            _joined(units * FALSE_REPORTS, np.zeros(len(tested))),
            _joined(np.full(len(row), np.inf), tests * ALL_FAIL),
            _joined(np.ones(len(row)), np.full(len(tested), TEST_WEIGHT)),
        )

    @classmethod
    def of_truth(cls, damage: Floats, known: Flags) -> Self:
        """Perfect knowledge where `known` [products, types], as if a hundred shipments had shown exactly the mean."""
        row, place = np.nonzero(known)
        ones = np.ones(len(row), np.float32)
        bad = (100 * damage[row, place]).astype(np.float32)
        return cls(row, place, ones, bad, 100 * ones, 1e-9 * ones, np.inf * ones, ones)

    def take(self, which: Flags) -> Reports:
        """Some of the observations."""
        return Reports(*(getattr(self, f.name)[which] for f in fields(self)))

    def rates(self, types: int) -> Floats:
        """Mean damage rate by type, never rising with protection; a whiff of damage where nothing was seen."""
        bad = np.bincount(self.place, self.weight * self.bad, minlength=types) + 1
        exposure = np.bincount(self.place, self.weight * self.exposure, minlength=types) + 100
        return np.asarray(np.minimum.accumulate(bad / exposure))

    def mean(self, margin: Floats) -> tuple[Singles, Singles]:
        """Expected counts at log rates, and their slope in the log rate."""
        hit = self.exposure * np.exp(np.minimum(margin, 0).astype(np.float32))
        free = hit + self.noise
        slope = np.where(free < self.most, hit, 0.02 * hit)  # a test at its limit says little, but not nothing
        return np.minimum(free, self.most), slope

    def gradient(self, margin: Floats, _: Any) -> tuple[Singles, Singles]:
        """Gradient and expected curvature of the negative binomial deviance."""
        mean, slope = self.mean(margin)
        scale = self.weight * slope / (mean * (1 + mean))
        return scale * (mean - self.bad), scale * slope + np.float32(1e-9)

    def deviance(self, margin: Floats, _: Any) -> tuple[str, float, bool]:
        """Mean negative log likelihood, up to what does not depend on the rates; lower is better."""
        mean, _slope = self.mean(margin)
        each = (self.bad + 1) * np.log1p(mean) - self.bad * np.log(mean)
        return "deviance", float(np.average(each.astype(np.float64), weights=self.weight)), False


@dataclass(frozen=True, slots=True)
class Matrix:
    """Products as the model sees them [products, columns], and which columns are categories."""

    values: Singles
    categories: tuple[int, ...]

    def rows(self, reports: Reports) -> Singles:
        """One row per observation: the product, then type and kind of evidence."""
        asked = np.stack([reports.place.astype(np.float32), reports.test], axis=1)
        return np.concatenate([self.values[reports.row], asked], axis=1)


class DamageModel:
    """A booster of log rates around each type's mean rate."""

    def __init__(self, booster: Any, start: Floats) -> None:
        self._booster, self._start = booster, start

    @classmethod
    def fit(cls, matrix: Matrix, reports: Reports, *, rounds: int, types: int, threads: int) -> Self:
        """Boost for so many rounds."""
        start = np.log(reports.rates(types))
        return cls(lgb.train(_settings(reports, threads), _data(matrix, reports, start), rounds), start)

    @classmethod
    def tune(
        cls, matrix: Matrix, reports: Reports, held: Reports, *, types: int, threads: int
    ) -> tuple[Self, list[float]]:
        """Boost until the deviance of held-out observations stops falling; the model, and the deviance by round."""
        start = np.log(reports.rates(types))
        data = _data(matrix, reports, start)
        seen: dict[str, dict[str, list[float]]] = {}
        callbacks = [lgb.early_stopping(PATIENCE, verbose=False), lgb.record_evaluation(seen)]
        watched = _data(matrix, held, start, data)
        settings = _settings(reports, threads)
        booster = lgb.train(settings, data, MOST_ROUNDS, valid_sets=[watched], feval=held.deviance, callbacks=callbacks)
        return cls(booster, start), list(seen["valid_0"]["deviance"])

    def predict(self, values: Singles, *, threads: int, rounds: int | None = None) -> Floats:
        """Damage rates [products, types] as tests would find them; not yet in the order of protection."""
        columns = []
        for place, start in enumerate(self._start):
            asked = np.tile(np.array([place, 1.0], np.float32), (len(values), 1))
            rows = np.concatenate([values, asked], axis=1)
            margin = self._booster.predict(rows, raw_score=True, num_threads=threads, num_iteration=rounds)
            columns.append(np.exp(np.minimum(margin + start, 0)))
        return np.stack(columns, axis=1)


def _joined(shipments: Floats, tests: Floats) -> Singles:
    return np.concatenate([shipments, tests]).astype(np.float32)


def _settings(reports: Reports, threads: int) -> dict[str, Any]:
    leaves = LEAVES[len(reports.row) > MANY]
    return {**PARAMETERS, "objective": reports.gradient, "num_leaves": leaves, "num_threads": threads}


def _data(matrix: Matrix, reports: Reports, start: Floats, reference: Any = None) -> Any:
    return lgb.Dataset(
        matrix.rows(reports),
        reports.bad,
        init_score=start[reports.place],
        reference=reference,
        categorical_feature=list(matrix.categories),
        params={"verbosity": -1, "max_bin": PARAMETERS["max_bin"], "min_data_in_leaf": PARAMETERS["min_data_in_leaf"]},
    )
