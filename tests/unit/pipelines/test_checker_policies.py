"""Planted errors in retries and caching."""

from __future__ import annotations

import pytest

from tests.unit.pipelines.committed import arguments, steps
from tests.unit.pipelines.planting import (
    Planted,
    assert_found,
    envelope,
    environment,
    job,
    joined,
    retry,
    source,
    without,
)

PLANTED = [
    # retries
    Planted("both ends of a retry", "Steps.Train.RetryPolicies[1]", "exactly one", retry("Train", 1, MaxAttempts=3)),
    Planted(
        "no end of a retry",
        "Steps.Train.RetryPolicies[0]",
        "exactly one",
        lambda d: steps(d)["Train"]["RetryPolicies"][0].pop("MaxAttempts"),
    ),
    Planted(
        "too many attempts",
        "Steps.Train.RetryPolicies[0].MaxAttempts",
        "from 1 to 20",
        retry("Train", 0, MaxAttempts=21),
    ),
    Planted(
        "eleven days of retries",
        "Steps.Train.RetryPolicies[1].ExpireAfterMin",
        "from 1 to 14400",
        retry("Train", 1, ExpireAfterMin=14401),
    ),
    Planted(
        "unknown exception",
        "Steps.Train.RetryPolicies[2]",
        "'SageMaker.JOB_CAPACITY_ERROR' is not retried",
        retry("Train", 2, ExceptionType=["SageMaker.JOB_CAPACITY_ERROR"]),
    ),
    Planted(
        "job exception of a model",
        "Steps.RegisterApproved.RetryPolicies[0]",
        "not retried for a RegisterModel step",
        retry("RegisterApproved", 0, ExceptionType=["SageMaker.CAPACITY_ERROR"]),
    ),
    Planted(
        "one exception in two policies",
        "Steps.Train.RetryPolicies[2]",
        "an earlier policy",
        retry("Train", 2, ExceptionType=["SageMaker.CAPACITY_ERROR"]),
    ),
    Planted(
        "retry without exceptions", "Steps.Train.RetryPolicies[2]", "not empty", retry("Train", 2, ExceptionType=[])
    ),
    Planted(
        "misspelt retry key", "Steps.Train.RetryPolicies[0].Attempts", "unknown key", retry("Train", 0, Attempts=3)
    ),
    Planted(
        "retry of a condition",
        "Steps.Verdict.RetryPolicies",
        "does not apply to a Condition step",
        envelope("Verdict", RetryPolicies=[]),
    ),
    # caching
    Planted(
        "duration that is none",
        "Steps.Train.CacheConfig.ExpireAfter",
        "'30d' is not an ISO 8601 duration",
        envelope("Train", CacheConfig={"Enabled": True, "ExpireAfter": "30d"}),
    ),
    Planted(
        "cache without a switch",
        "Steps.Train.CacheConfig.Enabled",
        "true or false",
        envelope("Train", CacheConfig={"ExpireAfter": "P1D"}),
    ),
    Planted(
        "cached registration",
        "Steps.RegisterApproved.CacheConfig",
        "does not apply",
        envelope("RegisterApproved", CacheConfig={"Enabled": True, "ExpireAfter": "P1D"}),
    ),
    Planted(
        "run id as an argument of a cached step",
        "Steps.Prepare.",
        "must not see RunId",
        lambda d: arguments(d, "Prepare")["AppSpecification"]["ContainerArguments"].extend(
            ["--run-id", {"Get": "Parameters.RunId"}]
        ),
    ),
    Planted(
        "run id in the environment of a cached step",
        "Steps.Train.",
        "must not see RunId",
        environment("Train", RUN_ID={"Get": "Parameters.RunId"}),
    ),
    Planted(
        "run id joined into an input of a cached step",
        "Steps.Prepare.",
        "must not see RunId",
        source("Prepare", 0, joined("s3://b", {"Get": "Parameters.RunId"})),
        "inference",
    ),
    Planted(
        "run id as a tag of a cached step",
        "Steps.Train.",
        "must not see RunId",
        job("Train", Tags=[{"Key": "run", "Value": {"Get": "Parameters.RunId"}}]),
    ),
    Planted(
        "execution id in a cached step",
        "Steps.Prepare.Arguments.Environment",
        "never hits with Execution.PipelineExecutionId",
        environment("Prepare", ID={"Get": "Execution.PipelineExecutionId"}),
    ),
    Planted(
        "cached step after one that is not",
        "Steps.Train.Arguments.InputDataConfig",
        "results of Prepare, which is not cached",
        without("Prepare.CacheConfig"),
    ),
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_error_is_found_where_it_is(planted: Planted) -> None:
    assert_found(planted)
