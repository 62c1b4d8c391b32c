"""Which products may go into which package types, and what material that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from processing.decisions.arrays import Flags, Floats, some
from rightpack.packaging import PackageType

UNBOUNDED: Final = 1e9  # what a package type's limit is when nobody set one


@dataclass(frozen=True, slots=True)
class Products:
    """What is known of products, NaN where it is not.

    `sides` [products, 3] in cm in any order, `mass` in g, `price` in the shop's currency, `liquid` 1 or 0.
    """

    sides: Floats
    mass: Floats
    price: Floats
    liquid: Floats

    def __len__(self) -> int:
        """Number of products."""
        return len(self.mass)

    @property
    def ordered_sides(self) -> Floats:
        """Sides from longest to shortest; unknown if one of them is."""
        ordered = np.sort(self.sides, axis=1)[:, ::-1]
        return np.where(some(np.isnan(ordered))[:, None], np.nan, ordered)

    @property
    def unknown(self) -> Flags:
        """Products whose size, mass or nature (liquid or not) is not known."""
        missing: Flags = some(np.isnan(self.sides)) | np.isnan(self.mass) | np.isnan(self.liquid)
        return missing


def fallback_of(types: Sequence[PackageType]) -> int | None:
    """Index of the strongest of the ordered types if it has no model of its own: it is the fallback."""
    return len(types) - 1 if types and not types[-1].trained else None


def fits(products: Products, types: Sequence[PackageType]) -> Flags:
    """Whether each product may go into each type [products, types]: sides, mass, and liquids where none are allowed.

    What is unknown is not assumed: such a product fits only types that set no limit on it, and the fallback, which
    takes everything that is not known to be too much for it. Sides turn freely; limits are inner ones.
    """
    sides, fallback = products.ordered_sides, fallback_of(types)
    columns = [_fits_one(products, sides, t, doubt=index == fallback) for index, t in enumerate(types)]
    return np.stack(columns).T if columns else np.zeros((len(products), 0), np.bool_)


def _fits_one(products: Products, sides: Floats, package: PackageType, *, doubt: bool) -> Flags:
    """One type's column; `doubt` gives what is unknown the benefit of it."""
    limits = np.sort(np.array(package.max_sides_cm))[::-1]
    fitting: Flags = np.ones(len(products), np.bool_)
    for side, limit in zip(sides.T, limits, strict=True):
        fitting &= _within(side, float(limit), doubt=doubt)
    fitting &= _within(products.mass, package.max_weight_g, doubt=doubt)
    if not package.allows_liquid:
        fitting &= _within(products.liquid, 0.0, doubt=doubt)
    return fitting


def _within(values: Floats, limit: float, *, doubt: bool) -> Flags:
    if doubt or limit >= UNBOUNDED:
        return ~(values > limit)
    return np.asarray(values <= limit)


def material(products: Products, types: Sequence[PackageType]) -> tuple[Floats, Floats]:
    """Money and grams of a pack of each type, both [products, types].

    The pack is as large as the product with cushion on every side. Of a product of unknown size only the fixed cost
    is known: it counts as having no surface.
    """
    sides = products.ordered_sides
    money, grams = np.zeros((2, len(types), len(products)))
    for index, package in enumerate(types):
        area = _surface_dm2(sides, package.cushion_mm)
        money[index] = package.cost_fixed + package.cost_per_dm2 * area
        grams[index] = package.grams_per_dm2 * area
    return money.T, grams.T


def _surface_dm2(sides: Floats, cushion_mm: float) -> Floats:
    long, middle, short = (side + cushion_mm / 5 for side in sides.T)  # both faces of a side, mm to cm
    surface: Floats = np.nan_to_num(2 * (long * middle + long * short + middle * short) / 100, nan=0.0)
    return surface
