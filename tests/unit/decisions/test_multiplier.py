from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.decisions import Policy, decide
from tests.unit.decisions.worlds import assignments, offer, offers

BUDGETS = st.sampled_from([0.0, 0.005, 0.02, 0.1]) | st.floats(0, 0.5)


@settings(max_examples=150)
@given(offers(rows=3, count=4, all_fit=True), BUDGETS)
def test_no_assignment_that_damages_as_little_is_cheaper(small, budget):
    decisions = decide(small, Policy(damage_budget=budget))
    ways, rows = assignments(3, 4), np.arange(3)
    costs, damage = small.expected_cost[rows, ways].sum(axis=1), small.damage[rows, ways].mean(axis=1)
    own_cost, own_damage = decisions.of(small.expected_cost).sum(), decisions.of(small.damage).mean()
    if decisions.budget_met:
        assert own_damage <= budget + 1e-12
        slack = 1e-9 * max(1.0, own_cost)
        assert own_cost <= costs[damage <= own_damage * (1 - 1e-9)].min(initial=np.inf) + slack
    else:
        assert damage.min() > budget - 1e-12
        assert own_damage <= damage.min() + 1e-12


@given(offers(all_fit=True))
def test_without_a_budget_every_product_gets_its_cheapest_type(some):
    decisions = decide(some, Policy())
    np.testing.assert_array_equal(decisions.of(some.expected_cost), some.expected_cost.min(axis=1))
    assert decisions.multiplier == 0


@given(offers(all_fit=True), st.sampled_from([0.5, 2.0, 3.0]))
def test_caution_is_a_price_on_damage(some, caution):
    decisions = decide(some, Policy(caution=caution))
    weighed = some.pack_cost + caution * some.damage_cost[:, None] * some.damage
    np.testing.assert_array_equal(decisions.of(weighed), weighed.min(axis=1))


def many(seed, rows=5000):
    rng = np.random.default_rng(seed)
    damage = np.sort(np.exp(rng.normal(-5, 1.5, (rows, 6))).clip(0, 1), axis=1)[:, ::-1]
    cost = np.sort(rng.random((rows, 6)), axis=1)
    return offer(damage.tolist(), pack_cost=cost.tolist(), damage_cost=np.exp(rng.normal(3, 1, rows)).tolist())


def test_many_products_use_up_their_budget():
    shop = many(1)
    free = decide(shop, Policy()).totals(shop)["damage"]
    safest = shop.damage[:, -1].mean()
    for share in (0.9, 0.5, 0.1):
        budget = safest + share * (free - safest)
        decisions = decide(shop, Policy(damage_budget=budget))
        found = decisions.totals(shop)["damage"]
        assert decisions.budget_met
        assert budget * 0.99 <= found <= budget


def test_a_tighter_budget_costs_more_material():
    shop = many(2)
    budgets = np.linspace(shop.damage[:, -1].mean(), decide(shop, Policy()).totals(shop)["damage"], 6)
    totals = [decide(shop, Policy(damage_budget=float(b))).totals(shop) for b in budgets]
    for name in ("pack_cost", "cost"):
        values = [t[name] for t in totals]
        assert values == sorted(values, reverse=True)


def test_the_multiplier_is_the_price_at_which_everybody_decides_alone():
    shop = many(3)
    decisions = decide(shop, Policy(damage_budget=0.003))
    alone = shop.pack_cost + (shop.damage_cost + decisions.multiplier)[:, None] * shop.damage
    np.testing.assert_allclose(decisions.of(alone), alone.min(axis=1), rtol=1e-12)


def test_a_budget_that_cannot_be_met_gives_the_safest_types_and_says_so():
    small = offer([[0.3, 0.2], [0.3, 0.2]], pack_cost=[[0.1, 0.2], [0.1, 0.2]])
    decisions = decide(small, Policy(damage_budget=0.1))
    assert decisions.chosen.tolist() == [1, 1]
    assert not decisions.budget_met
    assert decisions.multiplier == np.inf


def test_an_exactly_sufficient_budget_is_met():
    small = offer([[0.3, 0.2], [0.3, 0.2]], pack_cost=[[0.1, 9.0], [0.1, 9.0]])
    decisions = decide(small, Policy(damage_budget=0.2))
    assert decisions.chosen.tolist() == [1, 1]
    assert decisions.budget_met


def test_no_products_need_no_budget():
    nobody = many(1, rows=1).take(slice(0, 0))
    decisions = decide(nobody, Policy(damage_budget=0.001))
    assert len(decisions) == 0
    assert decisions.budget_met
