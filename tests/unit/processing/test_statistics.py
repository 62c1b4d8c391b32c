from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from processing.statistics.bootstrap import Bootstrap
from processing.statistics.curves import precision_recall, reliability
from processing.statistics.metrics import METRICS, Ranked

Array = np.ndarray[Any, np.dtype[np.float64]]
rows = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0]),
        st.floats(0, 1).map(lambda x: round(x, 1)) | st.floats(0, 1),
        st.sampled_from([0.5, 1.0, 2.0]),
    ),
    min_size=2,
    max_size=40,
)


def columns(some: list[tuple[float, float, float]]) -> tuple[Array, Array, Array]:
    labels, scores, weights = (np.array(column) for column in zip(*some, strict=True))
    assume(0 < labels.sum() < len(labels))
    return labels, scores, weights


def slow_auc(labels: Array, scores: Array, weights: Array) -> float:
    won = total = 0.0
    for i in np.flatnonzero(labels == 1):
        for j in np.flatnonzero(labels == 0):
            pair = weights[i] * weights[j]
            won += pair * (float(scores[i] > scores[j]) + 0.5 * float(scores[i] == scores[j]))
            total += pair
    return won / total


def slow_average_precision(labels: Array, scores: Array, weights: Array) -> float:
    total, result, before = weights[labels == 0].sum(), 0.0, 0.0
    for threshold in np.unique(scores):
        taken = scores <= threshold
        found = weights[taken & (labels == 0)].sum()
        result += (found - before) / total * found / weights[taken].sum()
        before = found
    return float(result)


@hypothesis_settings(deadline=None)
@given(rows)
def test_metrics_are_those_of_the_plain_formulas(some: list[tuple[float, float, float]]) -> None:
    labels, scores, weights = columns(some)
    found = Ranked.of(labels, scores).metrics(weights)
    assert_allclose(found["roc_auc"], slow_auc(labels, scores, weights))
    assert_allclose(found["pr_auc_unsuitable"], slow_average_precision(labels, scores, weights))
    assert_allclose(found["brier"], np.average((scores - labels) ** 2, weights=weights))
    safe = np.clip(scores, 1e-12, 1 - 1e-12)
    surprise = -np.where(labels == 1, np.log(safe), np.log(1 - safe))
    assert_allclose(found["log_loss"], np.average(surprise, weights=weights), rtol=1e-6, atol=1e-9)


@hypothesis_settings(deadline=None)
@given(rows)
def test_a_weight_of_two_is_the_row_twice(some: list[tuple[float, float, float]]) -> None:
    labels, scores, _ = columns(some)
    twice = np.arange(len(labels)) % 2 + 1
    heavy = Ranked.of(labels, scores).metrics(twice.astype(float))
    repeated = Ranked.of(np.repeat(labels, twice), np.repeat(scores, twice)).metrics(np.ones(twice.sum()))
    for name in set(METRICS) - {"calibration_error"}:  # its bins hold rows, so they move
        assert_allclose(heavy[name], repeated[name])


@hypothesis_settings(deadline=None)
@given(rows)
def test_many_weightings_at_once_are_each_by_itself(some: list[tuple[float, float, float]]) -> None:
    labels, scores, weights = columns(some)
    ranked, many = Ranked.of(labels, scores), np.stack([weights, weights[::-1] + 1])
    together = ranked.metrics(many)
    for index, one in enumerate(many):
        for name, value in ranked.metrics(one).items():
            assert_allclose(together[name][index], value)


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 500).astype(float), rng.random(500).round(2)
    order = rng.permutation(500)
    one, two = Ranked.of(labels, scores), Ranked.of(labels[order], scores[order])
    for name, value in one.metrics(np.ones(500)).items():
        assert_allclose(two.metrics(np.ones(500))[name], value)


def test_calibration_error_is_nothing_for_true_probabilities_and_the_bias_for_biased_ones() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.1, 0.7, 50_000)
    labels = (rng.random(50_000) < truth).astype(float)
    ones = np.ones(50_000)
    assert Ranked.of(labels, truth).metrics(ones)["calibration_error"] < 0.02
    assert Ranked.of(labels, truth + 0.2).metrics(ones)["calibration_error"] == pytest.approx(0.2, abs=0.02)


def test_one_class_alone_has_no_auc() -> None:
    assert np.isnan(Ranked.of(np.ones(5), np.arange(5.0)).metrics(np.ones(5))["roc_auc"])


def sample(rows: int = 400, seed: int = 0) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.8).astype(float)
    return labels, np.ones(rows), np.clip(0.3 * labels + rng.normal(0.4, 0.2, rows), 0, 1)


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    labels, weights, scores = sample()
    one, two, other = (Bootstrap(50, seed).resample(labels, weights, {"m": scores})["m"] for seed in (1, 1, 2))
    assert one.estimate("roc_auc", 0.95) == two.estimate("roc_auc", 0.95) != other.estimate("roc_auc", 0.95)


def test_samples_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, weights, scores = sample()
    monkeypatch.setattr("processing.statistics.bootstrap.CELLS", len(labels) * 7)
    assert len(Bootstrap(50, 1).resample(labels, weights, {"m": scores})["m"].samples["brier"]) == 50


def test_an_interval_holds_its_value_and_narrows_with_rows() -> None:
    widths = []
    for rows_ in (200, 5000):
        labels, weights, scores = sample(rows_)
        found = Bootstrap(200, 1).resample(labels, weights, {"m": scores})["m"]
        for name in METRICS:
            estimate = found.estimate(name, 0.95)
            assert estimate.low <= estimate.value <= estimate.high
        widths.append(found.estimate("roc_auc", 0.95).high - found.estimate("roc_auc", 0.95).low)
    assert widths[1] < widths[0] / 2
    assert found.deviation("roc_auc") == pytest.approx(widths[1] / 3.92, rel=0.25)


def test_more_confidence_needs_a_wider_interval() -> None:
    labels, weights, scores = sample()
    found = Bootstrap(200, 1).resample(labels, weights, {"m": scores})["m"]
    wide, narrow = found.estimate("brier", 0.99), found.estimate("brier", 0.5)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_pairing_makes_equal_models_equal_beyond_doubt() -> None:
    labels, weights, scores = sample()
    found = Bootstrap(50, 1).resample(labels, weights, {"a": scores, "b": scores})
    difference = found["a"].difference(found["b"], "roc_auc", 0.95)
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_a_clearly_worse_model_differs_beyond_doubt() -> None:
    labels, weights, scores = sample()
    noise = np.random.default_rng(3).random(len(labels))
    found = Bootstrap(100, 1).resample(labels, weights, {"bad": noise, "good": scores})
    assert found["bad"].difference(found["good"], "roc_auc", 0.95).high < 0


def test_without_rounds_there_is_no_uncertainty() -> None:
    labels, weights, scores = sample()
    found = Bootstrap(0, 1).resample(labels, weights, {"m": scores})["m"]
    estimate = found.estimate("roc_auc", 0.95)
    assert estimate.low == estimate.value == estimate.high
    assert found.deviation("roc_auc") == 0.0


def test_curves_go_where_they_must() -> None:
    labels, weights, scores = sample(5000)
    ranked = Ranked.of(labels, scores)
    points = precision_recall(ranked, weights)
    assert points[-1] == (1.0, pytest.approx(1 - labels.mean()))
    assert all(a[0] <= b[0] for a, b in pairwise(points))
    assert len(points) <= 200
    bins = reliability(ranked, weights)
    assert len(bins) == 10
    assert bins[0][1] < bins[-1][1]


def test_a_curve_without_unsuitable_rows_is_empty() -> None:
    assert precision_recall(Ranked.of(np.ones(3), np.arange(3.0)), np.ones(3)) == []
