"""Everything a decision needs to know about products and package types, ordered by protection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from processing.decisions.arrays import Flags, Floats
from processing.decisions.chances import damage_of, suitability_of
from processing.decisions.fit import Products, fallback_of, fits, material
from processing.decisions.monotone import falling, rising
from rightpack.errors import InternalError
from rightpack.packaging import PackageType

HARDLY: Final = 2.0**-20  # weight of an estimate for a type that the product does not fit: it must not move the others


@dataclass(frozen=True, slots=True)
class DamageCost:
    """What one damaged shipment costs: the price up to `cap`, and `fixed` for handling; an unknown price is `cap`.

    `limit` is the damage rate up to which a type is suitable.
    """

    cap: float = 500.0
    fixed: float = 6.0
    limit: float = 0.02

    def of(self, products: Products) -> Floats:
        """Cost of damage of each product."""
        return np.minimum(np.where(np.isnan(products.price), self.cap, products.price), self.cap) + self.fixed


@dataclass(frozen=True, slots=True)
class Offer:
    """Package types from least to most protective and, for each product and type, what is known [products, types].

    `damage` (mean rate per shipment, never rises with protection) and `suitability` (never falls) are NaN in the
    columns of types without a model; a fallback without a model is suitable by assumption and damages nothing.
    `pack_cost` is money, `grams` material, `damage_cost` [products] money per damaged shipment.
    """

    types: tuple[PackageType, ...]
    fits: Flags
    damage: Floats
    suitability: Floats
    pack_cost: Floats
    grams: Floats
    damage_cost: Floats

    def __post_init__(self) -> None:
        """Refuse types out of order and arrays of different shapes."""
        ranks = [t.rank for t in self.types]
        if ranks != sorted(ranks):
            raise InternalError(f"Package types must come by protection rank, not {[t.name for t in self.types]}.")
        shape = (len(self.damage_cost), len(self.types))
        for name in ("fits", "damage", "suitability", "pack_cost", "grams"):
            found = getattr(self, name).shape
            if found != shape:
                raise InternalError(f"offer.{name} has shape {found}; products and types make it {shape}.")

    @classmethod
    def of(
        cls,
        products: Products,
        types: Sequence[PackageType],
        *,
        damage: Floats | None = None,
        suitability: Floats | None = None,
        cost: DamageCost | None = None,
    ) -> Self:
        """Check the fit, put the models' estimates in order, price the packs.

        Give `damage`, `suitability` or both [products, types], types in the given order, columns NaN for types without
        a model; what is missing follows from the other by `chances`. Without either no type has a model.
        """
        cost, order = cost or DamageCost(), sorted(range(len(types)), key=lambda index: types[index].rank)
        ordered = tuple(types[index] for index in order)
        fitting = fits(products, ordered)
        rates, chances = (None if given is None else given[:, order] for given in (damage, suitability))
        rates, chances = _estimates(rates, chances, cost, fitting)
        fallback = fallback_of(ordered)
        if fallback is not None and np.isnan(rates[:, fallback]).any():
            rates[:, fallback], chances[:, fallback] = 0.0, 1.0
        money, grams = material(products, ordered)
        return cls(ordered, fitting, rates, chances, money, grams, cost.of(products))

    def __len__(self) -> int:
        """Number of products."""
        return len(self.damage_cost)

    @property
    def modelled(self) -> Flags:
        """Types of which something is known [types]."""
        return np.asarray(~np.isnan(self.damage).any(axis=0))

    @property
    def scored(self) -> bool:
        """Whether a model speaks for any type but the fallback."""
        known = np.flatnonzero(self.modelled)
        return any(int(index) != fallback_of(self.types) for index in known)

    @property
    def expected_cost(self) -> Floats:
        """Material and damage per shipment [products, types]."""
        return self.pack_cost + self.damage * self.damage_cost[:, None]

    def index(self, name: str) -> int | None:
        """Place of the type called `name`; None if there is none."""
        return next((index for index, t in enumerate(self.types) if t.name == name), None)

    def take(self, rows: slice | Flags) -> Offer:
        """Some of the products."""
        estimates = self.damage[rows], self.suitability[rows]
        return Offer(
            self.types, self.fits[rows], *estimates, self.pack_cost[rows], self.grams[rows], self.damage_cost[rows]
        )


def _estimates(
    damage: Floats | None, suitability: Floats | None, cost: DamageCost, fitting: Flags
) -> tuple[Floats, Floats]:
    """Damage and suitability that respect protection, each from the other where only one is given."""
    rates = None if damage is None else _by_protection(falling, damage, fitting)
    chances = None if suitability is None else _by_protection(rising, suitability, fitting)
    if rates is None:
        rates = np.full(fitting.shape, np.nan) if chances is None else damage_of(chances)
    if chances is None:
        chances = suitability_of(rates, cost.limit)
    # rounding may put what follows from ordered values a last bit out of order
    return _by_protection(falling, rates, fitting), _by_protection(rising, chances, fitting)


def _by_protection(put_in_order: Callable[[Floats, Floats], Floats], values: Floats, fitting: Flags) -> Floats:
    """Estimates that respect protection, over the types that have a model."""
    known = np.flatnonzero(~np.isnan(values).any(axis=0))
    ordered = np.full(values.shape, np.nan, order="F")
    ordered[:, known] = put_in_order(values[:, known], np.where(fitting[:, known], 1.0, HARDLY))
    return ordered
