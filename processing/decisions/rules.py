"""Rules that pick a package type, each for all products at once; and the code that says which one decided."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from processing.decisions.arrays import Codes, Flags, Floats, Indices, some
from processing.decisions.offer import Offer
from processing.decisions.policy import Policy


class Rule(IntEnum):
    """Which rule decided about a product; `text` is what the warehouse keeps."""

    THRESHOLD = 0
    EXPECTED_COST = 1
    ONLY_FIT = 2
    OVERRIDE_FORCE = 3
    OVERRIDE_FORBID = 4
    HYSTERESIS_KEEP = 5
    RAMP_KEEP = 6
    BASELINE = 7
    FALLBACK = 8
    NO_FIT = 9

    @property
    def text(self) -> str:
        """Lower-case with hyphens."""
        return self.name.lower().replace("_", "-")


def cheapest(
    costs: Floats, allowed: Flags, *, favoured: Indices | None = None, barred: Indices | None = None
) -> tuple[Indices, Floats]:
    """The allowed type of least cost and that cost; arrays have types first.

    Of equals the `favoured` type (index per product, -1: none) is taken, then the least protective. `barred` is one
    type per product that may not be taken. Where nothing is allowed: type 0 at infinite cost.
    """
    best = np.full(costs.shape[1], np.inf)
    chosen: Indices = np.zeros(costs.shape[1], dtype=np.intp)
    for index in range(len(costs)):
        better = costs[index] < best
        if favoured is not None:
            better |= (costs[index] == best) & (favoured == index)
        better &= allowed[index]
        if barred is not None:
            better &= barred != index
        np.copyto(best, costs[index], where=better)
        np.copyto(chosen, index, where=better)
    return chosen, best


def first_good(offer: Offer, allowed: Flags, policy: Policy) -> tuple[Indices, Flags]:
    """The least protective type that is good enough, or the strongest allowed one; and where it is good enough."""
    good = good_enough(offer, allowed, policy)
    found = some(good)
    return np.where(found, good.argmax(axis=1), strongest(allowed)), found


def good_enough(offer: Offer, allowed: Flags, policy: Policy) -> Flags:
    """Allowed types that reach their threshold [products, types]."""
    bars = np.array([policy.bar(t.name) for t in offer.types])
    return np.asarray(allowed & (np.nan_to_num(offer.suitability, nan=-1.0) >= bars))


def strongest(allowed: Flags) -> Indices:
    """The most protective allowed type, the last one where none is."""
    types = allowed.shape[1]
    return np.asarray(np.where(some(allowed), types - 1 - allowed[:, ::-1].argmax(axis=1), types - 1))


def baseline_types(offer: Offer, policy: Policy, allowed: Flags | None = None) -> Indices:
    """What the baseline policy gives: its type where allowed (by default, where it fits), else the strongest one."""
    allowed = offer.fits if allowed is None else allowed
    index = offer.index(policy.baseline)
    if index is None:
        return strongest(allowed)
    return np.where(allowed[:, index], index, strongest(allowed))


def names_of(rules: Codes) -> list[str]:
    """Texts of rule codes, for tests and small tables."""
    return [Rule(code).text for code in rules.tolist()]
