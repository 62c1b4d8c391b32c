"""Training pipelines shaped by settings: every shape renders, is judged sound, and says what was asked for."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from typing import Any

import pytest

from pipelines.checker import check
from pipelines.checker.document import read
from pipelines.checker.graph import edges
from pipelines.render import DEFINITIONS, render_training
from rightpack.cli import shapes
from rightpack.errors import SettingsError
from rightpack.settings import Steps, build
from tests.unit.pipelines.committed import Json, arguments, steps

sdk = pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the SageMaker SDK is not installed")
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
VALUES = {"rounds": {"values": ["5", "60"]}}
RANGES = {"rounds": {"low": 20, "high": 90, "whole": True}, "learning_rate": {"low": 0.01, "high": 0.3}}
CLEAN = {"script": "s3://b/config/code/00/clean.py", "inputs": {"rows": "Prepare.train"}, "outputs": ["train"]}
LATE = {"entrypoint": ["tell"], "image": IMAGE, "inputs": {"model": "Train.model"}, "after": ["Evaluate"]}
SHAPES: dict[str, Json] = {
    **{
        strategy: {
            "training": "tuning",
            "tuning": {"strategy": strategy, "stop_early": True, "ranges": VALUES if strategy == "Grid" else RANGES},
        }
        for strategy in ("Grid", "Random", "Bayesian")
    },
    "Hyperband": {"training": "tuning", "tuning": {"strategy": "Hyperband", "most": 9, "ranges": RANGES}},
    "distributed": {"training": "distributed", "container": {"image": IMAGE, "entrypoint": ["python", "mine.py"]}},
    "script": {"container": {"script": "s3://b/config/code/00/mine.py"}},
    "spot": {
        "training": "spot",
        "checkpoint_rounds": 5,
        "wait_for_spot_seconds": 600,
        "machines": {"Train": {"max_seconds": 1800}},
    },
    "rules": {
        "metrics": {"loss": "loss=(.*);"},
        "rules": {
            "plateau": {"image": IMAGE, "parameters": {"patience": "3"}},
            "io": {"image": IMAGE, "profiler": True},
        },
    },
    "machines": {"machines": {"Prepare": {"instance_type": "ml.m5.4xlarge", "instances": 2, "volume_gb": 90}}},
    "own": {"extra": {"Clean": {**CLEAN, "feeds_training": True, "before": ["ScoreValidation"]}, "Tell": LATE}},
    "left out": {"without": ["VerdictHeld", "VerdictRejected", "Clean"], "extra": {"Clean": CLEAN}},
    "trained only": {"without": ["Evaluate"]},
}


@cache
def text(name: str) -> str:
    return render_training(build(Steps, SHAPES[name], "steps"))


def shaped(name: str) -> Json:
    document: Json = json.loads(text(name))
    return document


@sdk
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_sound(name: str) -> None:
    assert check(shaped(name)) == []


@sdk
def test_a_shape_is_rendered_the_same_each_time() -> None:
    assert render_training(build(Steps, SHAPES["own"], "steps")) == text("own")


@sdk
def test_the_default_shape_is_the_committed_definition() -> None:
    assert render_training(Steps()) == (DEFINITIONS / "training.json").read_text()
    assert Steps().shape == ""


@sdk
@pytest.mark.parametrize("strategy", ["Grid", "Random", "Bayesian", "Hyperband"])
def test_a_search_says_how_it_searches_and_its_best_model_goes_on(strategy: str) -> None:
    document = shaped(strategy)
    config = arguments(document, "Train")["HyperParameterTuningJobConfig"]
    assert config["Strategy"] == strategy
    assert ("MaxNumberOfTrainingJobs" in config["ResourceLimits"]) == (strategy != "Grid")
    assert config.get("StrategyConfig", {}) == (
        {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}} if strategy == "Hyperband" else {}
    )
    environment = arguments(document, "Train")["TrainingJobDefinition"]["Environment"]
    assert environment.get("MOST_REPORTS") == ("9" if strategy == "Hyperband" else None)
    model = arguments(document, "CreateCandidate")["model_data"]["Std:Join"]["Values"]
    assert {"Get": "Steps.Train.TrainingJobSummaries[0].TrainingJobName"} in model


@sdk
def test_several_machines_share_the_rows_and_start_the_given_command() -> None:
    job = arguments(shaped("distributed"), "Train")
    assert job["ResourceConfig"]["InstanceCount"] == 2
    assert job["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3DataDistributionType"] == "ShardedByS3Key"
    assert job["AlgorithmSpecification"]["TrainingImage"] == IMAGE
    assert job["AlgorithmSpecification"]["ContainerEntrypoint"] == ["python", "mine.py"]


@sdk
def test_a_script_of_ones_own_is_a_channel_that_the_training_starts() -> None:
    job = arguments(shaped("script"), "Train")
    (code,) = [c for c in job["InputDataConfig"] if c["ChannelName"] == "code"]
    assert code["DataSource"]["S3DataSource"]["S3Uri"] == "s3://b/config/code/00/mine.py"
    assert job["AlgorithmSpecification"]["ContainerEntrypoint"] == ["python", "/opt/ml/input/data/code/mine.py"]


@sdk
def test_spot_machines_wait_and_go_on_from_checkpoints_of_the_same_rows() -> None:
    job = arguments(shaped("spot"), "Train")
    assert job["EnableManagedSpotTraining"] is True
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800, "MaxWaitTimeInSeconds": 2400}
    assert {"Get": "Steps.Prepare.ProcessingJobName"} in job["CheckpointConfig"]["S3Uri"]["Std:Join"]["Values"]
    assert job["Environment"]["CHECKPOINT_ROUNDS"] == "5"
    assert "CHECKPOINT_ROUNDS" not in arguments(shaped("machines"), "Train")["Environment"]


@sdk
def test_rules_metrics_and_machines_are_passed_on() -> None:
    job = arguments(shaped("rules"), "Train")
    assert [rule["RuleConfigurationName"] for rule in job["DebugRuleConfigurations"]] == ["plateau"]
    assert [rule["RuleConfigurationName"] for rule in job["ProfilerRuleConfigurations"]] == ["io"]
    assert job["AlgorithmSpecification"]["MetricDefinitions"] == [{"Name": "loss", "Regex": "loss=(.*);"}]
    cluster = arguments(shaped("machines"), "Prepare")["ProcessingResources"]["ClusterConfig"]
    assert cluster == {"InstanceType": "ml.m5.4xlarge", "InstanceCount": 2, "VolumeSizeInGB": 90}


@sdk
def test_steps_of_ones_own_stand_where_they_were_put() -> None:
    document = shaped("own")
    waits = edges(read(document)[0])
    assert waits["Clean"] == {"Prepare"}
    assert "Clean" in waits["Train"]
    assert "Clean" in waits["ScoreValidation"]
    assert waits["Tell"] == {"Train", "Evaluate"}
    assert arguments(document, "Tell")["AppSpecification"]["ImageUri"] == IMAGE


@sdk
def test_steps_are_left_out() -> None:
    gone = {"VerdictHeld", "RegisterHeld", "VerdictRejected", "RegisterRejected", "Clean"}
    assert not gone & steps(shaped("left out")).keys()
    assert list(steps(shaped("trained only"))) == ["Prepare", "Train"]


REFUSED: list[tuple[Json, str]] = [
    ({"extra": {"Tell": {**LATE, "inputs": {"x": "Prepare.rows"}}}}, "reads 'Prepare.rows'; there are .*Prepare.train"),
    ({"extra": {"Tell": {**LATE, "after": ["Evalute"]}}}, "names 'Evalute'; there are Prepare"),
    ({"extra": {"Clean": {**CLEAN, "script": "/home/me/clean.py"}}}, "nobody has put"),
    ({"container": {"script": "/home/me/mine.py"}}, "steps.container: nobody has put"),
    ({"training": "distributed"}, "for a steps.container of your own"),
    ({"machines": {"Train": {"instances": 2}}}, "Our own training learns the whole model on one machine"),
    ({"container": {"script": "a.py", "entrypoint": ["b"]}}, "has a script or an entrypoint, not both"),
    ({"training": "spot", "checkpoint_rounds": 0}, "checkpoint_rounds must be at least 1"),
    (
        {"extra": {"Late": {**CLEAN, "inputs": {"x": "Evaluate.evaluation"}, "feeds_training": True}}},
        "can read no more than Prepare wrote",
    ),
]


@sdk
@pytest.mark.parametrize(("raw", "words"), REFUSED)
def test_steps_that_do_not_fit_together_are_refused_in_words(raw: Json, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        render_training(build(Steps, raw, "steps"))


@sdk
def test_the_command_line_hears_why_settings_make_no_pipeline() -> None:
    with pytest.raises(SettingsError, match="names 'Evalute'"):
        shapes.rendered(build(Steps, REFUSED[1][0], "steps"))


def test_without_the_sdk_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        assert name == "sagemaker"

    monkeypatch.setattr(shapes, "find_spec", missing)
    with pytest.raises(SettingsError, match=r"rightpack\[pipelines\]"):
        shapes.rendered(Steps(training="spot"))
