"""The guard against models that know too little: only tests that the model has not seen make a policy trusted."""

from __future__ import annotations

import numpy as np
import pytest

from processing.decisions import Evidence, Policy, decide, savings, trust
from tests.unit.decisions.worlds import offer

ROWS, COUNT = 6000, 5


def shop(seed, error):
    """An offer with the truth and an estimate of it that is wrong by a log-normal `error`; types 0 to 4, 4 the box."""
    rng = np.random.default_rng(seed)
    truth = np.sort(np.exp(rng.normal(-5, 1.5, (ROWS, COUNT))).clip(0, 0.15), axis=1)[:, ::-1]
    believed = np.sort(truth * np.exp(rng.normal(-error, error, truth.shape)), axis=1)[:, ::-1]
    cost = np.tile(np.array([0.0, 0.1, 0.2, 0.4, 0.6]), (ROWS, 1))
    known = offer(believed.tolist(), pack_cost=cost.tolist(), damage_cost=[60.0] * ROWS)
    return known, truth, rng


def laboratory(truth, rng, share):
    """Tests of all types of a random share of products, five units each and six times as hard as a shipment."""
    units = np.where(rng.random(len(truth)) < share, 5.0, 0.0)[:, None] * np.ones(COUNT)
    return Evidence.of_tests(units, rng.binomial(5, np.minimum(6 * truth, 0.98)) * (units > 0), 6.0)


def true_cost(known, truth, chosen):
    rows = np.arange(len(truth))
    return (known.pack_cost[rows, chosen] + known.damage_cost * truth[rows, chosen]).mean()


BOX = Policy(baseline="carton")


def test_a_good_model_with_enough_tests_is_trusted():
    known, truth, rng = shop(1, error=0.3)
    found = trust(known, BOX, laboratory(truth, rng, 0.3))
    assert found.policy.trusted
    assert found.worth.sure > 0


def test_a_model_that_knows_nothing_is_not_trusted():
    known, truth, rng = shop(2, error=0.3)
    known.damage[:] = rng.permutation(known.damage, axis=0) * 0.05
    assert not trust(known, BOX, laboratory(truth, rng, 0.3)).policy.trusted


def test_too_few_tests_are_no_evidence():
    known, truth, rng = shop(3, error=0.1)
    assert not trust(known, BOX, laboratory(truth, rng, 0.001)).policy.trusted


def test_no_tests_at_all_mean_the_baseline():
    known, truth, rng = shop(4, error=0.1)
    assert not trust(known, BOX, laboratory(truth, rng, 0.0)).policy.trusted


def test_whoever_is_too_sure_of_weak_packs_is_made_careful():
    known, truth, rng = shop(5, error=0.1)
    known.damage[:] = truth / 4
    found = trust(known, BOX, laboratory(truth, rng, 0.5), cautions=(1.0, 4.0))
    assert found.policy.trusted
    assert found.policy.caution > 3.5


@pytest.mark.parametrize("seed", range(8))
def test_the_trusted_policy_is_not_worse_than_the_baseline_however_wrong_the_model(seed):
    known, truth, rng = shop(seed, error=[0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0][seed])
    found = trust(known, BOX, laboratory(truth, rng, 0.1))
    box = true_cost(known, truth, decide(known, Policy(trusted=False)).chosen)
    assert true_cost(known, truth, decide(known, found.policy).chosen) <= box


def test_the_saving_is_estimated_without_bias_whatever_the_model_believes():
    known, truth, rng = shop(6, error=1.0)
    chosen = decide(known, Policy()).chosen
    box = np.full(ROWS, 4, dtype=np.intp)
    true = true_cost(known, truth, box) - true_cost(known, truth, chosen)
    found = [savings(known, chosen, box, laboratory(truth, rng, 0.2)).worth for _ in range(40)]
    mean, error = np.mean([w.saving for w in found]), np.mean([w.error for w in found])
    assert abs(mean - true) <= 4 * error / np.sqrt(40)
    assert 0.5 <= np.std([w.saving for w in found]) / error <= 1.5


def test_products_without_a_test_are_no_evidence_even_where_nothing_would_change():
    known, truth, rng = shop(7, error=0.5)
    box = np.full(ROWS, 4, dtype=np.intp)
    evidence = laboratory(truth, rng, 0.2)
    count = int((~np.isnan(evidence.rates[:, 0])).sum())
    assert savings(known, box, box, evidence).worth.tests == count


def test_tests_of_one_type_alone_say_nothing_of_savings():
    """A laboratory that tests one type of many products must not drown what it found by testing all of a few."""
    known, truth, rng = shop(9, error=0.5)
    box, weakest = np.full(ROWS, 4, dtype=np.intp), np.zeros(ROWS, dtype=np.intp)
    full = laboratory(truth, rng, 0.1).rates
    partial = np.where(np.isnan(full), np.where(np.arange(COUNT) == 1, 0.02, np.nan), full)
    for chosen in (box, weakest):
        one, other = (savings(known, chosen, box, Evidence(rates)).worth for rates in (full, partial))
        assert one == other
    assert trust(known, BOX, Evidence(partial)).worth.tests == trust(known, BOX, Evidence(full)).worth.tests


def test_a_budget_or_a_ramp_does_not_blur_the_question():
    known, truth, rng = shop(8, error=0.3)
    evidence = laboratory(truth, rng, 0.3)
    bound = Policy(damage_budget=0.0001, change_share=0.0, least_gain=5.0)
    found, free = trust(known, bound, evidence), trust(known, Policy(), evidence)
    assert found.tried == free.tried
    assert found.policy.caution == free.policy.caution
    assert found.policy.damage_budget == 0.0001


def test_with_little_evidence_the_caution_is_in_the_middle_and_with_much_at_the_best():
    known, truth, rng = shop(9, error=0.1)
    known.damage[:] = truth / 3
    few, many = laboratory(truth, rng, 0.02), laboratory(truth, rng, 1.0)
    grid = (1.0, 3.0, 9.0)
    spread = [abs(np.log(trust(known, BOX, e, cautions=grid).policy.caution / 3.0)) for e in (few, many)]
    assert spread[1] < 0.1
    single = trust(known, BOX, many, cautions=(2.0,)).policy.caution
    assert single == pytest.approx(2.0)
