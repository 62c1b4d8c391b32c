"""Hysteresis and ramp: a shop must not be turned over in one night, nor for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from processing.decisions import By, Policy, Rule, decide
from processing.decisions.rules import names_of
from tests.unit.decisions.worlds import offer, worlds


def ask(world):
    return decide(world.offer, world.policy, previous=world.previous, overrides=world.overrides)


def free_to_stay(world, decisions):
    """Products that nobody and nothing makes change."""
    return world.keepable & (world.overrides.forced < 0)


@given(worlds())
def test_no_more_than_the_ramps_share_changes_unless_it_must(world):
    decisions = ask(world)
    must = decisions.changed & ~free_to_stay(world, decisions)
    allowed = int(world.policy.change_share * np.count_nonzero(world.previous >= 0))
    assert np.count_nonzero(decisions.changed) <= max(allowed, np.count_nonzero(must))


@given(worlds())
def test_nothing_changes_for_less_than_the_least_gain(world):
    decisions = ask(world)
    if not (world.policy.trusted and world.offer.scored) or world.policy.by is By.THRESHOLD:
        return
    rows = np.flatnonzero(decisions.changed & free_to_stay(world, decisions))
    rows = rows[world.open[rows, world.previous[rows]]]
    if not np.isfinite(decisions.multiplier):
        return
    costs = world.costs(decisions.multiplier)
    gain = costs[rows, world.previous[rows]] - costs[rows, decisions.chosen[rows]]
    assert (gain >= world.policy.least_gain - 1e-9 * np.maximum(1, costs[rows, world.previous[rows]])).all()


@given(worlds())
def test_of_those_that_may_wait_the_largest_gains_change(world):
    decisions = ask(world)
    waiting = decisions.rules == Rule.RAMP_KEEP
    moved = decisions.changed & free_to_stay(world, decisions)
    if waiting.any() and moved.any():
        assert decisions.gain[moved].min() >= decisions.gain[waiting].max()


@given(worlds())
def test_what_waits_keeps_its_type(world):
    decisions = ask(world)
    kept = np.isin(decisions.rules, [Rule.RAMP_KEEP, Rule.HYSTERESIS_KEEP])
    np.testing.assert_array_equal(decisions.chosen[kept], world.previous[kept])
    assert not decisions.changed[kept].any()


TWO = {"damage": [[0.01, 0.0]], "pack_cost": [[0.1, 0.3]]}  # costs .2 and .3


@pytest.mark.parametrize(("least", "chosen", "rule"), [(0.05, 0, "expected-cost"), (0.15, 1, "hysteresis-keep")])
def test_a_small_saving_does_not_move_a_product(least, chosen, rule):
    decisions = decide(offer(**TWO), Policy(least_gain=least), previous=np.array([1]))
    assert decisions.chosen.tolist() == [chosen]
    assert names_of(decisions.rules) == [rule]
    assert decisions.wanted.tolist() == [0]
    assert decisions.gain[0] == pytest.approx(0.1)


def test_equal_costs_keep_what_was_there():
    same = offer([[0.01, 0.0]], pack_cost=[[0.1, 0.2]])
    for before in (0, 1):
        assert decide(same, Policy(), previous=np.array([before])).chosen.tolist() == [before]
    assert decide(same, Policy()).chosen.tolist() == [0]


def test_under_a_threshold_a_good_type_stays_until_the_pack_gets_cheaper_by_enough():
    one = offer(**TWO, suitability=[[0.9, 0.99]])
    for least, chosen in ((0.1, 0), (0.25, 1)):
        policy = Policy(by=By.THRESHOLD, least_gain=least)
        assert decide(one, policy, previous=np.array([1])).chosen.tolist() == [chosen]


def test_under_a_threshold_a_type_that_is_no_longer_good_does_not_stay():
    one = offer(**TWO, suitability=[[0.5, 0.99]])
    policy = Policy(by=By.THRESHOLD, least_gain=100.0)
    assert decide(one, policy, previous=np.array([0])).chosen.tolist() == [1]


def test_hysteresis_does_not_hold_a_product_in_a_type_that_it_no_longer_fits():
    one = offer(**TWO, fits=[[True, False]])
    decisions = decide(one, Policy(least_gain=9.0, change_share=0.0), previous=np.array([1]))
    assert decisions.chosen.tolist() == [0]
    assert decisions.changed.tolist() == [True]


def test_new_products_are_not_held_back_by_the_ramp():
    decisions = decide(offer(**TWO), Policy(change_share=0.0), previous=np.array([-1]))
    assert names_of(decisions.rules) == ["expected-cost"]


def test_the_ramp_lets_the_largest_gains_go_first_and_equal_ones_by_row():
    shop = offer([[0.0, 0.0]] * 4, pack_cost=[[0.1, 0.3], [0.1, 0.9], [0.1, 0.3], [0.1, 0.3]])
    decisions = decide(shop, Policy(change_share=0.5), previous=np.ones(4, np.intp))
    assert names_of(decisions.rules) == ["expected-cost", "expected-cost", "ramp-keep", "ramp-keep"]


def test_what_must_change_uses_up_the_ramp_first():
    shop = offer([[0.0, 0.0]] * 4, pack_cost=[[0.1, 0.3]] * 4, fits=[[True, False]] * 2 + [[True, True]] * 2)
    decisions = decide(shop, Policy(change_share=0.5), previous=np.ones(4, np.intp))
    assert decisions.changed.tolist() == [True, True, False, False]


def test_hysteresis_is_part_of_what_the_budget_balances():
    rng = np.random.default_rng(5)
    damage = np.sort(np.exp(rng.normal(-5, 1.5, (3000, 4))).clip(0, 1), axis=1)[:, ::-1]
    shop = offer(damage.tolist(), pack_cost=np.sort(rng.random((3000, 4)), axis=1).tolist())
    policy = Policy(damage_budget=0.004, least_gain=0.1)
    decisions = decide(shop, policy, previous=rng.integers(0, 4, 3000))
    assert decisions.budget_met
    assert decisions.totals(shop)["damage"] <= 0.004
    assert np.count_nonzero(decisions.rules == Rule.HYSTERESIS_KEEP) > 0


def test_without_a_model_those_with_most_at_stake_get_the_box_first():
    shop = offer([[0.5, 0.0]] * 3, pack_cost=[[0.1, 0.2]] * 3, damage_cost=[10, 500, 20])
    policy = Policy(trusted=False, baseline="paper-bag", change_share=0.34)
    decisions = decide(shop, policy, previous=np.zeros(3, np.intp))
    assert decisions.changed.tolist() == [False, True, False]
