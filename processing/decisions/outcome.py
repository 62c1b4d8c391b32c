"""What was decided."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from processing.decisions.arrays import Codes, Flags, Floats, Indices
from processing.decisions.offer import Offer

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Decisions:
    """One package type per product, as indices into the offer's types, and which rule decided.

    Attributes:
        chosen: the type.
        runner_up: the next cheapest allowed type; -1 if there is none.
        wanted: what the rule picked before overrides, hysteresis and ramp had their say.
        rules: `Rule` codes.
        notes: index of the override's words; -1 where none applies.
        changed: products whose type is another one than before.
        gain: expected saving per shipment of `wanted` over the previous type, damage at the policy's prices; 0 for
            products without one.
        multiplier: extra money per damaged shipment that keeps the budget.
        budget_met: whether the rule's choices keep the budget (forced and kept types may still exceed it).
    """

    chosen: Indices
    runner_up: Indices
    wanted: Indices
    rules: Codes
    notes: Indices
    changed: Flags
    gain: Floats
    multiplier: float
    budget_met: bool

    def __len__(self) -> int:
        """Number of products."""
        return len(self.chosen)

    def take(self, rows: slice) -> Decisions:
        """Those of some products."""
        per_product = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"multiplier", "budget_met"}
        }
        return replace(self, **{name: values[rows] for name, values in per_product.items()})

    def of(self, values: Floats) -> Floats:
        """Each product's value [products, types] for its chosen type."""
        return chosen_values(values, self.chosen)

    def totals(self, offer: Offer) -> dict[str, float]:
        """Means per shipment by the offer's estimates: damage, pack cost, grams, total cost; what is unknown is NaN."""
        named = {
            "damage": offer.damage,
            "pack_cost": offer.pack_cost,
            "grams": offer.grams,
            "cost": offer.expected_cost,
        }
        return {name: float(np.mean(self.of(values))) if len(self) else 0.0 for name, values in named.items()}


def chosen_values(values: npt.NDArray[Value], chosen: Indices) -> npt.NDArray[Value]:
    """The value [products, types] of one type per product."""
    picked: npt.NDArray[Value] = values[np.arange(len(chosen)), chosen]
    return picked
