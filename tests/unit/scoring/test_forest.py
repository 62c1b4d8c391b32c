"""The scoring engine says what LightGBM says, to the last bit, on whatever model and rows there are."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.architectures.lightgbm import lgb
from processing.scoring import forest as engine
from processing.scoring.ensemble import FEWEST_ROWS, Ensemble
from processing.scoring.forest import Forest, Width, forest_of
from processing.scoring.tables import MOST_TOGETHER, Tables
from processing.scoring.trees import NotCoveredError, Trees
from rightpack.errors import InternalError

COLUMNS, CATEGORIES = 6, (4, 5)  # the last two columns hold codes


def _rows(random: np.random.Generator, count: int, *, strange: bool) -> np.ndarray:
    rows = random.normal(size=(count, COLUMNS)).astype(np.float32)
    rows[:, 1] = np.round(rows[:, 1], 1)
    rows[:, 2] = random.integers(0, 3, count)
    for column, codes in zip(CATEGORIES, (5, 200), strict=True):
        rows[:, column] = random.integers(0, codes * (2 if strange else 1), count)
    rows[random.random(rows.shape) < 0.1] = np.nan
    if strange:
        numbers = rows[:, : CATEGORIES[0]]
        numbers[random.random(numbers.shape) < 0.05] = np.inf
        numbers[random.random(numbers.shape) < 0.05] = -np.inf
        numbers[random.random(numbers.shape) < 0.05] = 1e-40
        codes = rows[:, CATEGORIES[0] :]
        codes[random.random(codes.shape) < 0.05] = -1
    return rows


def _booster(seed: int, **parameters: Any) -> Any:
    random = np.random.default_rng(seed)
    rows = _rows(random, 3_000, strange=False)
    if not parameters.pop("missing", True):
        rows = np.nan_to_num(rows)
    odds = np.nan_to_num(rows[:, 0]) * np.nan_to_num(rows[:, 1]) + np.nan_to_num(rows[:, 5]) % 7 - 3
    labels = random.random(len(rows)) < 1 / (1 + np.exp(-odds))
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 2, "min_data_per_group": 2}
    data = lgb.Dataset(rows, labels.astype(float), categorical_feature=list(CATEGORIES))
    return lgb.train({**fixed, **parameters}, data, parameters.pop("rounds", 12))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    leaves=st.integers(2, 64),
    bins=st.sampled_from([3, 15, 255]),
    rounds=st.integers(1, 20),
    onehot=st.sampled_from([1, 4, 300]),
    missing=st.booleans(),
    width=st.sampled_from(Width),
)
def test_scores_are_lightgbms_to_the_last_bit(
    seed: int, leaves: int, bins: int, rounds: int, onehot: int, missing: bool, width: Width
) -> None:
    asked = {"num_leaves": leaves, "max_bin": bins, "max_cat_to_onehot": onehot, "cat_smooth": 1, "missing": missing}
    booster = _booster(seed, rounds=rounds, **asked)
    rows = _rows(np.random.default_rng(seed + 1), 501, strange=True)
    forest = Forest(Trees.parse(booster.model_to_string()), width)

    np.testing.assert_array_equal(forest.raw(rows), booster.predict(rows, raw_score=True))
    np.testing.assert_array_equal(forest.chances(rows), booster.predict(rows))


@pytest.mark.parametrize("bins", [2, 16, 17, 18, 32, 33, 34, 48, 49, 50, 255])  # about whole strides of thresholds
def test_values_at_a_threshold_and_next_to_it_go_where_lightgbm_sends_them(bins: int) -> None:
    booster = _booster(3, num_leaves=31, max_bin=bins, rounds=40)
    trees = Trees.parse(booster.model_to_string())
    edges = np.unique(np.concatenate([t.thresholds[~t.categorical & (t.features == 0)] for t in trees.trees]))
    near = edges.astype(np.float32)
    values = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))])
    rows = np.zeros((len(values), COLUMNS), np.float32)
    rows[:, 0] = values
    np.testing.assert_array_equal(Forest(trees).raw(rows), booster.predict(rows, raw_score=True))


def test_columns_of_few_bins_share_a_table_and_every_combination_goes_where_lightgbm_sends_it() -> None:
    random = np.random.default_rng(4)
    rows = random.integers(0, 3, (4_000, 9)).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = np.nan
    labels = random.random(len(rows)) < 0.2 + 0.6 * (np.nan_to_num(rows).sum(axis=1) % 2)
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 63, "min_data_in_leaf": 2}
    booster = lgb.train(fixed, lgb.Dataset(rows, labels.astype(float)), 30)
    trees = Trees.parse(booster.model_to_string())
    groups = Tables.of(trees).groups
    assert len(groups) < 4
    assert max(group.rows for group in groups) <= MOST_TOGETHER
    np.testing.assert_array_equal(Forest(trees).raw(rows), booster.predict(rows, raw_score=True))


def test_rows_lie_in_memory_as_they_like() -> None:
    booster = _booster(6)
    forest = Forest(Trees.parse(booster.model_to_string()))
    rows = _rows(np.random.default_rng(7), 300, strange=True)
    for same in (np.asfortranarray(rows), np.repeat(rows, 2, axis=0)[::2], rows[::-1].copy()[::-1]):
        np.testing.assert_array_equal(forest.raw(same), booster.predict(rows, raw_score=True))


def test_a_column_of_more_bins_than_the_engine_counts_is_refused() -> None:
    column = np.arange(20_000, dtype=np.float32).reshape(-1, 1)
    asked = {"max_bin": 60_000, "min_data_in_bin": 1, "min_data_in_leaf": 1, "num_leaves": 64, "learning_rate": 1.0}
    data = lgb.Dataset(column, np.random.default_rng(1).random(len(column)), params=asked)
    booster = lgb.train({"objective": "regression", "verbosity": -1, "num_threads": 1, **asked}, data, 200)
    with pytest.raises(NotCoveredError, match=r"column 0 has \d+ bins; the most is 8192"):
        Forest(Trees.parse(booster.model_to_string()))


def test_a_tree_without_a_split_is_its_one_leaf() -> None:
    booster = _booster(1, num_leaves=2, min_data_in_leaf=2_999)
    rows = _rows(np.random.default_rng(2), 70, strange=True)
    assert "num_leaves=1" in booster.model_to_string()
    np.testing.assert_array_equal(forest_of(booster.model_to_string()).raw(rows), booster.predict(rows, raw_score=True))


def test_a_row_scores_the_same_alone_and_among_others() -> None:
    booster = _booster(5)
    forest = Forest(Trees.parse(booster.model_to_string()))
    rows = _rows(np.random.default_rng(9), 40_000, strange=True)
    together = forest.raw(rows)
    for at in (0, 63, 64, 16_383, 16_384, 39_999):
        assert forest.raw(rows[at : at + 1])[0] == together[at]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"num_leaves": 65, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0}, "a tree of 65 leaves"),
        ({"linear_tree": True}, "linear trees"),
        ({"zero_as_missing": True}, "zeros that stand for missing values"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averaged trees"),
    ],
)
def test_a_model_that_is_not_covered_is_predicted_by_lightgbm_and_the_log_says_why(
    parameters: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    booster = _booster(4, **parameters)
    rows = _rows(np.random.default_rng(1), FEWEST_ROWS, strange=False)
    with caplog.at_level(logging.INFO):
        found = Ensemble(booster, booster.model_to_string()).raw(rows)
    assert reason in caplog.text
    np.testing.assert_array_equal(found, booster.predict(rows, raw_score=True))


def test_without_the_compiled_part_lightgbm_predicts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "LIBRARY", tmp_path / "absent.so")
    engine._library.cache_clear()
    try:
        with caplog.at_level(logging.INFO):
            assert forest_of(_booster(1).model_to_string()) is None
        assert "not built" in caplog.text
    finally:
        engine._library.cache_clear()


def test_the_compiled_part_is_there_wherever_a_compiler_is() -> None:
    assert engine.LIBRARY.exists() or not shutil.which("cc")


def test_a_row_of_another_width_is_refused() -> None:
    forest = Forest(Trees.parse(_booster(1).model_to_string()))
    with pytest.raises(InternalError, match="rows of 6 columns, not 5"):
        forest.raw(np.zeros((3, 5), np.float32))


def test_raw_scores_that_are_no_log_odds_become_no_chances() -> None:
    booster = _booster(1, objective="regression")
    forest = Forest(Trees.parse(booster.model_to_string()))
    rows = _rows(np.random.default_rng(1), FEWEST_ROWS, strange=True)
    np.testing.assert_array_equal(forest.raw(rows), booster.predict(rows))
    np.testing.assert_array_equal(Ensemble(booster, booster.model_to_string()).chances(rows), booster.predict(rows))
    with pytest.raises(InternalError, match="not log odds"):
        forest.chances(rows)


def test_a_model_that_names_a_column_number_and_category_is_refused() -> None:
    first, second = (Trees.parse(_booster(1).model_to_string()) for _ in range(2))
    plain = lgb.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1},
        lgb.Dataset(np.random.default_rng(0).normal(size=(500, COLUMNS)), np.arange(500) % 2),
        3,
    )
    other = Trees.parse(plain.model_to_string())
    mixed = Trees((*first.trees, *other.trees), second.columns, odds=True)
    with pytest.raises(NotCoveredError, match="a number here and a category there"):
        Forest(mixed)
