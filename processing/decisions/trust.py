"""Does the model beat the baseline, and how careful must the policy be? Asked of tests that the model has not seen.

A laboratory tests every type that a product fits, and picks its products at random. So what a policy would have damaged
can be read off the tests, without the bias of shipments, where weak packs were tried on strong products. The saving of
a policy is the mean saving that the model estimates over all held-out products, plus the mean by which the tests differ
from the estimates (a doubly robust estimate: the model only makes it more precise, the tests make it right).

Picked types break more often than estimated: they were picked because their estimates were low, some of them by luck.
Caution makes up for that. With few tests the saving hardly tells one caution from the next, so instead of the one that
happened to come out best, an average is taken, in which each counts by how likely it is to be as good as the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from processing.decisions.arrays import Flags, Floats, Indices
from processing.decisions.decide import decide
from processing.decisions.offer import Offer
from processing.decisions.outcome import chosen_values
from processing.decisions.policy import Policy
from processing.decisions.rules import baseline_types

CAUTIONS: Final = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
DEVIATIONS: Final = 1.28  # one-sided confidence of 90 %
LEAST_TESTS: Final = 100  # damage is rare: fewer tested products can miss it altogether, and then seem sure


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

    saving: float
    error: float
    tests: int

    @property
    def sure(self) -> float:
        """What is saved with a confidence of 90 %; minus infinity on too few tests."""
        return self.saving - DEVIATIONS * self.error if self.tests >= LEAST_TESTS else -np.inf


@dataclass(frozen=True, slots=True)
class Trust:
    """The policy that the evidence supports, what it is worth, and what was tried: caution and worth."""

    policy: Policy
    worth: Worth
    tried: tuple[tuple[float, Worth], ...]


@dataclass(frozen=True, slots=True)
class Savings:
    """What a policy saves on each product: by the model's word, and by how much tests say more.

    `believed` is NaN where nothing is known, `surprise` where the product was not tested in both types that count: the
    policy's and the baseline's. That holds for products which both ways treat alike, too; a laboratory that tests one
    type only must not make the others seem to be without surprises.
    """

    believed: Floats
    surprise: Floats

    def less(self, other: Savings) -> Savings:
        """The difference from another policy on the same products and tests."""
        return Savings(self.believed - other.believed, self.surprise - other.surprise)

    @property
    def worth(self) -> Worth:
        """Mean and standard error; without two tests nothing is known."""
        believed, surprise = (values[~np.isnan(values)] for values in (self.believed, self.surprise))
        tests = len(surprise)
        if tests < 2 or len(believed) < 2:
            return Worth(0.0, np.inf, tests)
        variance = surprise.var(ddof=1) / tests + believed.var(ddof=1) / len(believed)
        return Worth(float(believed.mean() + surprise.mean()), float(np.sqrt(variance)), tests)


def trust(offer: Offer, policy: Policy, evidence: Evidence, *, cautions: Sequence[float] = CAUTIONS) -> Trust:
    """Choose the caution by held-out products; if that does not surely save anything, the baseline is to decide.

    `offer` holds estimates of a model that has not learned from these products.
    """
    free = replace(policy.unguarded, trusted=True)
    reference = baseline_types(offer, policy)

    def at(caution: float) -> Savings:
        chosen = decide(offer, replace(free, caution=caution)).chosen
        return savings(offer, chosen, reference, evidence)

    found = [at(caution) for caution in cautions]
    caution = _average(cautions, found)
    worth = at(caution).worth
    tried = tuple((caution, each.worth) for caution, each in zip(cautions, found, strict=True))
    return Trust(replace(policy, caution=caution, trusted=worth.sure > 0), worth, tried)


def savings(offer: Offer, chosen: Indices, reference: Indices, evidence: Evidence) -> Savings:
    """What `chosen` types save over `reference` types."""
    believed = _saved(offer, chosen, reference, offer.damage)
    seen = _saved(offer, chosen, reference, evidence.rates)
    tested: Flags = ~np.isnan(chosen_values(evidence.rates, chosen)) & ~np.isnan(
        chosen_values(evidence.rates, reference)
    )
    return Savings(believed, np.where(tested, seen - believed, np.nan))


def _saved(offer: Offer, chosen: Indices, reference: Indices, damage: Floats) -> Floats:
    costs = offer.pack_cost + damage * offer.damage_cost[:, None]
    saved = chosen_values(costs, reference) - chosen_values(costs, chosen)
    return np.where(chosen == reference, 0.0, saved)


def _average(cautions: Sequence[float], found: Sequence[Savings]) -> float:
    """The geometric mean, each weighted by the likelihood that it saves as much as the best."""
    best = max(found, key=lambda each: each.worth.saving)
    gaps = [best.less(each).worth for each in found]
    weights = np.array([np.exp(-((gap.saving / gap.error) ** 2) / 2) if gap.error > 0 else 1.0 for gap in gaps])
    return float(np.exp(np.average(np.log(cautions), weights=weights)))
