"""What counts say about damage rates.

The mean of `bad` is

    exposure * rate + noise        exposure = units * reporting rate, or units * severity of a test
                                   noise    = units * rate of false reports

and the rate is the exponential of a boosted sum of trees. Counts are negative binomial: rates of like products differ,
so a hundred units of one product are not a hundred times the evidence of one unit (variance = mean + mean squared).
Whether a row is a test is a feature too: shops try weak packs on strong products, tests do not choose. Damage is
predicted as a test would find it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processing.architectures.ordinal.counts import Counts
from processing.decisions.arrays import Flags, Floats
from rightpack.settings import Labels

Singles = npt.NDArray[np.float32]
SEVERITY: Final = 6.0  # a test treats a unit as roughly as six shipments
FALSE_REPORTS: Final = 0.002
ALL_FAIL: Final = 0.98  # not even the roughest test breaks every unit
TEST_WEIGHT: Final = 2.0


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

    def unit_deviance(self, rates: Floats) -> Floats:
        """How surprising each observation is at these rates: 0 where the mean is what was seen; lower is better."""
        mean, _slope = self.mean(np.log(np.maximum(rates, 1e-9)))
        mean, bad = mean.astype(np.float64), self.bad.astype(np.float64)
        perfect = (bad + 1) * np.log1p(bad) - bad * np.log(np.maximum(bad, 1.0))
        return np.asarray(2 * ((bad + 1) * np.log1p(mean) - bad * np.log(mean) - perfect))


def _joined(shipments: Floats, tests: Floats) -> Singles:
    return np.concatenate([shipments, tests]).astype(np.float32)
