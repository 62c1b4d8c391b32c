"""What products are made of: the latent class that decides weight, shape, price and what breaks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from processing.generator.arrays import Floats, Ints

Spread = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Material:
    """One class. Pairs are mean and standard deviation of a natural logarithm.

    Weight in g, density in g/cm3, critical acceleration (what the product survives) in g, crush resistance in N;
    `leaks` and `sharp` are probabilities, `price` the mean logarithm at the class's usual weight. `categories` are the
    shop's categories where such products are found, with odds.
    """

    name: str
    share: float
    weight: Spread
    density: Spread
    critical: Spread
    crush: Spread
    leaks: float
    sharp: float
    price: float
    categories: dict[str, float]


MATERIALS: Final = (
    Material("textile", 0.16, (5.7, 0.9), (-1.9, 0.6), (6.2, 0.40), (8.0, 0.5), 0.00, 0.00, 3.1,
             {"apparel": 5, "shoes-and-bags": 2, "bed-and-bath": 2, "sports": 1}),
    Material("paper", 0.12, (6.1, 0.7), (-0.6, 0.6), (5.3, 0.35), (6.6, 0.5), 0.00, 0.05, 2.9,
             {"books": 6, "stationery": 3, "toys": 1}),
    Material("soft-plastic", 0.09, (5.6, 1.0), (-1.6, 0.7), (5.7, 0.40), (7.0, 0.6), 0.00, 0.00, 2.8,
             {"bed-and-bath": 2, "pet": 2, "sports": 2, "toys": 2, "kitchen": 1}),
    Material("rigid-plastic", 0.13, (6.4, 1.1), (-1.8, 0.7), (4.9, 0.40), (6.2, 0.6), 0.00, 0.05, 3.3,
             {"kitchen": 3, "toys": 2, "stationery": 2, "garden": 2, "computer-accessories": 1, "automotive": 1}),
    Material("metal", 0.09, (6.9, 1.2), (-0.8, 0.7), (5.5, 0.40), (7.2, 0.6), 0.00, 0.25, 3.5,
             {"tools": 4, "kitchen": 3, "automotive": 2, "garden": 1, "sports": 1}),
    Material("glass-and-ceramic", 0.06, (6.8, 0.9), (-1.1, 0.6), (3.5, 0.35), (5.6, 0.5), 0.00, 0.10, 3.2,
             {"kitchen": 4, "home-decor": 4, "lighting": 2}),
    Material("electronics", 0.12, (6.1, 1.2), (-1.7, 0.6), (4.2, 0.35), (5.9, 0.5), 0.00, 0.00, 4.4,
             {"electronics": 4, "computer-accessories": 3, "phones": 3, "lighting": 1, "tools": 1}),
    Material("wood", 0.05, (8.9, 0.9), (-1.6, 0.5), (4.6, 0.40), (6.6, 0.5), 0.00, 0.10, 4.9,
             {"furniture": 6, "home-decor": 2, "garden": 1}),
    Material("bottled-liquid", 0.08, (6.3, 0.8), (-0.7, 0.5), (4.4, 0.40), (6.2, 0.5), 0.55, 0.00, 2.7,
             {"beauty": 4, "drugstore": 3, "grocery": 2, "automotive": 1, "pet": 1}),
    Material("dry-food", 0.06, (6.3, 0.8), (-1.1, 0.5), (4.8, 0.35), (5.7, 0.5), 0.03, 0.00, 2.5,
             {"grocery": 6, "pet": 2, "drugstore": 1}),
    Material("mixed-toy", 0.04, (6.7, 1.0), (-2.2, 0.6), (4.8, 0.40), (6.0, 0.6), 0.00, 0.00, 3.2,
             {"toys": 6, "sports": 1}),
)  # fmt: skip
NAMES: Final = tuple(m.name for m in MATERIALS)
CATEGORIES: Final = tuple(sorted({name for m in MATERIALS for name in m.categories}))
MISFILED: Final = 0.12
GLASS: Final = NAMES.index("glass-and-ceramic")
SURGING: Final = ("glass-and-ceramic", "wood")
SURGE: Final = 2.5
STIFF: Final = tuple(NAMES.index(n) for n in ("paper", "rigid-plastic", "electronics", "glass-and-ceramic"))


def shares(*, surge: bool = False) -> Floats:
    """Share of every class among products; `surge` is the covariate drift."""
    odds = np.array([m.share * (SURGE if surge and m.name in SURGING else 1.0) for m in MATERIALS])
    return np.asarray(odds / odds.sum())


def column(name: str) -> Floats:
    """One number of every class, to be indexed by class."""
    return np.array([getattr(m, name) for m in MATERIALS], dtype=np.float64)


def logarithmic(name: str, material: Ints, rng: np.random.Generator) -> Floats:
    """Draw a log-normal quantity of products of these classes."""
    mean, deviation = column(name)[material].T
    return np.asarray(np.exp(rng.normal(mean, deviation)))


def category_odds() -> Floats:
    """Probability of each category given the class, shape (classes, categories); some products are misfiled."""
    odds = np.array([[m.categories.get(c, 0.0) for c in CATEGORIES] for m in MATERIALS])
    return np.asarray((1 - MISFILED) * odds / odds.sum(axis=1, keepdims=True) + MISFILED / len(CATEGORIES))
