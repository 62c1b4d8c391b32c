"""What the rules pick, before people and the ramp have their say."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from processing.decisions.arrays import Flags, Floats, Indices, some
from processing.decisions.case import MOST, Case, Draft
from processing.decisions.multiplier import Market, balance
from processing.decisions.outcome import chosen_values
from processing.decisions.policy import By
from processing.decisions.rules import Rule, baseline_types, cheapest, first_good, good_enough, strongest

Value = TypeVar("Value", bound=np.generic)


def by_baseline(case: Case) -> Draft:
    """The baseline's type for everybody."""
    wanted = baseline_types(case.offer, case.policy)
    chosen = baseline_types(case.offer, case.policy, case.permitted)
    rules = np.full(len(chosen), Rule.BASELINE, dtype=np.int8)
    rules[case.offer.fits.sum(axis=1) == 1] = Rule.ONLY_FIT
    rules[chosen != wanted] = Rule.OVERRIDE_FORBID
    draft = Draft(chosen, wanted, rules)
    _unstick(case, draft, ~some(case.permitted))
    return draft


def by_model(case: Case) -> Draft:
    """The policy's rule, with hysteresis; products without an open type get the strongest permitted one."""
    by_threshold = case.policy.by is By.THRESHOLD
    draft = _by_threshold(case) if by_threshold else _by_cost(case)
    draft.rules[case.candidates.sum(axis=1) == 1] = Rule.ONLY_FIT
    if case.overrides.forbidden.any():
        draft.rules[_hindered(case, draft.multiplier)] = Rule.OVERRIDE_FORBID
    draft.rules[(draft.chosen == case.previous) & (draft.chosen != draft.wanted)] = Rule.HYSTERESIS_KEEP
    _unstick(case, draft, ~some(case.open))
    _keep_unmodelled(case, draft)
    return draft


def _by_threshold(case: Case) -> Draft:
    """Least protective good type; a previous type that is good too stays unless the pack gets cheaper by enough."""
    wanted, found = first_good(case.offer, case.open, case.policy)
    good, before = good_enough(case.offer, case.open, case.policy), np.maximum(case.favoured, 0)
    saved = chosen_values(case.offer.pack_cost, before) - chosen_values(case.offer.pack_cost, wanted)
    stays = (case.favoured >= 0) & chosen_values(good, before) & (saved <= case.policy.least_gain)
    rules = np.where(found, Rule.THRESHOLD, Rule.FALLBACK).astype(np.int8)
    return Draft(np.where(stays, case.previous, wanted), wanted, rules)


def _by_cost(case: Case) -> Draft:
    """Least cost under the budget; staying is cheaper by the least gain that a change must bring."""
    costs, damage, open_ = _types_first(case.costs()), _types_first(case.offer.damage), _types_first(case.open)
    rows = some(case.open)
    market = Market(_with_switching(costs, case.favoured, case.policy.least_gain), damage, open_, case.favoured)
    found = balance(market if rows.all() else market.only(rows), case.policy.damage_budget)
    chosen = np.zeros(len(rows), dtype=np.intp)
    chosen[rows] = found.chosen
    wanted = chosen.copy()
    if market.costs is not costs:
        wanted, _ = cheapest(costs + min(found.multiplier, MOST) * damage, open_, favoured=case.favoured)
    rules = np.full(len(rows), Rule.EXPECTED_COST, dtype=np.int8)
    return Draft(chosen, wanted, rules, found.multiplier, found.met)


def _types_first(values: npt.NDArray[Value]) -> npt.NDArray[Value]:
    """One type's values side by side in memory."""
    return np.ascontiguousarray(values.T)


def _with_switching(costs: Floats, favoured: Indices, least_gain: float) -> Floats:
    """Costs with the price of leaving the favoured type; types first."""
    if least_gain <= 0 or not (favoured >= 0).any():
        return costs
    leaving = (np.arange(len(costs))[:, None] != favoured) & (favoured >= 0)
    switched: Floats = costs + least_gain * leaving
    return switched


def _hindered(case: Case, multiplier: float) -> Flags:
    """Products that would have got, or kept, a type that somebody forbade."""
    if case.policy.by is By.THRESHOLD:
        free, _ = first_good(case.offer, case.candidates, case.policy)
    else:
        free, _ = cheapest(case.costs(multiplier).T, case.candidates.T)
    kept = (case.previous >= 0) & chosen_values(case.overrides.forbidden, np.maximum(case.previous, 0))
    would = some(case.candidates) & chosen_values(case.overrides.forbidden, free)
    return np.asarray(kept | would)


def _unstick(case: Case, draft: Draft, stuck: Flags) -> None:
    """Give products without an open type the strongest that is left, and say why."""
    if not stuck.any():
        return
    permitted, fits = some(case.permitted), some(case.offer.fits)
    left = np.where(permitted[:, None], case.permitted, ~case.overrides.forbidden)
    rules = np.select([permitted, fits], [Rule.FALLBACK, Rule.OVERRIDE_FORBID], Rule.NO_FIT).astype(np.int8)
    draft.chosen = np.where(stuck, strongest(left), draft.chosen)
    draft.wanted = np.where(stuck, draft.chosen, draft.wanted)
    draft.rules = np.where(stuck, rules, draft.rules)


def _keep_unmodelled(case: Case, draft: Draft) -> None:
    """A product stays in a type about which nothing is known today: no reason to move is not a reason to move."""
    if case.offer.modelled.all():
        return
    stays = case.keepable & ~case.offer.modelled[np.maximum(case.previous, 0)] & (draft.chosen != case.previous)
    draft.chosen = np.where(stays, case.previous, draft.chosen)
    draft.rules[stays] = Rule.HYSTERESIS_KEEP
