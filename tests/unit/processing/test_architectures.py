from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.architectures import lightgbm as lightgbm_module
from processing.architectures.base import Architecture, Examples, Options, resolve
from processing.architectures.design import Design
from processing.architectures.lightgbm import LightGBM
from processing.architectures.logistic import Logistic, _Problem
from processing.features.encoder import Encoded
from rightpack.errors import InternalError, SettingsError

BOTH: list[type[Architecture]] = [LightGBM, Logistic]
QUICK: dict[type[Any], dict[str, Any]] = {LightGBM: {"rounds": 30}, Logistic: {}}


def examples(rows: int = 600, seed: int = 0) -> Examples:
    """A number that decides, one that does not, one that is often missing, a category that decides."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, 4)).astype(np.float32)
    matrix[:, 1] = np.exp(matrix[:, 1] * 2)
    matrix[rng.random(rows) < 0.3, 2] = np.nan
    matrix[:, 3] = rng.integers(0, 4, rows)
    matrix[rng.random(rows) < 0.1, 3] = np.nan
    odds = 2 * matrix[:, 0] + (matrix[:, 3] == 1) * 2 - 0.5
    labels = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return Examples(Encoded(matrix, ("x", "tail", "gaps", "kind"), {3: 4}), labels, np.ones(rows))


def options(architecture: type[Any], seed: int = 7, threads: int = 1, **parameters: Any) -> Options:
    return Options({**QUICK[architecture], **parameters}, seed, threads)


def files(model: Architecture, folder: Path) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    model.save(folder)
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def auc(labels: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> float:
    above = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


@pytest.mark.parametrize("architecture", BOTH)
def test_it_learns_what_there_is_to_learn(architecture: type[Architecture]) -> None:
    model = architecture.fit(examples(), examples(200, 1), options(architecture))
    unseen = examples(500, 2)
    assert auc(unseen.labels, model.predict(unseen.encoded)) > 0.83


@pytest.mark.parametrize("architecture", BOTH)
def test_the_same_examples_and_seed_give_the_same_files(architecture: type[Architecture], tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        fitted = architecture.fit(examples(), examples(200, 1), options(architecture))
        made.append(files(fitted.refit(examples(800, 3), options(architecture)), tmp_path / name))
    assert made[0] == made[1]


def test_the_number_of_threads_does_not_change_the_trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lightgbm_module, "ROWS_PER_THREAD", 1)
    one, two = (LightGBM.fit(examples(), None, options(LightGBM, threads=n)).text for n in (1, 2))
    assert one == two
    assert "num_threads" not in one


def test_another_seed_gives_other_trees() -> None:
    one, two = (LightGBM.fit(examples(), None, options(LightGBM, seed=s, feature_fraction=0.5)).text for s in (1, 2))
    assert one != two


@pytest.mark.parametrize("architecture", BOTH)
def test_a_loaded_model_predicts_as_the_saved_one(architecture: type[Architecture], tmp_path: Path) -> None:
    model = architecture.fit(examples(), examples(200, 1), options(architecture))
    model.save(tmp_path)
    loaded = architecture.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(examples(100, 5).encoded), model.predict(examples(100, 5).encoded))


@pytest.mark.parametrize("architecture", BOTH)
def test_a_row_alone_scores_as_it_does_among_others(architecture: type[Architecture]) -> None:
    model, some = architecture.fit(examples(), None, options(architecture)), examples(67, 5).encoded
    alone = np.concatenate([model.predict(some.take([i])) for i in range(67)])
    np.testing.assert_array_equal(model.predict(some), alone)


@pytest.mark.parametrize("architecture", BOTH)
def test_no_rows_score_to_no_rows(architecture: type[Architecture]) -> None:
    model = architecture.fit(examples(), None, options(architecture))
    assert model.predict(examples().encoded.take(slice(0, 0))).shape == (0,)


@pytest.mark.parametrize("architecture", BOTH)
def test_rows_without_weight_teach_nothing(architecture: type[Architecture]) -> None:
    good, bad = examples(), examples(600, 9)
    wrong = Examples(bad.encoded, 1 - bad.labels, np.zeros(600))
    mixed = Examples(
        Encoded(np.concatenate([good.encoded.matrix, wrong.encoded.matrix]), good.encoded.columns, {3: 4}),
        np.concatenate([good.labels, wrong.labels]),
        np.concatenate([good.weights, wrong.weights]),
    )
    model = architecture.fit(mixed, None, options(architecture))
    assert auc(good.labels, model.predict(good.encoded)) > 0.85


@pytest.mark.parametrize("architecture", BOTH)
def test_a_mistyped_parameter_is_named(architecture: type[Architecture]) -> None:
    name, value = ("num_leafs", 7) if architecture is LightGBM else ("penaltys", [1.0])
    with pytest.raises(SettingsError, match=f"training.parameters.{name} is not a parameter.*Did you mean"):
        architecture.fit(examples(), None, options(architecture, **{name: value}))


def test_a_parameter_of_another_type_is_named() -> None:
    with pytest.raises(SettingsError, match=r"training\.parameters\.num_leaves must be int, not '7'"):
        LightGBM.fit(examples(), None, options(LightGBM, num_leaves="7"))


def test_a_value_that_lightgbm_refuses_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="LightGBM refuses"):
        LightGBM.fit(examples(), None, options(LightGBM, num_leaves=0))


def test_a_penalty_must_be_above_zero() -> None:
    with pytest.raises(SettingsError, match="above 0, not 0"):
        Logistic.fit(examples(), None, options(Logistic, penalty=0.0))


def test_early_stopping_ends_before_the_trees_learn_noise() -> None:
    model = LightGBM.fit(examples(300), examples(300, 1), options(LightGBM, rounds=400, early_stopping_rounds=10))
    assert model.rounds < 200
    assert model.text.count("\nTree=") == model.rounds


def test_logistic_coefficients_are_where_the_gradient_is_zero() -> None:
    some = examples()
    design = Design.learn(some.encoded)
    problem = _Problem.of(design, some, 5.0)
    gradient, _ = problem.derivatives(problem.solve(np.zeros(design.width)))
    assert np.abs(gradient).max() < 1e-3


def test_logistic_takes_the_penalty_that_does_best_on_the_tuning_rows() -> None:
    noise = examples(60)
    noisy = Examples(noise.encoded, np.random.default_rng(1).integers(0, 2, 60).astype(float), noise.weights)
    tuning = examples(400, 1)
    shuffled = Examples(tuning.encoded, np.random.default_rng(2).integers(0, 2, 400).astype(float), tuning.weights)
    assert Logistic.fit(noisy, shuffled, options(Logistic)).penalty >= 100.0
    assert Logistic.fit(examples(4000), examples(1000, 1), options(Logistic)).penalty < 100.0


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32) | st.just(float("nan")), min_size=4, max_size=4))
def test_logistic_scores_are_probabilities_for_any_numbers(values: list[float]) -> None:
    model = Logistic.fit(examples(), None, options(Logistic))
    row = np.array([[*values[:3], 2.0]], dtype=np.float32)
    score = model.predict(Encoded(row, ("x", "tail", "gaps", "kind"), {3: 4}))
    assert 0 <= score[0] <= 1


@pytest.mark.parametrize("architecture", BOTH)
def test_a_broken_model_file_is_named(architecture: type[Architecture], tmp_path: Path) -> None:
    for name in ("model.txt", "logistic.json"):
        (tmp_path / name).write_text("broken")
    with pytest.raises(InternalError, match="model"):
        architecture.load(tmp_path)


def test_built_in_architectures_are_found_by_name() -> None:
    assert resolve("lightgbm") is LightGBM
    assert resolve("logistic") is Logistic


def test_a_teams_own_architecture_is_found_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("teams_own")
    module.Mine = type("Mine", (Logistic,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "teams_own", module)
    assert resolve("teams_own:Mine") is module.Mine  # type: ignore[attr-defined,comparison-overlap]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lightgmb", "did you mean 'lightgbm'"),
        ("forest", "known are lightgbm, logistic"),
        ("no_such_module:Model", "cannot be imported"),
        ("json:Model", "cannot be imported"),
        ("json:JSONDecoder", "has no method 'fit'"),
    ],
)
def test_an_architecture_that_does_not_exist_says_so(name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        resolve(name)


def test_lightgbm_comes_without_the_companions_it_does_not_need() -> None:
    import subprocess

    code = (
        "import sys, processing.architectures.lightgbm as l;"
        "assert not {'sklearn', 'pandas'} & set(sys.modules), 'imported';"
        "import pandas; l.lgb.Booster"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
