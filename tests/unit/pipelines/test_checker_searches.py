"""Callback and tuning steps: what the checker accepts of them, and the errors that it finds."""

from __future__ import annotations

import pytest

from pipelines.checker import check
from tests.unit.pipelines.committed import Json, arguments, definition, steps
from tests.unit.pipelines.planting import Planted, assert_found, envelope, joined, without

BEST = {"Get": "Steps.Train.TrainingJobSummaries[0].TrainingJobName"}


def as_tuning(document: Json) -> None:
    """Make the step Train of the training pipeline a search for its best hyperparameters."""
    train = steps(document)["Train"]
    job = train["Arguments"]
    parts = ("InputDataConfig", "OutputDataConfig", "ResourceConfig", "RoleArn", "StoppingCondition", "Environment")
    specification = {**job["AlgorithmSpecification"], "MetricDefinitions": [{"Name": "auc", "Regex": "auc=(.*);"}]}
    train["Type"] = "Tuning"
    train["Arguments"] = {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
        },
        "TrainingJobDefinition": {"AlgorithmSpecification": specification, **{name: job[name] for name in parts}},
    }
    lead_to(document, joined("s3://${ArtefactBucket}/tuned", BEST, "output/model.tar.gz"))


def lead_to(document: Json, model: Json) -> None:
    arguments(document, "CreateCandidate")["model_data"] = model
    options = arguments(document, "Evaluate")["AppSpecification"]["ContainerArguments"]
    options[options.index("--candidate") + 1] = model
    arguments(document, "Evaluate")["ProcessingInputs"][4]["S3Input"]["S3Uri"] = model
    for name in ("RegisterApproved", "RegisterRejected", "RegisterHeld"):
        arguments(document, name)["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] = model


def configuration(document: Json) -> Json:
    return arguments(document, "Train")["HyperParameterTuningJobConfig"]


def trial(document: Json) -> Json:
    return arguments(document, "Train")["TrainingJobDefinition"]


@pytest.mark.parametrize("best", ["TrainingJobSummaries[0]", "BestTrainingJob"])
def test_a_search_and_its_best_model_are_accepted(best: str) -> None:
    document = definition("training")
    as_tuning(document)
    lead_to(document, joined("s3://b", {"Get": f"Steps.Train.{best}.TrainingJobName"}, "output/model.tar.gz"))
    assert check(document) == []


def test_a_cached_step_may_continue_a_callback_which_may_well_answer_the_same() -> None:
    document = definition("topics")
    assert "CacheConfig" in steps(document)["Layer2"]
    assert check(document) == []


SEARCHES = [
    Planted("unknown strategy", "Steps.Train.", "values of", lambda d: configuration(d).update(Strategy="Bayes")),
    Planted("no limits", "Steps.Train.", "is missing", lambda d: configuration(d).pop("ResourceLimits")),
    Planted("endless trials", "Steps.Train.", "for days", lambda d: trial(d).pop("StoppingCondition")),
    Planted(
        "unknown figure of a trial",
        "Steps.CreateCandidate.",
        "at 'TrainingJob'",
        lambda d: lead_to(d, {"Get": "Steps.Train.TrainingJobSummaries[0].TrainingJob"}),
    ),
    Planted(
        "unknown best",
        "Steps.CreateCandidate.",
        "at 'Best'",
        lambda d: lead_to(d, {"Get": "Steps.Train.Best.TrainingJobName"}),
    ),
    Planted(
        "run id in a cached search",
        "Steps.Train.",
        "must not see RunId",
        lambda d: trial(d)["Environment"].update(RUN={"Get": "Parameters.RunId"}),
    ),
    Planted(
        "execution in a cached search",
        "Steps.Train.Arguments.TrainingJobDefinition",
        "never hits with Execution.PipelineExecutionId",
        lambda d: trial(d).update(StaticHyperParameters={"id": {"Get": "Execution.PipelineExecutionId"}}),
    ),
    Planted(
        "unknown exception",
        "Steps.Train.RetryPolicies[0]",
        "not retried for a Tuning step",
        lambda d: steps(d)["Train"]["RetryPolicies"][0].update(ExceptionType=["SageMaker.TRIAL"]),
    ),
]


@pytest.mark.parametrize("planted", SEARCHES, ids=lambda planted: planted.name)
def test_an_error_planted_in_a_search_is_found(planted: Planted) -> None:
    def plant(document: Json) -> None:
        as_tuning(document)
        planted.plant(document)

    assert_found(Planted(planted.name, planted.at, planted.says, plant))


CALLBACKS = [
    Planted("no queue", "Steps.Revise1.SqsQueueUrl", "is missing", without("Revise1.SqsQueueUrl"), "topics"),
    Planted(
        "list as an argument",
        "Steps.Revise1.Arguments.layer",
        "a text, a number or a boolean",
        lambda d: arguments(d, "Revise1").update(layer=["1"]),
        "topics",
    ),
    Planted(
        "undeclared output",
        "Steps.Layer2.",
        "declares no output",
        lambda d: steps(d)["Revise1"].update(OutputParameters=[]),
        "topics",
    ),
    Planted(
        "retried callback",
        "Steps.Revise1.RetryPolicies",
        "does not apply to a Callback step",
        envelope("Revise1", RetryPolicies=[]),
        "topics",
    ),
    Planted(
        "cached callback",
        "Steps.Revise1.CacheConfig",
        "does not apply to a Callback step",
        envelope("Revise1", CacheConfig={"Enabled": True, "ExpireAfter": "P1D"}),
        "topics",
    ),
]


@pytest.mark.parametrize("planted", CALLBACKS, ids=lambda planted: planted.name)
def test_an_error_planted_in_a_callback_is_found(planted: Planted) -> None:
    assert_found(planted)
