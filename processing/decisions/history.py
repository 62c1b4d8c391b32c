"""What a product's own past says about it, on top of what a model says about products like it.

Damage rates of like products spread around the model's estimate, by a factor that is much the same in every package
type: a product that breaks more often than its likes breaks more often in all of them. With that factor gamma
distributed with mean 1 and variance `SPREAD`, counts give its posterior mean in closed form:

    factor = (1 / SPREAD + damage seen) / (1 / SPREAD + damage that the model expected)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from processing.decisions.arrays import Floats

SPREAD: Final = 2.0  # of 0.5, 1, 2 and 4 the one with the lowest true cost on the generator's products
ROUNDS: Final = 4  # of finding out in turn which reports are real and how large the factor is


@dataclass(frozen=True, slots=True)
class History:
    """Feedback on each product [products, types]: units shipped, damage reported, units tested, tests failed."""

    shipped: Floats
    bad: Floats
    tested: Floats
    failed: Floats


@dataclass(frozen=True, slots=True)
class Hearing:
    """How feedback is heard: the share of damage that is reported, the rate of false reports, how hard tests are."""

    reporting_rate: float = 0.6
    false_rate: float = 0.002
    severity: float = 6.0


def with_history(damage: Floats, history: History, hearing: Hearing | None = None) -> Floats:
    """Damage rates after each product's own feedback [products, types]; unknown estimates (NaN) stay unknown.

    Products without feedback keep the model's estimate. The order of protection is kept.
    """
    hearing = hearing or Hearing()
    known = np.nan_to_num(damage, nan=0.0)
    real, false = history.shipped * hearing.reporting_rate * known, history.shipped * hearing.false_rate
    tests = history.tested * np.minimum(hearing.severity * known, 1.0)
    failed = np.where(known > 0, history.failed, 0.0)
    expected, factor = (real + tests).sum(axis=1), np.ones(len(damage))
    for _ in range(ROUNDS):
        likely = factor[:, None] * real
        believed = np.divide(likely, likely + false, out=np.zeros_like(real), where=likely > 0)
        factor = (1 / SPREAD + (history.bad * believed + failed).sum(axis=1)) / (1 / SPREAD + expected)
    return np.asarray(np.minimum(damage * factor[:, None], 1.0))
