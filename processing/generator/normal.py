"""The normal distribution function, without a further dependency."""

from __future__ import annotations

from typing import Final

import numpy as np

from processing.generator.arrays import Floats

TAIL: Final = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def probability_below(deviations: Floats) -> Floats:
    """Share of a normal distribution below so many standard deviations (Abramowitz and Stegun 7.1.26, error < 1e-7)."""
    scaled = np.abs(deviations) * np.sqrt(0.5)
    t = 1 / (1 + 0.3275911 * scaled)
    tail = np.zeros_like(t)
    for coefficient in reversed(TAIL):
        tail = (tail + coefficient) * t
    tail *= 0.5 * np.exp(-(scaled**2))
    return np.asarray(np.where(deviations > 0, 1 - tail, tail))
