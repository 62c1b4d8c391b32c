"""Policy, reasons and frontier: what people read and set."""

from __future__ import annotations

import numpy as np
import pytest

from processing.decisions import By, Overrides, Policy, Rule, decide, frontier, reasons
from rightpack.errors import SettingsError
from rightpack.settings import Recommendation
from tests.unit.decisions.worlds import offer

SHOP = offer([[0.2, 0.001], [0.001, 0.0]], pack_cost=[[0.1, 0.2], [0.1, 0.2]], suitability=[[0.4, 0.9], [0.9, 1]])


def words_of(decisions, policy, overrides=None, unknown=(False, False)):
    known = overrides.words if overrides else ()
    return reasons(decisions, SHOP, policy, words=known, unknown=np.array(unknown)).to_pylist()


def test_every_rule_has_words_of_its_own():
    policy = Policy(by=By.THRESHOLD)
    decisions = decide(SHOP, policy)
    texts = set()
    for rule in Rule:
        decisions.rules[:] = rule
        texts.add(words_of(decisions, policy)[0])
    assert len(texts) == len(Rule)
    assert all(len(text) <= 512 for text in texts)


def test_a_threshold_is_named():
    policy = Policy(by=By.THRESHOLD, threshold=0.7, thresholds={"none": 0.8})
    texts = words_of(decide(SHOP, policy), policy)
    assert texts[0].endswith("at least 0.7")
    assert texts[1].endswith("at least 0.8")


def test_what_is_kept_says_what_for():
    policy = Policy(least_gain=9.0)
    texts = words_of(decide(SHOP, policy, previous=np.array([1, 1])), policy)
    assert texts[1] == "kept: none is not expected to save more than 9 per shipment"


def test_the_price_of_a_budget_is_named():
    policy = Policy(damage_budget=0.0005)
    assert "added per damaged shipment" in words_of(decide(SHOP, policy), policy)[0]


def test_an_override_speaks_for_itself():
    nothing = np.full((2, 2), False)
    overrides = Overrides(np.array([0, -1]), nothing, np.array([0, -1]), ("force none: tested",))
    decisions = decide(SHOP, Policy(), overrides=overrides)
    assert words_of(decisions, Policy(), overrides)[0] == "force none: tested"


def test_products_of_unknown_fit_are_marked():
    texts = words_of(decide(SHOP, Policy()), Policy(), unknown=(True, False))
    assert texts[0].startswith("size, weight or liquid not known: fitting type of least")
    assert texts[1].startswith("fitting type of least")


@pytest.mark.parametrize(
    "wrong", [{"caution": -1}, {"change_share": 1.5}, {"least_gain": -0.1}, {"damage_budget": 2.0}]
)
def test_a_policy_out_of_bounds_names_its_key(wrong):
    with pytest.raises(SettingsError, match=f"recommendation.{next(iter(wrong))} is"):
        Policy(**wrong)


def test_a_budget_needs_the_cost_rule():
    with pytest.raises(SettingsError, match="needs rule expected-cost"):
        Policy(by=By.THRESHOLD, damage_budget=0.01)


def test_settings_become_a_policy_and_an_unknown_rule_is_refused():
    assert Policy.of(Recommendation(rule="threshold", threshold=0.9)).threshold == 0.9
    assert Policy.of(Recommendation(rule="expected-cost")).by is By.EXPECTED_COST
    with pytest.raises(SettingsError, match="threshold or expected-cost"):
        Policy.of(Recommendation(rule="cheapest"))


def shop(rows=400):
    rng = np.random.default_rng(3)
    damage = np.sort(np.exp(rng.normal(-5, 1.5, (rows, 4))).clip(0, 1), axis=1)[:, ::-1]
    return offer(damage.tolist(), pack_cost=np.sort(rng.random((rows, 4)), axis=1).tolist())


def test_along_the_frontier_less_damage_takes_more_material():
    points = frontier(shop(), Policy())
    for by in By:
        own = [p for p in points if p.by is by]
        assert [p.damage for p in own] == sorted((p.damage for p in own), reverse=True)
        assert [p.pack_cost for p in own] == sorted(p.pack_cost for p in own)
        assert all(sum(p.share) == pytest.approx(1) for p in own)


def test_the_frontier_is_of_the_rules_alone():
    bound = Policy(damage_budget=0.0001, least_gain=5.0, change_share=0.0, thresholds={"none": 0.99})
    assert frontier(shop(), bound) == frontier(shop(), Policy())
