"""From a damage rate to suitability, and from a label model's score to a damage rate: two ways that are not inverse.

Suitability is P(damage rate <= limit). A model of damage gives the mean rate of products like this one. Their rates
spread log-logistically with scale `SPREAD`, so with the median at mean * sin(pi spread) / (pi spread)

    P = 1 / (1 + (median / limit)^(1 / spread)).

In the generator's physics this is within .04 of the true share for means from .1 to 2.5 %, the range that decides.

A model of labels gives P(label says suitable), and labels are noisy: few shipments, 60 % of damage reported. Its best
scores stay near .96 however safe the product is, so the formula above would not hold. What does is damage in proportion
to the odds against,

    damage = LEVEL * (1 - P) / P,

the best for total cost of the formulas tried on the generator with labels of 3,000 to 300,000 products.
"""

from __future__ import annotations

from math import pi, sin
from typing import Final

import numpy as np

from processing.decisions.arrays import Floats

SPREAD: Final = 0.62
LEVEL: Final = 0.10
EDGE: Final = 1e-6  # a score nearer to 0 or 1 says no more


def damage_of(score: Floats) -> Floats:
    """Mean damage rate of products with this score of a label model, at most 1; falls as the score rises."""
    safe = np.clip(score, EDGE, 1 - EDGE)
    return np.asarray(np.minimum(LEVEL * (1 - safe) / safe, 1.0))


def suitability_of(damage: Floats, limit: float) -> Floats:
    """P(damage rate <= limit) of products with this mean damage rate."""
    median = np.maximum(damage, 1e-12) * sin(pi * SPREAD) / (pi * SPREAD)
    return np.asarray(1 / (1 + (median / limit) ** (1 / SPREAD)))
