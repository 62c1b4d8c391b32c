"""The topics pipeline as the SageMaker SDK writes it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the SageMaker SDK is not installed"),
]
ROOT = Path(__file__).resolve().parents[3]
RENDER = """
import json
from pipelines.offline import offline_environment, offline_session
from pipelines.render import formatted

with offline_environment():
    from pipelines.topics import parameters, pipeline

    machines = parameters.Machines(layers=("ml.m5.4xlarge", "ml.m5.2xlarge", "ml.m5.large"))
    with offline_session() as session:
        given = {int(number): own for number, own in json.loads('%s').items()}
        learning = pipeline.Learning(given, {int(n): pipeline.Search(3, 2) for n in json.loads('%s')})
        made = pipeline.build(session, machines, learning).definition()
print(formatted(json.loads(made)))
"""


def rendered(hyperparameters: dict[str, dict[str, str]], searched: Sequence[int] = ()) -> str:
    """A program that prints the definition; the SDK changes the process that imports it, so it gets one of its own."""
    return RENDER % (json.dumps(hyperparameters), json.dumps(searched))


def render(program: str) -> dict[str, Any]:
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    return dict(json.loads(done.stdout[done.stdout.index("{") :]))


@pytest.fixture(scope="module")
def definition() -> dict[str, Any]:
    return render(rendered({"1": {"topics": "30"}}))


@pytest.fixture(scope="module")
def steps(definition: dict[str, Any]) -> dict[str, Any]:
    return {step["Name"]: step for step in definition["Steps"]}


def channels(step: dict[str, Any]) -> dict[str, Any]:
    given = step["Arguments"]["InputDataConfig"]
    return {c["ChannelName"]: c["DataSource"]["S3DataSource"]["S3Uri"] for c in given}


def test_layers_follow_each_other_with_a_revision_between(steps: dict[str, Any]) -> None:
    expected = ["Prepare", "Layer1", "Revise1", "Layer2", "Revise2", "Layer3", "Pack", "Register"]
    assert list(steps) == expected
    assert [steps[n]["Type"] for n in expected[1:4]] == ["Training", "Callback", "Training"]


def test_each_layer_reads_the_answer_of_the_callback_before_it(steps: dict[str, Any]) -> None:
    assert set(channels(steps["Layer1"])) == {"train", "config"}
    for number in (2, 3):
        found = channels(steps[f"Layer{number}"])
        assert found["mapping"] == {"Get": f"Steps.Revise{number - 1}.OutputParameters['mapping']"}
        assert found["previous"] == {"Get": f"Steps.Layer{number - 1}.ModelArtifacts.S3ModelArtifacts"}
        assert found["train"] == channels(steps["Layer1"])["train"]


def test_the_callback_says_which_mapping_of_which_layer_and_who_revises(steps: dict[str, Any]) -> None:
    assert steps["Revise2"]["Arguments"] == {
        "mapping": {"Get": "Steps.Layer2.ModelArtifacts.S3ModelArtifacts"},
        "layer": "2",
        "mode": {"Get": "Parameters.MappingMode"},
    }
    assert steps["Revise2"]["SqsQueueUrl"].endswith("/${AWS::AccountId}/rightpack-${Stage}-mappings")


def test_each_layer_has_an_instance_type_of_its_own(definition: dict[str, Any], steps: dict[str, Any]) -> None:
    defaults = {p["Name"]: p.get("DefaultValue") for p in definition["Parameters"]}
    found = [defaults[f"Layer{n}InstanceType"] for n in (1, 2, 3)]
    assert found == ["ml.m5.4xlarge", "ml.m5.2xlarge", "ml.m5.large"]
    for number in (1, 2, 3):
        instance = steps[f"Layer{number}"]["Arguments"]["ResourceConfig"]["InstanceType"]
        assert instance == {"Get": f"Parameters.Layer{number}InstanceType"}


def test_training_starts_our_command_and_reports_its_loss(steps: dict[str, Any]) -> None:
    algorithm = steps["Layer1"]["Arguments"]["AlgorithmSpecification"]
    assert "ContainerEntrypoint" not in algorithm  # the image's command `train`, which a tuning job starts as well
    assert channels(steps["Layer1"])["config"] == {"Get": "Parameters.ConfigUri"}
    assert "topic_loss" in {m["Name"] for m in algorithm["MetricDefinitions"]}
    assert steps["Layer1"]["Arguments"]["HyperParameters"] == {"topics": "30"}
    assert steps["Layer3"]["Arguments"]["Environment"]["LAYER"] == "3"


def test_one_model_is_registered_and_waits_for_approval(steps: dict[str, Any]) -> None:
    arguments = steps["Register"]["Arguments"]
    assert arguments["ModelApprovalStatus"] == "PendingManualApproval"
    (container,) = arguments["InferenceSpecification"]["Containers"]
    packed = {"Get": "Steps.Pack.ProcessingOutputConfig.Outputs['packed'].S3Output.S3Uri"}
    assert container["ModelDataUrl"] == {"Std:Join": {"On": "/", "Values": [packed, "model.tar.gz"]}}


def test_no_cached_step_sees_the_run(steps: dict[str, Any]) -> None:
    for name in ("Prepare", "Layer1", "Layer2", "Layer3", "Pack"):
        keyed = {k: v for k, v in steps[name]["Arguments"].items() if not k.startswith(("Output", "ProcessingOutput"))}
        assert "RunId" not in json.dumps(keyed)
        assert "Execution." not in json.dumps(keyed)


def test_a_layer_may_be_searched_and_its_best_model_goes_on() -> None:
    found = {step["Name"]: step for step in render(rendered({"1": {"folds": "2"}}, [1]))["Steps"]}
    tuning = found["Layer1"]["Arguments"]
    assert found["Layer1"]["Type"] == "Tuning"
    assert found["Layer1"]["CacheConfig"]["Enabled"]
    config = tuning["HyperParameterTuningJobConfig"]
    assert (config["Strategy"], config["ResourceLimits"]["MaxNumberOfTrainingJobs"]) == ("Bayesian", 3)
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "topic_loss"}
    assert tuning["TrainingJobDefinition"]["Environment"]["LAYER"] == "1"
    assert tuning["TrainingJobDefinition"]["StaticHyperParameters"] == {"folds": "2"}
    output = tuning["TrainingJobDefinition"]["OutputDataConfig"]["S3OutputPath"]
    best = {"Get": "Steps.Layer1.TrainingJobSummaries[0].TrainingJobName"}
    expected = {"Std:Join": {"On": "/", "Values": [output, best, "output/model.tar.gz"]}}
    assert found["Revise1"]["Arguments"]["mapping"] == expected
    assert channels(found["Layer2"])["previous"] == expected
