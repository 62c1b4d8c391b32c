"""One run's question, and a decision in the making."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from processing.decisions.arrays import Codes, Flags, Floats, Indices
from processing.decisions.offer import Offer
from processing.decisions.outcome import chosen_values
from processing.decisions.overrides import Overrides
from processing.decisions.policy import Policy

MOST: Final = 1e9  # an infinite multiplier, as a number that costs can be reckoned with


@dataclass(frozen=True, slots=True)
class Case:
    """The offer, the policy, what products had before (-1: nothing) and what people decided.

    Attributes:
        candidates: types that fit and about which something is known, whatever people forbade [products, types].
        permitted: types that fit and that nobody forbade, whether or not anything is known about them.
        open: both; these may be chosen.
        keepable: products whose previous type is permitted [products].
        favoured: the previous type where it is open, else -1 [products].
    """

    offer: Offer
    policy: Policy
    previous: Indices
    overrides: Overrides
    candidates: Flags
    permitted: Flags
    open: Flags
    keepable: Flags
    favoured: Indices

    @classmethod
    def of(cls, offer: Offer, policy: Policy, previous: Indices, overrides: Overrides) -> Self:
        """Work out what may be chosen and what may be kept."""
        candidates, permitted = offer.fits & offer.modelled, offer.fits & ~overrides.forbidden
        open_ = candidates & permitted
        had, before = previous >= 0, np.maximum(previous, 0)
        favoured = np.where(had & chosen_values(open_, before), previous, -1)
        keepable = had & chosen_values(permitted, before)
        return cls(offer, policy, previous, overrides, candidates, permitted, open_, keepable, favoured)

    def costs(self, multiplier: float = 0.0) -> Floats:
        """What a rule weighs [products, types]: material, and damage at the policy's prices."""
        price = self.policy.caution * self.offer.damage_cost + min(multiplier, MOST)
        return self.offer.pack_cost + price[:, None] * self.offer.damage


@dataclass(slots=True)
class Draft:
    """A decision in the making; `wanted` is what the rule alone would pick."""

    chosen: Indices
    wanted: Indices
    rules: Codes
    multiplier: float = 0.0
    budget_met: bool = True
