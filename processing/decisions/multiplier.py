"""One multiplier that keeps all products together within a damage budget.

To minimise total cost subject to a mean damage rate, charge every damaged shipment an extra amount (the multiplier) and
let each product choose for itself: whatever the products then choose is the cheapest choice of all that damage no more
(Lagrange; Gurumoorthy et al., arXiv 2006.03239, section 4). Damage falls as the multiplier rises, so bisection finds
the smallest multiplier that meets the budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from processing.decisions.arrays import Flags, Floats, Indices
from processing.decisions.rules import cheapest

STEPS: Final = 60
CLOSE: Final = 1e-4  # share of what is left to unsettled products that may stay unused
LARGEST: Final = 1e12


@dataclass(frozen=True, slots=True)
class Balance:
    """Choices at a `multiplier` (extra money per damaged shipment), their mean damage `rate`, and if it is allowed."""

    multiplier: float
    chosen: Indices
    rate: float
    met: bool


@dataclass(frozen=True, slots=True)
class Market:
    """Costs and damage rates, types first; every product is allowed at least one type, whose damage is known.

    `favoured` is the type that a product keeps if another one is only as good; -1: none.
    """

    costs: Floats
    damage: Floats
    allowed: Flags
    favoured: Indices

    def at(self, multiplier: float) -> Indices:
        """The cheapest allowed type of each product."""
        return cheapest(self.costs + multiplier * self.damage, self.allowed, favoured=self.favoured)[0]

    def damaged(self, chosen: Indices) -> float:
        """Sum of the damage rates of chosen types."""
        return float(self.damage[chosen, np.arange(len(chosen))].sum())

    def only(self, rows: Flags) -> Market:
        """Some of the products."""
        return Market(self.costs[:, rows], self.damage[:, rows], self.allowed[:, rows], self.favoured[rows])

    def safest(self) -> Indices:
        """Allowed types of least damage; the cheapest of equals."""
        least = np.where(self.allowed, self.damage, np.inf).min(axis=0, initial=np.inf)
        return cheapest(self.costs, self.allowed & (self.damage <= least), favoured=self.favoured)[0]


def balance(market: Market, budget: float | None) -> Balance:
    """The least multiplier from 0 on whose choices damage at most `budget` on average; without a budget, 0.

    Where even the safest choices exceed the budget, those are returned with `met` False and an infinite multiplier.
    """
    products = max(market.costs.shape[1], 1)
    loose, safest = market.at(0.0), market.safest()
    if budget is None or market.damaged(loose) <= budget * products:
        return Balance(0.0, loose, market.damaged(loose) / products, met=True)
    if market.damaged(safest) > budget * products:
        return Balance(np.inf, safest, market.damaged(safest) / products, met=False)
    multiplier = _bisect(market, budget * products, loose)
    chosen = market.at(multiplier) if np.isfinite(multiplier) else safest
    return Balance(multiplier, chosen, market.damaged(chosen) / products, met=True)


def _bisect(market: Market, most: float, loose: Indices) -> float:
    """Halve an interval of multipliers with more than `most` damage below and at most that above.

    A product that chooses the same at both ends chooses that in between too: it is settled and not asked again.
    """
    low, high = 0.0, _upper(market, most)
    if not np.isfinite(high):
        return high
    tight = market.at(high)
    for _ in range(STEPS):
        open_ = loose != tight
        most -= market.only(~open_).damaged(tight[~open_])
        market, loose, tight = market.only(open_), loose[open_], tight[open_]
        middle = (low + high) / 2
        if most - market.damaged(tight) <= CLOSE * abs(most) or not low < middle < high:
            break
        chosen = market.at(middle)
        if market.damaged(chosen) <= most:
            high, tight = middle, chosen
        else:
            low, loose = middle, chosen
    return high


def _upper(market: Market, most: float) -> float:
    """A multiplier whose choices damage at most `most`; infinite if only the safest choices of all do."""
    multiplier = 1.0
    while multiplier < LARGEST:
        if market.damaged(market.at(multiplier)) <= most:
            return multiplier
        multiplier *= 8
    return np.inf
