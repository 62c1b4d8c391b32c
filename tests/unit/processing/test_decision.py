from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.decision import DAMAGE_IF_SUITABLE, DAMAGE_IF_UNSUITABLE, Candidates, Decisions, Rule, decide
from processing.fitting import Dimensions, material_costs
from processing.monotone import violations
from processing.reasons import reason_texts, words
from rightpack.errors import SettingsError
from rightpack.packaging import PackageType
from rightpack.settings import Recommendation

BAG = PackageType("bag", 0, True, 20, 15, 5, 500, cost_fixed=0.1)
BOX = PackageType("box", 1, True, 40, 30, 20, 2000, cost_fixed=0.5)
CRATE = PackageType("crate", 2, True, 80, 60, 60, 9000, cost_fixed=1.5)
SAFE = PackageType("safe", 3, False, 80, 60, 60, 9000, cost_fixed=3.0)
TYPES = (BAG, BOX, CRATE, SAFE)
SMALL = (10.0, 10.0, 2.0, 100.0)
MIDDLE = (35.0, 20.0, 10.0, 1000.0)
LARGE = (75.0, 50.0, 50.0, 8000.0)
GIANT = (200.0, 50.0, 50.0, 8000.0)
POLICY = Recommendation(threshold=0.85)
BY_COST = Recommendation(rule="expected-cost", damage_cost_cap=100, damage_cost_fixed=0)


def known(*products: tuple[float | None, ...], price: float | None = 20.0) -> Dimensions:
    names = ("length_cm", "width_cm", "height_cm", "weight_g")
    columns = {n: pa.array([p[i] for p in products], pa.float64()) for i, n in enumerate(names)}
    rest = {"price": pa.array([price] * len(products), pa.float64()), "is_liquid": [0] * len(products)}
    return Dimensions.of(pa.table({**columns, **rest}))


def chosen(
    scores: Mapping[str, list[float]],
    products: Dimensions,
    policy: Recommendation = POLICY,
    types: tuple[PackageType, ...] = TYPES,
) -> list[tuple[str, str | None, Rule]]:
    candidates, decisions = both(scores, products, policy, types)
    names = [t.name for t in candidates.types]
    runners = [names[i] if i >= 0 else None for i in decisions.runner_up]
    return list(zip((names[i] for i in decisions.chosen), runners, map(Rule, decisions.rules), strict=True))


def both(
    scores: Mapping[str, list[float]],
    products: Dimensions,
    policy: Recommendation = POLICY,
    types: tuple[PackageType, ...] = TYPES,
) -> tuple[Candidates, Decisions]:
    candidates = Candidates.of(types, {n: np.array(v) for n, v in scores.items()}, products)
    return candidates, decide(candidates, products, policy)


def test_the_least_protective_type_that_is_good_enough_wins() -> None:
    scores = {"bag": [0.9, 0.2], "box": [0.95, 0.86], "crate": [0.99, 0.9]}
    assert chosen(scores, known(SMALL, SMALL)) == [("bag", "box", Rule.THRESHOLD), ("box", "crate", Rule.THRESHOLD)]


def test_exactly_the_threshold_is_good_enough() -> None:
    assert chosen({"bag": [0.85], "box": [0.9], "crate": [0.9]}, known(SMALL))[0][0] == "bag"


def test_a_type_that_the_product_does_not_fit_is_never_chosen() -> None:
    scores = {"bag": [0.99], "box": [0.99], "crate": [0.99]}
    assert chosen(scores, known(MIDDLE)) == [("box", "crate", Rule.THRESHOLD)]


def test_where_no_model_is_sure_enough_the_fallback_is_taken() -> None:
    scores = {"bag": [0.1], "box": [0.2], "crate": [0.3]}
    assert chosen(scores, known(SMALL)) == [("safe", "crate", Rule.FALLBACK)]


def test_without_a_fallback_the_strongest_fitting_type_is_taken() -> None:
    scores = {"bag": [0.1, 0.1], "box": [0.2, 0.2], "crate": [0.3, 0.3]}
    found = chosen(scores, known(SMALL, LARGE), types=TYPES[:3])
    assert found == [("crate", "box", Rule.STRONGEST_FIT), ("crate", None, Rule.ONLY_FIT)]


def test_a_product_that_nothing_fits_gets_the_strongest_type_by_hand() -> None:
    _, decisions = both({"bag": [0.9], "box": [0.9], "crate": [0.9]}, known(GIANT))
    assert chosen({"bag": [0.9], "box": [0.9], "crate": [0.9]}, known(GIANT)) == [("safe", None, Rule.NO_FIT)]
    assert decisions.suitability.tolist() == [0.0]
    assert decisions.damage.tolist() == [DAMAGE_IF_UNSUITABLE]


def test_a_product_of_unknown_size_gets_the_fallback_as_the_only_sure_fit() -> None:
    unknown = known((None, 5.0, 5.0, 100.0))
    assert chosen({"bag": [0.9], "box": [0.9], "crate": [0.9]}, unknown) == [("safe", None, Rule.ONLY_FIT)]


def test_a_type_left_out_is_never_chosen_nor_runner_up() -> None:
    found = chosen({"bag": [0.1], "crate": [0.9]}, known(SMALL))
    assert found == [("crate", "safe", Rule.THRESHOLD)]


def test_an_untrained_type_in_the_middle_is_never_chosen() -> None:
    middle = PackageType("box", 1, False, 40, 30, 20, 2000)
    found = chosen({"bag": [0.1], "box": [0.99], "crate": [0.9]}, known(SMALL), types=(BAG, middle, CRATE, SAFE))
    assert found == [("crate", "safe", Rule.THRESHOLD)]


def test_without_any_model_every_product_gets_its_strongest_fitting_type() -> None:
    found = chosen({}, known(SMALL, GIANT))
    assert found == [("safe", "crate", Rule.BASELINE), ("safe", None, Rule.NO_FIT)]


def test_the_order_of_types_in_the_settings_does_not_matter() -> None:
    scores = {"bag": [0.9], "box": [0.95], "crate": [0.99]}
    assert chosen(scores, known(SMALL), types=TYPES[::-1]) == chosen(scores, known(SMALL))


def test_a_score_for_a_type_that_does_not_fit_hardly_moves_the_others() -> None:
    candidates, _ = both({"bag": [1.0], "box": [0.4], "crate": [0.9]}, known(MIDDLE))
    assert candidates.suitability[0, 1] == pytest.approx(0.4, abs=1e-5)


def test_damage_is_between_that_of_the_suitable_and_the_unsuitable() -> None:
    _, decisions = both({"bag": [0.9], "box": [0.9], "crate": [0.9]}, known(SMALL))
    assert decisions.damage.tolist() == pytest.approx([0.9 * DAMAGE_IF_SUITABLE + 0.1 * DAMAGE_IF_UNSUITABLE])


def test_the_cheapest_in_expectation_wins_under_the_other_rule() -> None:
    scores = {"bag": [0.5, 0.5], "box": [0.9, 0.9], "crate": [0.95, 0.95]}
    cheap, dear = (known(SMALL, SMALL, price=price) for price in (1.0, 90.0))
    assert {c[0] for c in chosen(scores, cheap, BY_COST)} == {"bag"}
    assert {c[0] for c in chosen(scores, dear, BY_COST)} == {"box"}
    assert {c[2] for c in chosen(scores, dear, BY_COST)} == {Rule.EXPECTED_COST}


def test_a_price_that_is_not_known_counts_as_the_cap() -> None:
    scores = {"bag": [0.5], "box": [0.9], "crate": [0.95]}
    costs = [both(scores, known(SMALL, price=p), BY_COST)[1].cost.tolist() for p in (None, 100.0, 10_000.0)]
    assert costs[0] == costs[1] == costs[2]


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(SettingsError, match="'cheapest' is not known; it is threshold or expected-cost"):
        both({"bag": [0.5]}, known(SMALL), Recommendation(rule="cheapest"))


scores_of = st.lists(st.floats(0, 1), min_size=3, max_size=3)
size = st.one_of(st.none(), st.floats(1, 100))
product = st.tuples(size, size, size, st.one_of(st.none(), st.floats(1, 10_000)))


@given(st.lists(st.tuples(product, scores_of), min_size=1, max_size=8), st.sampled_from([POLICY, BY_COST]))
def test_whatever_comes_a_choice_fits_or_says_that_nothing_does(rows: list[Any], policy: Recommendation) -> None:
    products = known(*(p for p, _ in rows))
    scores = {t.name: [s[i] for _, s in rows] for i, t in enumerate(TYPES[:3])}
    candidates, made = both(scores, products, policy)
    places = np.arange(len(rows))
    assert violations(candidates.suitability) == 0
    assert (candidates.fitting[places, made.chosen] | (made.rules == Rule.NO_FIT)).all()
    assert ((made.rules == Rule.NO_FIT) == ~candidates.fitting.any(axis=1)).all()
    assert (made.runner_up != made.chosen).all()
    second = made.runner_up >= 0
    assert candidates.fitting[places[second], made.runner_up[second]].all()
    assert ((made.suitability >= 0) & (made.suitability <= 1)).all()
    assert np.isfinite(made.cost).all()


@given(st.lists(st.tuples(product, scores_of), min_size=1, max_size=8))
def test_by_expected_cost_no_open_type_is_cheaper_than_the_chosen_one(rows: list[Any]) -> None:
    products = known(*(p for p, _ in rows))
    candidates, made = both({t.name: [s[i] for _, s in rows] for i, t in enumerate(TYPES[:3])}, products, BY_COST)
    damage = DAMAGE_IF_SUITABLE * candidates.suitability + DAMAGE_IF_UNSUITABLE * (1 - candidates.suitability)
    costs = np.where(candidates.fitting, material_costs(products, candidates.types) + damage * 20.0, np.inf)
    decided = made.rules != Rule.NO_FIT
    assert (made.cost[decided] <= costs.min(axis=1)[decided] + 1e-12).all()


def test_every_rule_has_words_that_the_warehouse_can_hold() -> None:
    rules = np.array(list(Rule) * 2, np.int8)
    unknown = np.repeat([False, True], len(Rule))
    texts = reason_texts(rules, unknown, POLICY).to_pylist()
    assert texts[: len(Rule)] == list(words(POLICY).values())
    assert all(t.startswith("size, weight or liquid not known: ") for t in texts[len(Rule) :])
    assert len(set(texts)) == 2 * len(Rule)
    assert max(len(t.encode()) for t in texts) <= 512
    assert "0.85" in texts[Rule.THRESHOLD]
