"""A training that is interrupted goes on from its checkpoint, and its model is the same to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from processing import train
from processing.architectures import lightgbm as lightgbm_module
from processing.architectures import resuming
from processing.architectures.base import Examples, Options
from processing.architectures.lightgbm import LightGBM
from processing.architectures.two_stage import TwoStage
from processing.checkpoints import ROUNDS_VARIABLE, Checkpoints
from processing.features.encoder import Encoded
from processing.job import Exit
from tests.unit.processing.conftest import Enter
from tests.unit.processing.test_train import rows, training_job
from tests.unit.processing.world import contents, settings, told

EVERY = 7
COLUMNS = tuple("abcdefghij")
Trees = type[LightGBM] | type[TwoStage]


class ReclaimedError(Exception):
    """The machine is taken away."""


def examples(count: int, seed: int) -> Examples:
    """Rows with gaps, a constant column and categories."""
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(count, len(COLUMNS)))
    matrix[draw.random(matrix.shape) < 0.05] = np.nan
    matrix[:, 3] = 1.0
    matrix[:, 9] = draw.integers(0, 12, count)
    score = np.nan_to_num(matrix[:, 0]) + np.nan_to_num(matrix[:, 1]) ** 2 + (matrix[:, 9] % 3)
    labels = (score + draw.normal(size=count) > 1.5).astype(np.float64)
    return Examples(Encoded(matrix.astype(np.float32), COLUMNS, {9: 12}), labels, draw.random(count) + 0.5)


LEARNING, TUNING = examples(900, 1), examples(400, 2)


def options(folder: Path | None = None, **parameters: Any) -> Options:
    usual = {"rounds": 90, "early_stopping_rounds": 12, "rounds_without_tuning": 33}
    marks = None if folder is None else Checkpoints(folder, EVERY)
    return Options({**usual, **parameters}, seed=5, threads=1, checkpoints=marks)


def text_of(model: Any) -> str:
    return str(model.text if isinstance(model, LightGBM) else model.whole.text)


def interrupted(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Take the machine away as the `at`-th checkpoint from now on has just been kept."""
    kept, keep = [0], Checkpoints.keep

    def reclaim(self: Checkpoints, belongs: str, state: Any) -> None:
        keep(self, belongs, state)
        kept[0] += 1
        if kept[0] == at:
            raise ReclaimedError

    monkeypatch.setattr(Checkpoints, "keep", reclaim)


def learned(architecture: Trees, given: Options) -> tuple[str, str]:
    first = architecture.fit(LEARNING, TUNING, given)
    return text_of(first), text_of(first.refit(LEARNING, given))


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [
        (LightGBM, {}),
        (LightGBM, {"feature_fraction": 1.0}),
        (LightGBM, {"feature_fraction": 0.15}),
        (LightGBM, {"feature_fraction": 0.97, "learning_rate": 0.3}),
        (LightGBM, {"rounds": 20, "early_stopping_rounds": 50}),
        (TwoStage, {"balanced_rounds": 16}),
    ],
)
@pytest.mark.parametrize("at", [1, 2, 4, 6])
def test_an_interrupted_training_gives_the_model_of_an_uninterrupted_one(
    architecture: Trees, parameters: dict[str, Any], at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = learned(architecture, options(**parameters))
    interrupted(monkeypatch, at)
    with pytest.raises(ReclaimedError):
        learned(architecture, options(tmp_path, **parameters))
    assert learned(architecture, options(tmp_path, **parameters)) == whole


def test_a_training_interrupted_again_and_again_gives_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, times = learned(LightGBM, options()), 0
    while True:
        with monkeypatch.context() as patch:
            interrupted(patch, 1)
            try:
                found = learned(LightGBM, options(tmp_path))
                break
            except ReclaimedError:
                times += 1
    assert found == whole
    assert times > 5


def test_only_the_remaining_rounds_are_boosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[int] = []
    given = replace(options(tmp_path, report_rounds=1), watch=lambda done, _: reported.append(done))
    interrupted(monkeypatch, 3)
    with pytest.raises(ReclaimedError):
        LightGBM.fit(LEARNING, TUNING, given)
    assert reported == list(range(1, 3 * EVERY + 1))
    reported.clear()
    LightGBM.fit(LEARNING, TUNING, given)
    assert reported[0] == 3 * EVERY + 1
    reported.clear()
    LightGBM.fit(LEARNING, TUNING, given)  # it has been learned already
    assert reported == []


@pytest.mark.parametrize(
    "other",
    [
        lambda folder: learned(LightGBM, replace(options(folder), seed=6)),
        lambda folder: learned(LightGBM, options(folder, num_leaves=12)),
        lambda folder: text_of(LightGBM.fit(LEARNING, LEARNING, options(folder))),
        lambda folder: text_of(LightGBM.fit(TUNING, TUNING, options(folder))),
    ],
    ids=["seed", "parameters", "tuning rows", "rows"],
)
def test_a_checkpoint_of_another_training_is_not_taken_up(
    other: Callable[[Path | None], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupted(patch, 2)
        with pytest.raises(ReclaimedError):
            learned(LightGBM, options(tmp_path))
    assert other(tmp_path) == other(None)


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-9], lambda text: text.replace('"best": ', '"best": 1'), str.upper]
)
def test_a_damaged_checkpoint_is_told_and_the_training_begins_anew(
    damage: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        interrupted(patch, 2)
        with pytest.raises(ReclaimedError):
            learned(LightGBM, options(tmp_path))
    (file,) = tmp_path.iterdir()  # nothing half-written lies beside it
    file.write_text(damage(file.read_text()))
    assert learned(LightGBM, options(tmp_path)) == learned(LightGBM, options())
    assert f"{file.name} is damaged" in caplog.text


def test_the_drawing_of_rows_cannot_be_taken_up_so_nothing_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    learned(LightGBM, options(tmp_path, bagging_freq=1, bagging_fraction=0.7))
    assert list(tmp_path.iterdir()) == []
    assert "cannot take up the draws of rows" in caplog.text


def test_the_number_of_threads_is_no_other_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lightgbm_module, "ROWS_PER_THREAD", 1)
    with monkeypatch.context() as patch:
        interrupted(patch, 2)
        with pytest.raises(ReclaimedError):
            learned(LightGBM, options(tmp_path))
    assert learned(LightGBM, replace(options(tmp_path), threads=2)) == learned(LightGBM, options())


def test_the_generator_is_that_of_lightgbm() -> None:
    state = 9091
    for _ in range(1000):
        state = (state * resuming.FACTOR + resuming.SUMMAND) % resuming.MODULUS
    assert resuming.advanced(9091, 1000) % resuming.MODULUS == state
    assert resuming.advanced(-5, 0) == -5


class TestTheJob:
    def test_the_command_goes_on_from_the_checkpoints_folder(
        self, tmp_path: Path, enter: Enter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table, chosen = rows(600), settings(training={"parameters": {"rounds": 40}})
        whole = training_job(tmp_path / "whole", table, chosen)
        assert enter(train.main, whole) == Exit.DONE
        job = training_job(tmp_path / "spot", table, chosen, **{ROUNDS_VARIABLE: "4"})
        with monkeypatch.context() as patch:
            interrupted(patch, 2)
            assert enter(train.main, job) == Exit.FINAL
        (kept,) = (job.root / "checkpoints").glob("*.json")
        assert json.loads(kept.read_text())["state"]["rounds"] == 8
        assert enter(train.main, job) == Exit.DONE
        assert contents(job.model) == contents(whole.model)

    def test_a_command_that_is_not_asked_to_keeps_nothing(self, tmp_path: Path, enter: Enter) -> None:
        job = training_job(tmp_path, rows(600), settings(training={"parameters": {"rounds": 10}}))
        assert enter(train.main, job) == Exit.DONE
        assert not (job.root / "checkpoints").exists()

    def test_a_mistake_of_the_definition_is_named(self, tmp_path: Path, enter: Enter) -> None:
        job = training_job(tmp_path, rows(600), settings(), **{ROUNDS_VARIABLE: "often"})
        assert enter(train.main, job) == Exit.FINAL
        assert "CHECKPOINT_ROUNDS is 'often'" in told(job, "failure")

    def test_no_more_is_said_than_a_search_wants_to_hear(
        self, tmp_path: Path, enter: Enter, capsys: pytest.CaptureFixture[str]
    ) -> None:
        chosen = settings(training={"parameters": {"rounds": 30, "report_rounds": 2, "early_stopping_rounds": 99}})
        job = training_job(tmp_path, rows(600), chosen, MOST_REPORTS="4")
        assert enter(train.main, job) == Exit.DONE
        assert capsys.readouterr().out.count("tuning_log_loss=") == 4
