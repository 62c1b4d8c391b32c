from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from processing import hyperparameters, train
from processing.architectures.lightgbm import DEFAULTS
from processing.artefact import Card
from processing.job import Exit
from rightpack.errors import SettingsError
from tests.unit.processing.conftest import Enter
from tests.unit.processing.test_train import rows, training_job
from tests.unit.processing.world import TYPE, settings, told

REGEX = re.compile(r"tuning_log_loss=([0-9.eE+-]+);")  # as a metric definition has it


def given(folder: Path, content: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hyperparameters.FILE).write_text(json.dumps(content))
    return folder


def test_texts_of_the_platform_get_the_types_of_the_defaults(tmp_path: Path) -> None:
    texts = hyperparameters.read(given(tmp_path, {"num-leaves": '"7"', "learning_rate": "5e-2", "rounds": "40.0"}))
    assert hyperparameters.typed(texts, DEFAULTS, "lightgbm") == {"num_leaves": 7, "learning_rate": 0.05, "rounds": 40}


def test_names_of_the_service_and_its_sdk_are_passed_over(tmp_path: Path) -> None:
    content = {"_tuning_objective_metric": "tuning_log_loss", "sagemaker_program": '"x.py"', "num_leaves": "7"}
    assert hyperparameters.read(given(tmp_path, content)) == {"num_leaves": "7"}


def test_without_defaults_a_text_is_what_json_makes_of_it() -> None:
    texts = {"bins": "12", "share": "0.5", "kind": "wide", "on": "true"}
    assert hyperparameters.typed(texts, None, "binned:Binned") == {"bins": 12, "share": 0.5, "kind": "wide", "on": True}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"num_leafs": "7"}, "'num_leafs' is not a parameter of lightgbm. Did you mean 'num_leaves'?"),
        ({"num_leaves": "7.5"}, "'num_leaves' must be int, not '7.5'"),
        ({"learning_rate": "fast"}, "'learning_rate' must be float, not 'fast'"),
        ({"learning_rate": "nan"}, "'learning_rate' must be float, not 'nan'"),
    ],
)
def test_an_unknown_name_or_another_type_is_refused(texts: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)):
        hyperparameters.typed(texts, DEFAULTS, "lightgbm")


def test_lists_are_json() -> None:
    assert hyperparameters.typed({"penalties": "[1.0, 2]"}, {"penalties": [3.0]}, "logistic") == {"penalties": [1.0, 2]}


@pytest.mark.parametrize("text", ["[]", "{"])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / hyperparameters.FILE).write_text(text)
    with pytest.raises(SettingsError, match="no JSON object"):
        hyperparameters.read(tmp_path)


def test_a_training_lays_them_over_its_settings_and_its_card_says_so(tmp_path: Path, enter: Enter) -> None:
    chosen = settings(training={"parameters": {"rounds": 10, "num_leaves": 15}})
    job = training_job(tmp_path, rows(400), chosen)
    given(tmp_path / "input" / "config", {"num_leaves": "5"})
    assert enter(train.main, job) == Exit.DONE
    card = Card.load(job.model / TYPE)
    assert (card.parameters["rounds"], card.parameters["num_leaves"]) == (10, 5)
    assert card.settings_digest == chosen.digest


def test_a_training_refuses_a_name_that_its_architecture_does_not_know(tmp_path: Path, enter: Enter) -> None:
    job = training_job(tmp_path, rows(400), settings())
    given(tmp_path / "input" / "config", {"num_leafs": "5"})
    assert enter(train.main, job) == Exit.FINAL
    assert "Did you mean 'num_leaves'?" in told(job, "failure")


def test_progress_is_said_every_so_many_rounds_and_never_gets_worse(
    tmp_path: Path, enter: Enter, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = {"rounds": 50, "early_stopping_rounds": 50, "report_rounds": 10, "learning_rate": 0.02}
    job = training_job(tmp_path, rows(1000), settings(training={"parameters": parameters}))
    enter(train.main, job)
    said = capsys.readouterr().out
    losses = [float(text) for text in REGEX.findall(said)]
    assert re.findall(r"boosted_rounds=(\d+);", said) == ["10", "20", "30", "40"]
    assert len(losses) == 5  # the last one is that of the model which is kept
    assert losses[0] > losses[-1]
    assert losses[-1] == float(f"{Card.load(job.model / TYPE).tuning['log_loss']:.6g}")


def test_progress_changes_no_model(tmp_path: Path, enter: Enter) -> None:
    texts = []
    for name, every in (("told", 1), ("silent", 0)):
        job = training_job(
            tmp_path / name, rows(400), settings(training={"parameters": {"rounds": 30, "report_rounds": every}})
        )
        assert enter(train.main, job) == Exit.DONE
        texts.append((job.model / TYPE / "model.txt").read_text())
    assert texts[0] == texts[1]
