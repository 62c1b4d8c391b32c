"""Planted errors in references."""

from __future__ import annotations

import pytest

from tests.unit.pipelines.committed import arguments, steps
from tests.unit.pipelines.planting import (
    Planted,
    assert_found,
    cluster,
    condition,
    container,
    environment,
    joined,
    source,
)

PLANTED = [
    # references
    Planted(
        "unknown parameter",
        "Steps.Prepare.",
        "no parameter 'DataUrl'",
        source("Prepare", 0, {"Get": "Parameters.DataUrl"}),
    ),
    Planted(
        "unknown step",
        "Steps.CreateCandidate.",
        "no step 'Trane'",
        lambda d: arguments(d, "CreateCandidate").update(
            model_data={"Get": "Steps.Trane.ModelArtifacts.S3ModelArtifacts"}
        ),
    ),
    Planted(
        "unknown property",
        "Steps.CreateCandidate.",
        "at 'S3Artifacts'",
        lambda d: arguments(d, "CreateCandidate").update(model_data={"Get": "Steps.Train.ModelArtifacts.S3Artifacts"}),
    ),
    Planted(
        "unknown output",
        "Steps.Evaluate.",
        "no output 'label'",
        source("Evaluate", 1, {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['label'].S3Output.S3Uri"}),
    ),
    Planted(
        "unreadable path",
        "Steps.Evaluate.",
        "no output '[labels'",
        source("Evaluate", 1, {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs[labels"}),
    ),
    Planted(
        "whole structure",
        "Steps.Evaluate.",
        "not a single value",
        source("Evaluate", 1, {"Get": "Steps.Prepare.ProcessingOutputConfig"}),
    ),
    Planted(
        "property of a step without any",
        "Steps.Evaluate.",
        "a Condition step has no property",
        source("Evaluate", 1, {"Get": "Steps.Verdict.Result"}),
    ),
    Planted(
        "unknown execution variable",
        "Steps.Evaluate.",
        "no execution variable 'Id'",
        environment("Evaluate", RUN={"Get": "Execution.Id"}),
    ),
    Planted(
        "unreadable reference",
        "Steps.Evaluate.",
        "cannot read the reference",
        environment("Evaluate", RUN={"Get": "Params.RunId"}),
    ),
    Planted(
        "unknown function",
        "Steps.Evaluate.",
        "unknown function 'Std:Split'",
        environment("Evaluate", RUN={"Std:Split": []}),
    ),
    Planted(
        "join without separator",
        "Steps.Evaluate.",
        "Std:Join needs On",
        environment("Evaluate", RUN={"Std:Join": {"Values": ["a"]}}),
    ),
    Planted(
        "fault inside a join",
        "Steps.Load.",
        "no step 'Recomend'",
        lambda d: arguments(d, "Load")["AppSpecification"]["ContainerArguments"].append(
            joined({"Get": "Steps.Recomend.X"}, "manifest")
        ),
        "inference",
    ),
    Planted("list in a join", "Steps.Evaluate.", "cannot be joined", environment("Evaluate", RUN=joined(["a"]))),
    Planted(
        "unknown property file",
        "Steps.RegisterApproved.",
        "no property file 'Evaluations'",
        lambda d: arguments(d, "RegisterApproved")["CustomerMetadataProperties"]["reason"]["Std:JsonGet"].update(
            PropertyFile={"Get": "Steps.Evaluate.PropertyFiles.Evaluations"}
        ),
    ),
    Planted(
        "property file of an unknown step",
        "Steps.Verdict.",
        "no step 'Judge'",
        condition(
            LeftValue={"Std:JsonGet": {"Path": "a", "PropertyFile": {"Get": "Steps.Judge.PropertyFiles.Evaluation"}}}
        ),
    ),
    Planted(
        "variable path of a JsonGet",
        "Steps.Verdict.",
        "must be a literal",
        condition(
            LeftValue={
                "Std:JsonGet": {
                    "Path": {"Get": "Parameters.RunId"},
                    "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"},
                }
            }
        ),
    ),
    Planted(
        "property file of an unknown output",
        "Steps.Evaluate.",
        "no output 'evaluations'",
        lambda d: steps(d)["Evaluate"]["PropertyFiles"][0].update(OutputName="evaluations"),
    ),
    Planted(
        "malformed property file",
        "Steps.Evaluate.",
        "needs the texts",
        lambda d: steps(d)["Evaluate"]["PropertyFiles"][0].pop("FilePath"),
    ),
    # kinds
    Planted(
        "integer parameter in a text map",
        "Steps.Train.",
        "gives integer, the argument wants string",
        lambda d: (
            d["Parameters"].append({"Name": "Leaves", "Type": "Integer", "DefaultValue": 63}),
            arguments(d, "Train").update(HyperParameters={"num_leaves": {"Get": "Parameters.Leaves"}}),
        ),
    ),
    Planted(
        "text parameter for a number",
        "Steps.Prepare.",
        "gives string, the argument wants integer",
        cluster("Prepare", InstanceCount={"Get": "Parameters.RunId"}),
    ),
    Planted(
        "text joined for a number",
        "Steps.Prepare.",
        "gives string, the argument wants integer",
        cluster("Prepare", VolumeSizeInGB=joined("3", "0")),
    ),
    Planted(
        "variable for a list",
        "Steps.Prepare.",
        "cannot stand for a list",
        container("Prepare", ContainerArguments={"Get": "Parameters.RunId"}),
    ),
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_error_is_found_where_it_is(planted: Planted) -> None:
    assert_found(planted)
