"""Which products fit into which package types, and how much material each would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.columns import LIQUID, MASS, PRICE, SIDES, Column, Kind, pick
from rightpack.packaging import PackageType

FloatArray = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
UNBOUNDED: Final = 1e9  # what a package type's limit is when nobody set one


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What is known of products: `sides` [products, 3] longest first in cm, `mass` in g, `price`; NaN is unknown.

    `liquid` is 1, 0 or NaN. Unknown sides come last, so that a known one that is too long for a type still counts.
    """

    sides: FloatArray
    mass: FloatArray
    price: FloatArray
    liquid: FloatArray

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Read the columns that `table` has; what is absent, not finite or not above 0 is unknown."""
        sides = np.stack([_positive(_numbers(table, name)) for name in SIDES], axis=1)
        ordered = -np.sort(-sides, axis=1)
        price = _numbers(table, PRICE)
        price[price < 0] = np.nan
        return cls(ordered, _positive(_numbers(table, MASS)), price, _numbers(table, LIQUID))

    def __len__(self) -> int:
        """Number of products."""
        return len(self.mass)

    @property
    def unknown(self) -> Flags:
        """Products whose size, mass or nature (liquid or not) is not known."""
        return np.isnan(self.sides).any(axis=1) | np.isnan(self.mass) | np.isnan(self.liquid)

    @property
    def surface_dm2(self) -> FloatArray:
        """Surface of the product's own box; NaN where a side is unknown."""
        long, middle, short = self.sides.T
        surface: FloatArray = 2 * (long * middle + long * short + middle * short) / 100
        return surface


def _numbers(table: pa.Table, name: str) -> FloatArray:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    kind = Kind.FLAG if pa.types.is_boolean(table.schema.field(name).type) else Kind.NUMBER
    values: Any = pick(table, Column(name, kind), "the features").cast(pa.float64())
    numbers: FloatArray = np.array(values.to_numpy(), dtype=np.float64)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _positive(values: FloatArray) -> FloatArray:
    return np.where(values > 0, values, np.nan)


def fits(products: Dimensions, types: Sequence[PackageType], fallback: int | None) -> Flags:
    """Whether each product fits each type [products, types].

    What is unknown is not assumed: a product without a side, a mass or a word on being liquid fits only types that set
    no such limit, and the type at index `fallback`, which takes everything that is not known to be too much for it.
    """
    columns = [_fits_one(products, t, benefit_of_doubt=index == fallback) for index, t in enumerate(types)]
    return np.stack(columns, axis=1) if columns else np.zeros((len(products), 0), np.bool_)


def _fits_one(products: Dimensions, package: PackageType, *, benefit_of_doubt: bool) -> Flags:
    limits = np.sort(np.array(package.max_sides_cm))[::-1]
    within = np.where(np.isnan(products.sides), benefit_of_doubt | (limits >= UNBOUNDED), products.sides <= limits)
    mass_unbounded = package.max_weight_g >= UNBOUNDED
    light = np.where(np.isnan(products.mass), benefit_of_doubt | mass_unbounded, products.mass <= package.max_weight_g)
    dry = np.where(np.isnan(products.liquid), benefit_of_doubt, products.liquid == 0) | package.allows_liquid
    fitting: Flags = within.all(axis=1) & light.astype(np.bool_) & dry.astype(np.bool_)
    return fitting


def material_costs(products: Dimensions, types: Sequence[PackageType]) -> FloatArray:
    """Material cost [products, types]; a product of unknown size costs the fixed part."""
    surface = np.nan_to_num(products.surface_dm2, nan=0.0)
    return np.stack([t.cost_fixed + t.cost_per_dm2 * surface for t in types], axis=1)
