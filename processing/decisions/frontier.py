"""What more or less damage would cost: the trade-off behind the policy, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from processing.decisions.decide import decide
from processing.decisions.offer import Offer
from processing.decisions.policy import By, Policy

CAUTIONS: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
THRESHOLDS: Final = (0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class Point:
    """One policy and its means per shipment by the offer's estimates; `share` is the mix of package types."""

    by: By
    setting: float
    damage: float
    pack_cost: float
    grams: float
    cost: float
    share: tuple[float, ...]


def frontier(
    offer: Offer, policy: Policy, *, cautions: Sequence[float] = CAUTIONS, thresholds: Sequence[float] = THRESHOLDS
) -> list[Point]:
    """Damage against material for both rules: the cost rule by caution, the threshold rule by threshold.

    Nothing is kept from an earlier run and nothing overridden, so that points differ by the policy alone.
    """
    free = replace(policy.unguarded, thresholds={})
    by_cost = [replace(free, by=By.EXPECTED_COST, caution=caution) for caution in cautions]
    by_bar = [replace(free, by=By.THRESHOLD, threshold=threshold) for threshold in thresholds]
    return [_point(offer, chosen) for chosen in (*by_cost, *by_bar)]


def _point(offer: Offer, policy: Policy) -> Point:
    decisions = decide(offer, policy)
    totals = decisions.totals(offer)
    mix = np.bincount(decisions.chosen, minlength=len(offer.types)) / max(len(offer), 1)
    setting = policy.threshold if policy.by is By.THRESHOLD else policy.caution
    return Point(policy.by, setting, share=tuple(mix.tolist()), **totals)
