"""Planted errors in the arguments of jobs and models."""

from __future__ import annotations

import pytest

from tests.unit.pipelines.committed import arguments
from tests.unit.pipelines.planting import (
    Planted,
    assert_found,
    cluster,
    condition,
    container,
    job,
    joined,
    many_inputs,
    output,
    without,
)

PLANTED = [
    # types, members, enums, patterns, bounds
    Planted(
        "number as an argument",
        "Steps.Load.",
        "7 is not of type string",
        lambda d: arguments(d, "Load")["AppSpecification"]["ContainerArguments"].append(7),
        "inference",
    ),
    Planted(
        "text for a number",
        "Steps.ScoreValidation.",
        "'4' is not of type integer",
        job("ScoreValidation", MaxConcurrentTransforms="4"),
    ),
    Planted("null", "Steps.Train.", "None is not of type string", job("Train", RoleArn=None)),
    Planted(
        "unknown member",
        "Steps.Prepare.",
        "did you mean ContainerEntrypoint?",
        container("Prepare", ContainerEntryPoint=["python"]),
    ),
    Planted(
        "missing member",
        "Steps.Train.Arguments.OutputDataConfig",
        "is missing; CreateTrainingJob needs it",
        without("Train.Arguments.OutputDataConfig"),
    ),
    Planted(
        "missing nested member",
        "Steps.Prepare.",
        "is missing",
        without("Prepare.Arguments.ProcessingResources.ClusterConfig.VolumeSizeInGB"),
    ),
    Planted(
        "object for a list", "Steps.Train.", "must be a list", job("Train", InputDataConfig={"ChannelName": "train"})
    ),
    Planted("list for an object", "Steps.Train.", "must be an object", job("Train", ResourceConfig=[])),
    Planted("list for a map", "Steps.Train.", "must be an object", job("Train", Environment=[])),
    Planted(
        "transform instance that does not exist",
        "Steps.ScoreValidation.",
        "'ml.t3.large' is not one of",
        lambda d: arguments(d, "ScoreValidation")["TransformResources"].update(InstanceType="ml.t3.large"),
    ),
    Planted(
        "default of an instance parameter",
        "Steps.Prepare.",
        "default of parameter ProcessingInstanceType",
        lambda d: d["Parameters"][-2].update(DefaultValue="ml.m5.huge"),
    ),
    Planted("role that is none", "Steps.Prepare.", "does not match arn", job("Prepare", RoleArn="${Image}")),
    Planted(
        "bucket without scheme",
        "Steps.ScoreValidation.",
        "does not match (https|s3)",
        lambda d: arguments(d, "ScoreValidation")["TransformOutput"].update(S3OutputPath="${ArtefactBucket}/scores"),
    ),
    Planted(
        "character that the registry refuses",
        "Steps.RegisterApproved.",
        "does not match",
        lambda d: arguments(d, "RegisterApproved")["CustomerMetadataProperties"].update(note="50% worse"),
    ),
    Planted(
        "approval that does not exist",
        "Steps.RegisterRejected.",
        "is not one of the 3 values",
        job("RegisterRejected", ModelApprovalStatus="Refused"),
    ),
    Planted(
        "argument of 257 characters",
        "Steps.Prepare.",
        "257 characters: the maximum is 256",
        lambda d: arguments(d, "Prepare")["AppSpecification"]["ContainerArguments"].append("x" * 257),
    ),
    Planted(
        "joined argument that cannot be short enough",
        "Steps.Evaluate.",
        "the maximum is 256",
        lambda d: arguments(d, "Evaluate")["AppSpecification"]["ContainerArguments"].append(
            joined("x" * 256, {"Get": "Parameters.RunId"})
        ),
    ),
    Planted("eleven inputs", "Steps.Evaluate.Arguments.ProcessingInputs", "the maximum is 10", many_inputs),
    Planted(
        "run time of ten days",
        "Steps.Prepare.",
        "the maximum is 777600",
        job("Prepare", StoppingCondition={"MaxRuntimeInSeconds": 864000}),
    ),
    Planted("no instance at all", "Steps.Prepare.", "the minimum is 1", cluster("Prepare", InstanceCount=0)),
    # limits that are only documented
    Planted("too much in flight", "Steps.Score.", "more than 100", job("Score", MaxPayloadInMB=26), "inference"),
    Planted(
        "batch strategy without split",
        "Steps.Score.Arguments.BatchStrategy",
        "needs a SplitType",
        job("Score", BatchStrategy="MultiRecord"),
        "inference",
    ),
    Planted(
        "path outside the container's contract",
        "Steps.Prepare.",
        "must begin with /opt/ml/processing/",
        lambda d: arguments(d, "Prepare")["ProcessingInputs"][0]["S3Input"].update(LocalPath="/data"),
    ),
    Planted(
        "two inputs of one name",
        "Steps.Prepare.",
        "'data'",
        lambda d: arguments(d, "Prepare")["ProcessingInputs"][1].update(InputName="data"),
    ),
    # our own rules
    Planted(
        "job without an end",
        "Steps.Prepare.Arguments.StoppingCondition",
        "is missing",
        without("Prepare.Arguments.StoppingCondition"),
    ),
    Planted(
        "training without an end",
        "Steps.Train.Arguments.StoppingCondition",
        "is missing",
        job("Train", StoppingCondition={}),
    ),
    Planted(
        "placeholder that nobody fills in",
        "Steps.Train.",
        "nobody fills in ${Bucket}",
        lambda d: arguments(d, "Train")["OutputDataConfig"].update(S3OutputPath="s3://${Bucket}/x"),
    ),
    Planted("placeholder in a condition", "Steps.Verdict.", "nobody fills in ${Yes}", condition(RightValue="${Yes}")),
    Planted(
        "output that is a prefix of another",
        "Steps.Prepare.",
        "reading output 'label'",
        output("Prepare", OutputName="label"),
    ),
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_error_is_found_where_it_is(planted: Planted) -> None:
    assert_found(planted)
