"""The checker as a whole: what it accepts, that it survives anything, and its command."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.checker import Problem, check
from pipelines.checker.__main__ import main
from pipelines.placeholders import Placeholder
from tests.unit.pipelines.committed import NAMES, Json, arguments, definition, steps

DEPLOYED = {
    Placeholder.IMAGE: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/rightpack@sha256:" + "0" * 64,
    Placeholder.JOB_ROLE_ARN: "arn:aws:iam::123456789012:role/rightpack-dev-job",
    Placeholder.DATA_BUCKET: "rightpack-dev-data-123456789012-eu-central-1",
    Placeholder.ARTEFACT_BUCKET: "rightpack-dev-artefacts-123456789012-eu-central-1",
    Placeholder.STAGE: "dev",
    Placeholder.REGION: "eu-central-1",
    Placeholder.ACCOUNT: "123456789012",
}


@pytest.mark.parametrize("name", [*NAMES, "topics"])
def test_the_committed_definitions_have_no_problem(name: str) -> None:
    assert check(definition(name)) == []


@pytest.mark.parametrize("name", [*NAMES, "topics"])
def test_nor_have_they_as_they_are_deployed(name: str) -> None:
    text = json.dumps(definition(name))
    for placeholder, value in DEPLOYED.items():
        text = text.replace(placeholder.text, value)
    assert check(json.loads(text)) == []


def with_steps(*added: Json) -> Json:
    document = definition("training")
    document["Steps"] += added
    return document


NOTIFY = {
    "Name": "Notify",
    "Type": "Lambda",
    "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:notify",
    "Arguments": {"model": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}, "tries": 3},
    "OutputParameters": [{"OutputName": "sent", "OutputType": "Boolean"}],
}
SENT = {"Get": "Steps.Notify.OutputParameters['sent']"}
STOP = {
    "Name": "Stop",
    "Type": "Fail",
    "Arguments": {"ErrorMessage": {"Std:Join": {"On": " ", "Values": ["sent", SENT]}}},
}


def test_a_lambda_step_and_what_refers_to_its_outputs_is_accepted() -> None:
    assert check(with_steps(NOTIFY, STOP)) == []


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ({**NOTIFY, "FunctionArn": ""}, "Steps.Notify.FunctionArn", "is missing"),
        ({**NOTIFY, "Arguments": {"a": ["b"]}}, "Steps.Notify.Arguments.a", "must be a text, a number or a boolean"),
        ({**NOTIFY, "OutputParameters": [{"OutputName": "sent"}]}, "Steps.Notify.OutputParameters[0]", "OutputType"),
        ({**NOTIFY, "RetryPolicies": []}, "Steps.Notify.RetryPolicies", "does not apply to a Lambda step"),
        ({**STOP, "Arguments": {"Message": "x"}}, "Steps.Stop.Arguments", "exactly one argument"),
        ({**STOP, "Arguments": {"ErrorMessage": SENT}}, "Steps.Stop.Arguments.ErrorMessage", "no step 'Notify'"),
    ],
)
def test_faults_of_steps_without_a_request_are_found(step: Json, path: str, message: str) -> None:
    found = [p for p in check(with_steps(step)) if p.path.startswith(path)]
    assert message in found[0].message


def test_an_output_that_a_lambda_does_not_declare_is_found() -> None:
    problems = check(with_steps({**NOTIFY, "OutputParameters": []}, STOP))
    assert [p.path for p in problems] == ["Steps.Stop.Arguments.ErrorMessage.Values[1]"]
    assert "declares no output" in problems[0].message


def test_an_integer_parameter_may_stand_for_a_number() -> None:
    document = definition("training")
    document["Parameters"].append({"Name": "Disk", "Type": "Integer", "DefaultValue": 50})
    arguments(document, "Train")["ResourceConfig"]["VolumeSizeInGB"] = {"Get": "Parameters.Disk"}
    assert check(document) == []


def test_a_dependency_with_a_run_condition_is_accepted() -> None:
    step = {**STOP, "Arguments": {"ErrorMessage": "no"}, "DependsOn": [{"Step": "Train", "Trigger": "Failed"}]}
    assert check(with_steps(step)) == []


def test_steps_inside_one_branch_may_wait_for_each_other() -> None:
    document = definition("training")
    step = {**NOTIFY, "Arguments": {"arn": {"Get": "Steps.RegisterApproved.ModelPackageArn"}}}
    arguments(document, "Verdict")["IfSteps"].append(step)
    assert check(document) == []


def test_a_problem_reads_as_place_and_fault() -> None:
    assert str(Problem("Steps.Train", "is wrong")) == "Steps.Train: is wrong"


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key inside `node`."""
    for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield node, key
        yield from places(node[key])


@pytest.mark.parametrize("name", [*NAMES, "topics"])
@pytest.mark.parametrize("junk", [None, 1, "x", [], {}, [[]], [{}], {"Get": 1}, {"Std:Join": 3}, {"Std:JsonGet": []}])
def test_nothing_malformed_raises_an_error(name: str, junk: Any) -> None:
    count = sum(1 for _ in places(definition(name)))
    for number in random.Random(7).sample(range(count), 40):
        document = definition(name)
        container, key = list(places(document))[number]
        container[key] = junk
        assert isinstance(check(document), list)


def test_the_command_prints_one_line_per_problem_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = definition("training")
    del steps(document)["Train"]["Arguments"]["RoleArn"]
    (tmp_path / "bad.json").write_text(json.dumps(document))
    (tmp_path / "good.json").write_text(json.dumps(definition("inference")))
    assert main([str(tmp_path / "good.json"), str(tmp_path / "bad.json")]) == 1
    printed = capsys.readouterr().out.splitlines()
    wrong = "is missing; CreateTrainingJob needs it"
    assert printed == [f"{tmp_path / 'bad.json'}: Steps.Train.Arguments.RoleArn: {wrong}"]
    assert main([str(tmp_path / "good.json")]) == 0


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[]", "is not a JSON object")])
def test_the_command_reports_a_file_that_is_no_definition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (tmp_path / "a.json").write_text(text)
    assert main([str(tmp_path / "a.json")]) == 1
    assert message in capsys.readouterr().out
