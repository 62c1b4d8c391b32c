"""The decision: rule, then overrides, hysteresis and ramp, for all products at once.

1. A type is open to a product if the product fits it, a model (or the fallback's promise) speaks for it, and no
   override forbids it.
2. The rule picks among the open types. Under `expected-cost` staying with the previous type is `least_gain` cheaper,
   which makes hysteresis part of what the budget's multiplier balances.
3. Forced types replace the rule's. Of the products that would change without need, those with the largest gains do,
   up to the ramp's share; the others keep their type for now.
"""

from __future__ import annotations

import numpy as np

from processing.decisions.arrays import Floats, Indices
from processing.decisions.case import Case, Draft
from processing.decisions.drafts import by_baseline, by_model
from processing.decisions.offer import Offer
from processing.decisions.outcome import Decisions, chosen_values
from processing.decisions.overrides import Overrides
from processing.decisions.policy import Policy
from processing.decisions.rules import Rule, cheapest


def decide(
    offer: Offer, policy: Policy, *, previous: Indices | None = None, overrides: Overrides | None = None
) -> Decisions:
    """Pick one type per product; the same arguments give the same decisions, ties go to the earlier row.

    `previous` are indices into the offer's types, -1 for products that had none. Every product gets a type: without an
    open one the strongest permitted, and if it fits none the strongest of all (`no-fit`: somebody must look at it).
    """
    before = np.full(len(offer), -1, dtype=np.intp) if previous is None else previous
    case = Case.of(offer, policy, before, overrides or Overrides.none(len(offer), len(offer.types)))
    modelled = policy.trusted and offer.scored
    draft = by_model(case) if modelled else by_baseline(case)
    costs = case.costs(draft.multiplier)
    gain = _gain(case, draft, costs) if modelled else np.where(before >= 0, offer.damage_cost, 0.0)
    _force(case, draft)
    _ramp(case, draft, gain)
    by_hand = np.isin(draft.rules, [Rule.OVERRIDE_FORCE, Rule.OVERRIDE_FORBID])
    return Decisions(
        chosen=draft.chosen,
        runner_up=_runner_up(case, draft, costs),
        wanted=draft.wanted,
        rules=draft.rules,
        notes=np.where(by_hand, case.overrides.note, -1),
        changed=(before >= 0) & (draft.chosen != before),
        gain=gain,
        multiplier=draft.multiplier,
        budget_met=draft.budget_met,
    )


def _gain(case: Case, draft: Draft, costs: Floats) -> Floats:
    """What the wanted type saves over the previous one; 0 where there is none or nothing is known about it."""
    saved = chosen_values(costs, np.maximum(case.previous, 0)) - chosen_values(costs, draft.wanted)
    return np.where(case.previous >= 0, np.nan_to_num(saved, nan=0.0), 0.0)


def _force(case: Case, draft: Draft) -> None:
    """What people decided."""
    forced = case.overrides.forced
    draft.chosen = np.where(forced >= 0, forced, draft.chosen)
    draft.rules[forced >= 0] = Rule.OVERRIDE_FORCE


def _ramp(case: Case, draft: Draft, gain: Floats) -> None:
    """Let at most the policy's share change, the largest gains first; what must change comes before all others."""
    changes = (case.previous >= 0) & (draft.chosen != case.previous)
    must = changes & (~case.keepable | (case.overrides.forced >= 0))
    allowance = int(case.policy.change_share * np.count_nonzero(case.previous >= 0)) - np.count_nonzero(must)
    free = np.flatnonzero(changes & ~must)
    if len(free) <= allowance:
        return
    late = free[np.argsort(-gain[free], kind="stable")[max(allowance, 0) :]]
    draft.chosen[late] = case.previous[late]
    draft.rules[late] = Rule.RAMP_KEEP


def _runner_up(case: Case, draft: Draft, costs: Floats) -> Indices:
    """The cheapest open type beside the chosen one."""
    second, cost = cheapest(costs.T, case.open.T, barred=draft.chosen)
    return np.where(np.isfinite(cost), second, -1)
