from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from processing.columns import Column, Kind, conform, inference_columns
from processing.generator import PRODUCTS, Catalogue, Drift
from processing.profiling import summarise
from processing.statistics.drift import bins, chi_square_p, compare, jensen_shannon, psi, shift
from rightpack.drift import Verdict, decide
from rightpack.settings import Settings

RNG = np.random.default_rng(5)
VALUES = np.exp(RNG.normal(5, 1, 6000))
NUMBER, CATEGORY = Column("x", Kind.NUMBER), Column("x", Kind.CATEGORY)


def summary(values: Any, column: Column = NUMBER) -> dict[str, Any]:
    return summarise(pa.table({"x": pa.array(values)}), [column])["x"]


def exact_psi(baseline: np.ndarray, current: np.ndarray) -> float:
    """From the rows themselves: tenths of the baseline, each up to its end, and no missing values."""
    edges = np.quantile(baseline, np.arange(1, 10) / 10, method="inverted_cdf")
    counts = [np.bincount(np.searchsorted(edges, values), minlength=10) + 0.5 for values in (baseline, current)]
    before, now = ([*each, 0.5] / (each.sum() + 0.5) for each in counts)
    return float(np.sum((now - before) * np.log(now / before)))


def test_profiles_alone_give_the_index_that_the_rows_would_give() -> None:
    current = VALUES[:4000] * 1.4
    assert shift("x", summary(VALUES), summary(current)).psi == pytest.approx(exact_psi(VALUES, current), abs=0.003)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 2.0), st.integers(0, 100))
def test_profiles_are_close_to_the_rows_for_any_scale(factor: float, seed: int) -> None:
    current = np.exp(np.random.default_rng(seed).normal(5, 1, 3000)) * factor
    found, exact = shift("x", summary(VALUES), summary(current)).psi, exact_psi(VALUES, current)
    assert found == pytest.approx(exact, rel=0.1, abs=0.02)


def test_a_drop_does_not_differ_from_itself() -> None:
    for column, values in ((NUMBER, VALUES), (CATEGORY, ["a", "b", None, "a"])):
        same = shift("x", summary(values, column), summary(values, column))
        assert (same.psi, same.jensen_shannon, same.null_share) == (0.0, 0.0, 0.0)
        assert same.chi_square_p == pytest.approx(1.0)


def test_few_values_are_counted_one_by_one() -> None:
    before, now = bins(summary([0.0] * 90 + [1.0] * 10), summary([0.0] * 50 + [1.0] * 30 + [None] * 20))
    assert before.sum() == now.sum() == 100
    assert sorted(before[before > 0]) == [10, 90]
    assert now[np.flatnonzero(before == 10)] == 30
    assert now[-1] == 20


def test_a_price_point_that_disappears_is_seen_although_its_neighbours_take_its_place() -> None:
    spread = RNG.uniform(10, 20, 4000)
    before, now = (np.r_[spread, np.full(1000, tariff)] for tariff in (14.52, 14.53))
    moved = shift("x", summary(before), summary(now))
    assert moved.psi > 0.5
    assert moved.chi_square_p < 1e-9


def test_values_outside_of_the_baseline_go_to_its_outer_bins() -> None:
    before, now = bins(summary(VALUES), summary(np.r_[np.full(30, -1.0), np.full(70, 1e9)]))
    assert (now[0], now[-2], now[-1]) == (30, 70, 0)
    assert before[-1] == 0


def test_missing_values_are_a_bin_of_their_own_also_where_they_are_not_finite() -> None:
    current = np.r_[VALUES[:900], np.full(100, np.nan)]
    moved = shift("x", summary(VALUES), summary(current))
    assert moved.null_share == pytest.approx(0.1)
    assert moved.psi > 0.1


@pytest.mark.parametrize("side", [0, 1])
def test_a_column_without_any_value_is_comparable(side: int) -> None:
    pair = [summary(VALUES), summary(VALUES)]
    pair[side] = summary(pa.nulls(50, pa.float64()))
    moved = shift("x", pair[0], pair[1])
    assert abs(moved.null_share) == 1.0
    assert moved.chi_square_p < 1e-9


def test_categories_that_the_baseline_lacks_are_counted() -> None:
    moved = shift("x", summary(["a"] * 60 + ["b"] * 40, CATEGORY), summary(["a"] * 50 + ["new"] * 50, CATEGORY))
    assert moved.unseen_share == 0.5


def test_nothing_is_called_unseen_where_the_baseline_does_not_list_all() -> None:
    many = summary([f"c{i}" for i in range(500)], CATEGORY)
    assert shift("x", many, summary(["elsewhere"] * 10, CATEGORY)).unseen_share is None


def test_rare_categories_count_together() -> None:
    common = ["a"] * 500
    before, now = (summary([*common, *(f"{side}{i}" for i in range(4))], CATEGORY) for side in "xy")
    assert len(bins(before, now)[0]) == 4  # a, rare, unseen, missing


def test_statistics_of_known_distributions() -> None:
    before, now = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    assert psi(before, now) == pytest.approx(0.25 * np.log(3))
    assert jensen_shannon(before, now) == pytest.approx(0.0487949)
    assert jensen_shannon(np.array([1.0 - 1e-12, 1e-12]), np.array([1e-12, 1.0 - 1e-12])) == pytest.approx(1.0)


def test_chance_is_what_the_chi_square_test_says() -> None:
    before, now = np.array([30.0, 50.0, 20.0, 0.0]), np.array([80.0, 70.0, 50.0, 0.0])
    expected = chi2_contingency(np.stack([before, now])[:, :3], correction=False).pvalue
    assert chi_square_p(before, now) == pytest.approx(expected)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=12), st.integers(0, 2**32 - 1))
def test_statistics_stay_in_their_ranges(counts: list[int], seed: int) -> None:
    before = np.asarray(counts, np.float64)
    now = np.random.default_rng(seed).permutation(before)
    a, b = ((x + 0.5) / (x + 0.5).sum() for x in (before, now))
    assert psi(a, b) >= 0
    assert 0 <= jensen_shannon(a, b) <= 1
    assert 0 <= chi_square_p(before, now) <= 1


def test_a_column_that_is_gone_or_of_another_kind_is_a_matter_of_the_schema() -> None:
    baseline = {"x": summary(VALUES), "y": summary(["a"], CATEGORY)}
    evidence = compare(baseline, {"x": summary(["a"], CATEGORY), "z": summary(VALUES)})
    assert evidence.schema == (("x", "column x was a number and is a category"), ("y", "column y is gone"))
    assert evidence.shifts == ()


def test_labels_and_weights_of_a_training_drop_are_no_features() -> None:
    table = pa.table({"suitable": pa.array([0, 1], pa.int8()), "x": [1.0, 2.0]})
    own = summarise(table, [Column("suitable", Kind.LABEL), NUMBER])
    evidence = compare(own, {"x": own["x"]})
    assert [s.column for s in evidence.shifts] == ["x"]
    assert evidence.schema == ()


def test_a_profile_of_an_earlier_release_is_left_out_instead_of_guessed() -> None:
    old = {"x": {"kind": "number", "missing_share": 0.0, "quantiles": {}, "mean": 1.0}}
    assert compare(old, {"x": summary(VALUES)}).shifts == ()


def test_profiles_are_small_and_survive_their_json() -> None:
    whole = {"x": summary(VALUES)}
    text = json.dumps(whole)
    assert len(text) < 4000
    assert compare(json.loads(text), whole).shifts[0].psi == 0.0


def verdict_on(catalogue: Catalogue, *weeks: int) -> Verdict:
    """New products of `weeks` against the catalogue of week 0, with the limits of the base settings."""
    own = Settings.load("dev")
    columns = inference_columns(own.features)

    def columns_of(*which: int) -> dict[str, Any]:
        table = pa.Table.from_batches([b for w in which for b in catalogue.products(w)], PRODUCTS)
        return summarise(conform(table, columns, "the catalogue"), columns)

    return decide(compare(columns_of(0), columns_of(*weeks)), own.drift)


def shop(drift: Drift, seed: int) -> Catalogue:
    return Catalogue(seed, 12_000, Settings.load("dev").package_types, growth=0.05, drift=drift)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_assortment_is_noticed_and_asks_for_a_training(seed: int) -> None:
    verdict = verdict_on(shop(Drift(covariate=1), seed), 1, 2, 3)
    assert "category" in verdict.drifted
    assert verdict.retrain


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_new_products_of_the_same_kind_are_no_drift(seed: int) -> None:
    assert verdict_on(shop(Drift(), seed), 1, 2, 3).drifted == ()


def test_a_corrupted_product_table_is_noticed() -> None:
    verdict = verdict_on(shop(Drift(data=1), 1), 1, 2, 3)
    assert {"category", "weight_g"} <= set(verdict.drifted)
