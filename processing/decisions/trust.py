"""Does the model beat the baseline, and how careful must the policy be? Asked of tests that the model has not seen.

A laboratory tests every type that a product fits, and picks its products at random. So what a policy would have damaged
can be read off the tests, without the bias of shipments, where weak packs were tried on strong products. The saving of
a policy is the mean saving that the model estimates over all held-out products, plus the mean by which the tests differ
from the estimates (a doubly robust estimate: the model only makes it more precise, the tests make it right).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from processing.decisions.arrays import Flags, Floats, Indices, some
from processing.decisions.decide import decide
from processing.decisions.offer import Offer
from processing.decisions.outcome import chosen_values
from processing.decisions.policy import Policy
from processing.decisions.rules import baseline_types

CAUTIONS: Final = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
DEVIATIONS: Final = 1.28  # one-sided confidence of 90 %
LEAST_TESTS: Final = 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """Unbiased estimates of damage rates [products, types], NaN where a product was not tested in a type."""

    rates: Floats

    @classmethod
    def of_tests(cls, units: Floats, bad: Floats, severity: float) -> Self:
        """Tests of so many `units`; a test is `severity` times as hard as a shipment."""
        return cls(np.where(units > 0, bad / (np.maximum(units, 1) * severity), np.nan))


@dataclass(frozen=True, slots=True)
class Worth:
    """Saving per shipment against the baseline, its standard error, and the number of tested products behind it."""

    caution: float
    saving: float
    error: float
    tests: int

    @property
    def sure(self) -> float:
        """What is saved with a confidence of 90 %; minus infinity on too few tests."""
        return self.saving - DEVIATIONS * self.error if self.tests >= LEAST_TESTS else -np.inf


@dataclass(frozen=True, slots=True)
class Trust:
    """The policy that the evidence supports, and what each caution was found to be worth."""

    policy: Policy
    tried: tuple[Worth, ...]

    @property
    def best(self) -> Worth:
        """The caution that surely saves most; the most cautious of equals."""
        return max(reversed(self.tried), key=lambda worth: worth.sure)


def trust(offer: Offer, policy: Policy, evidence: Evidence, *, cautions: Sequence[float] = CAUTIONS) -> Trust:
    """Choose the caution that surely saves most on held-out products; without a sure saving, the baseline.

    `offer` holds estimates of a model that has not learned from these products.
    """
    free = replace(policy, damage_budget=None, least_gain=0.0, change_share=1.0, trusted=True)
    reference = baseline_types(offer, policy)
    tried = []
    for caution in cautions:
        chosen = decide(offer, replace(free, caution=caution)).chosen
        tried.append(saving(offer, chosen, reference, evidence=evidence, caution=caution))
    found = Trust(policy, tuple(tried))
    if found.best.sure <= 0:
        return Trust(replace(policy, trusted=False), found.tried)
    return Trust(replace(policy, trusted=True, caution=found.best.caution), found.tried)


def saving(offer: Offer, chosen: Indices, reference: Indices, *, evidence: Evidence, caution: float = 1.0) -> Worth:
    """What `chosen` types save per shipment over `reference` types."""
    believed = _saved(offer, chosen, reference, offer.damage)
    seen = _saved(offer, chosen, reference, evidence.rates)
    # an untested product that both ways treat alike saves nothing for sure, yet it is no test
    tested: Flags = some(~np.isnan(evidence.rates)) & ~np.isnan(seen) & ~np.isnan(believed)
    tests = int(tested.sum())
    if tests < 2:
        return Worth(caution, 0.0, np.inf, tests)
    surprise = (seen - believed)[tested]
    known = believed[~np.isnan(believed)]
    variance = surprise.var(ddof=1) / tests + known.var() / len(known)
    return Worth(caution, float(known.mean() + surprise.mean()), float(np.sqrt(variance)), tests)


def _saved(offer: Offer, chosen: Indices, reference: Indices, damage: Floats) -> Floats:
    costs = offer.pack_cost + damage * offer.damage_cost[:, None]
    saved = chosen_values(costs, reference) - chosen_values(costs, chosen)
    return np.where(chosen == reference, 0.0, saved)
