"""Planted errors in order, conditions and frame."""

from __future__ import annotations

import pytest

from tests.unit.pipelines.committed import arguments, steps
from tests.unit.pipelines.planting import Planted, assert_found, condition, envelope, job, parameter, without

PLANTED = [
    # order
    Planted(
        "dependency on nothing",
        "Steps.Evaluate.DependsOn[0]",
        "no step 'Score'",
        envelope("Evaluate", DependsOn=["Score"]),
    ),
    Planted(
        "dependency with an unknown trigger",
        "Steps.Evaluate.DependsOn[0]",
        "unknown trigger",
        envelope("Evaluate", DependsOn=[{"Step": "Train", "Trigger": "Finished"}]),
    ),
    Planted(
        "cycle by dependency",
        "Steps.",
        "Prepare -> Evaluate -> CreateCandidate",
        envelope("Prepare", DependsOn=["Evaluate"]),
    ),
    Planted("step that waits for itself", "Steps.Train", "Train -> Train", envelope("Train", DependsOn=["Train"])),
    Planted(
        "step that waits for a branch",
        "Steps.Evaluate",
        "only in the branch Verdict.IfSteps",
        envelope("Evaluate", DependsOn=["RegisterApproved"]),
    ),
    Planted(
        "two steps of one name",
        "Steps.RegisterApproved",
        "2 have this name",
        lambda d: steps(d)["RegisterRejected"].update(Name="RegisterApproved"),
    ),
    Planted("name with a blank", "Steps.My step", "not a step name", envelope("Verdict", Name="My step")),
    # conditions
    Planted("unknown operator", "Steps.Verdict.", "unknown condition 'NotEquals'", condition(Type="NotEquals")),
    Planted(
        "operand left out",
        "Steps.Verdict.",
        "has exactly LeftValue, RightValue",
        lambda d: arguments(d, "Verdict")["Conditions"][0].pop("RightValue"),
    ),
    Planted(
        "text compared with a boolean",
        "Steps.Verdict.",
        "a string is compared with a boolean",
        condition(LeftValue={"Get": "Parameters.RunId"}, RightValue=True),
    ),
    Planted(
        "fault inside not and or",
        "Steps.Verdict.Arguments.Conditions[0].Condition.Conditions[0]",
        "unknown condition",
        lambda d: arguments(d, "Verdict").update(
            Conditions=[{"Type": "Not", "Condition": {"Type": "Or", "Conditions": [{"Type": "And"}]}}]
        ),
    ),
    Planted(
        "membership of different kinds",
        "Steps.Verdict.",
        "is compared with",
        lambda d: arguments(d, "Verdict").update(Conditions=[{"Type": "In", "QueryValue": "a", "Values": ["a", 1]}]),
    ),
    Planted("object as an operand", "Steps.Verdict.", "cannot be compared", condition(RightValue={"a": 1, "b": 2})),
    Planted("no condition", "Steps.Verdict.", "not empty", lambda d: arguments(d, "Verdict").update(Conditions=[])),
    Planted(
        "empty branches",
        "Steps.Verdict.",
        "both branches are empty",
        lambda d: arguments(d, "Verdict").update(IfSteps=[], ElseSteps=[]),
    ),
    Planted(
        "condition inside a condition",
        "Steps.Inner",
        "cannot be nested",
        lambda d: arguments(d, "Verdict")["IfSteps"].append(
            {
                "Name": "Inner",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": arguments(d, "Verdict")["Conditions"],
                    "IfSteps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
                    "ElseSteps": [],
                },
            }
        ),
    ),
    Planted(
        "unknown argument of a condition", "Steps.Verdict.Arguments.Then", "unknown argument", job("Verdict", Then=[])
    ),
    # frame and envelope
    Planted("unknown step type", "Steps.Train", "'AutoML' are not used here", envelope("Train", Type="AutoML")),
    Planted("misspelt step field", "Steps.Train.Dependson", "does not apply", envelope("Train", Dependson=[])),
    Planted(
        "step field of a wrong type", "Steps.Train.DependsOn", "must be a list", envelope("Train", DependsOn="Prepare")
    ),
    Planted("arguments left out", "Steps.Train.Arguments", "is missing", without("Train.Arguments")),
    Planted("step without type", "Steps[1]", "needs a Name and a Type", without("Train.Type")),
    Planted(
        "experiment per run",
        "PipelineExperimentConfig",
        "is not used here",
        lambda d: d.update(PipelineExperimentConfig=None),
    ),
    Planted("another version", "Version", "must be '2020-12-01'", lambda d: d.update(Version="2021-01-01")),
    Planted("no steps", "Steps", "there is no step", lambda d: d.update(Steps=[])),
    Planted("parameter declared twice", "Parameters.RunId", "2 have this name", parameter(Name="RunId", Type="String")),
    Planted(
        "parameter of an unknown type", "Parameters[9]", "needs a Name and a Type", parameter(Name="X", Type="Text")
    ),
    Planted(
        "default of a wrong type",
        "Parameters.X",
        "'1' is not of type Integer",
        parameter(Name="X", Type="Integer", DefaultValue="1"),
    ),
    Planted(
        "boolean default of an integer",
        "Parameters.X",
        "True is not of type Integer",
        parameter(Name="X", Type="Integer", DefaultValue=True),
    ),
    Planted(
        "default outside the choices",
        "Parameters.X",
        "not one of its EnumValues",
        parameter(Name="X", Type="String", DefaultValue="c", EnumValues=["a"]),
    ),
    Planted(
        "misspelt parameter key", "Parameters.X.Default", "unknown key", parameter(Name="X", Type="String", Default="c")
    ),
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_error_is_found_where_it_is(planted: Planted) -> None:
    assert_found(planted)
