from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from processing.decisions import By, Overrides, Policy, Rule, decide
from processing.decisions.rules import names_of
from tests.unit.decisions.worlds import offer, offers, worlds

THRESHOLD = Policy(by=By.THRESHOLD, threshold=0.85)


def ask(world):
    return decide(world.offer, world.policy, previous=world.previous, overrides=world.overrides)


@given(worlds())
def test_the_same_question_gets_the_same_answer(world):
    one, other = ask(world), ask(world)
    for name in ("chosen", "runner_up", "wanted", "rules", "notes", "changed", "gain"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


@given(worlds())
def test_every_product_gets_one_type_by_one_rule(world):
    decisions = ask(world)
    count = len(world.offer.types)
    assert ((decisions.chosen >= 0) & (decisions.chosen < count)).all()
    assert all(Rule(code) for code in decisions.rules.tolist() if code)
    assert len(decisions) == len(world.offer)


@given(worlds())
def test_a_chosen_type_fits_unless_a_person_said_so_or_nothing_does(world):
    decisions = ask(world)
    rows = np.arange(len(decisions))
    by_hand = np.isin(decisions.rules, [Rule.OVERRIDE_FORCE, Rule.OVERRIDE_FORBID])
    excused = by_hand | (decisions.rules == Rule.NO_FIT)
    kept = np.isin(decisions.rules, [Rule.RAMP_KEEP, Rule.HYSTERESIS_KEEP])
    assert (world.offer.fits[rows, decisions.chosen] | excused).all()
    assert world.keepable[kept].all()


@given(worlds())
def test_a_runner_up_is_open_and_another_type(world):
    decisions = ask(world)
    there = np.flatnonzero(decisions.runner_up >= 0)
    assert world.open[there, decisions.runner_up[there]].all()
    assert (decisions.runner_up[there] != decisions.chosen[there]).all()


@given(worlds())
def test_changed_means_another_type_than_before(world):
    decisions = ask(world)
    np.testing.assert_array_equal(decisions.changed, (world.previous >= 0) & (world.previous != decisions.chosen))


@given(offers(all_fit=True))
def test_the_threshold_rule_takes_the_least_protective_good_type(some):
    decisions = decide(some, THRESHOLD)
    for row, chosen in enumerate(decisions.chosen):
        good = np.flatnonzero(some.suitability[row] >= 0.85)
        assert chosen == (good[0] if len(good) else len(some.types) - 1)


def test_a_threshold_may_differ_by_type():
    one = offer([[0.1, 0.05]], pack_cost=[[0.1, 0.2]], suitability=[[0.9, 0.95]])
    assert decide(one, THRESHOLD).chosen.tolist() == [0]
    strict = Policy(by=By.THRESHOLD, threshold=0.85, thresholds={"none": 0.92})
    assert decide(one, strict).chosen.tolist() == [1]


def test_each_row_says_which_rule_decided():
    made = offer(
        [[0.2, 0.001], [0.2, 0.001], [0.2, 0.001], [0.2, 0.001]],
        pack_cost=[[0.1, 0.2]] * 4,
        fits=[[True, True], [True, False], [False, False], [True, True]],
        suitability=[[0.9, 1], [0.9, 1], [0.9, 1], [0.1, 0.2]],
    )
    assert names_of(decide(made, THRESHOLD).rules) == ["threshold", "only-fit", "no-fit", "fallback"]
    assert names_of(decide(made, Policy()).rules) == ["expected-cost", "only-fit", "no-fit", "expected-cost"]


def test_what_fits_nothing_gets_the_strongest_type_and_a_word_to_people():
    made = offer([[0.2, 0.1]], pack_cost=[[0.1, 0.2]], fits=[[False, False]])
    decisions = decide(made, Policy())
    assert decisions.chosen.tolist() == [1]
    assert names_of(decisions.rules) == ["no-fit"]
    assert decisions.runner_up.tolist() == [-1]


BASELINE = {"pack_cost": [[0.1] * 6], "damage": [[0.5, 0.4, 0.3, 0.2, 0.1, 0.0]]}


def test_a_policy_that_is_not_trusted_gives_everybody_the_baselines_box():
    decisions = decide(offer(**BASELINE), Policy(trusted=False))
    assert decisions.chosen.tolist() == [4]
    assert names_of(decisions.rules) == ["baseline"]


def test_without_any_model_the_baseline_decides():
    made = offer(**BASELINE)
    made.damage[:, :5] = np.nan
    decisions = decide(made, Policy())
    assert decisions.chosen.tolist() == [4]
    assert names_of(decisions.rules) == ["baseline"]


@pytest.mark.parametrize(("fits", "expected"), [([1, 1, 1, 1, 0, 1], 5), ([1, 1, 0, 0, 0, 0], 1)])
def test_where_the_baselines_box_does_not_fit_the_strongest_that_does_is_taken(fits, expected):
    made = offer(**BASELINE, fits=[[bool(f) for f in fits]])
    assert decide(made, Policy(trusted=False)).chosen.tolist() == [expected]


def test_a_baseline_that_is_no_type_means_the_strongest():
    assert decide(offer(**BASELINE), Policy(trusted=False, baseline="crate")).chosen.tolist() == [5]


def test_a_type_without_a_model_is_not_chosen_but_a_product_may_stay_in_it():
    made = offer([[0.2, 0.0, 0.001]], pack_cost=[[0.5, 0.0, 0.6]])
    made.damage[:, 1] = np.nan
    assert decide(made, Policy()).chosen.tolist() == [2]
    stays = decide(made, Policy(), previous=np.array([1]))
    assert stays.chosen.tolist() == [1]
    assert names_of(stays.rules) == ["hysteresis-keep"]


@given(worlds())
def test_a_forced_type_is_always_obeyed(world):
    decisions = ask(world)
    forced = world.overrides.forced >= 0
    np.testing.assert_array_equal(decisions.chosen[forced], world.overrides.forced[forced])
    assert set(decisions.rules[forced].tolist()) <= {Rule.OVERRIDE_FORCE}


@given(worlds())
def test_a_forbidden_type_is_never_given(world):
    decisions = ask(world)
    free = np.flatnonzero(world.overrides.forced < 0)
    assert not world.overrides.forbidden[free, decisions.chosen[free]].any()


def test_forbidding_shows_where_it_made_a_difference_only():
    made = offer([[0.001, 0.0], [0.5, 0.0]], pack_cost=[[0.1, 0.2], [0.1, 0.2]])
    forbidden = np.array([[True, False], [True, False]])
    nothing = np.full(2, -1, dtype=np.intp)
    decisions = decide(made, Policy(), overrides=Overrides(nothing, forbidden, np.zeros(2, np.intp), ("by hand",)))
    assert decisions.chosen.tolist() == [1, 1]
    assert names_of(decisions.rules) == ["override-forbid", "expected-cost"]
    assert decisions.notes.tolist() == [0, -1]
