"""Selective execution: the selected steps run, what they build on is taken over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_cloud.wire import AwsError
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, Client, FakeHost, output, outputs, processing, source, step

S3 = f"s3://{BUCKET}"


def folder(name: str) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": [S3, {"Get": "Execution.PipelineExecutionId"}, name]}}


def made(name: str) -> dict[str, str]:
    return {"Get": f"Steps.{name}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}


def chain(name: str, before: str = "", code: str = "") -> dict[str, Any]:
    """A step that writes a file, and reads the one of the step before."""
    members: dict[str, Any] = {"ProcessingOutputConfig": outputs(output("out", folder(name)))}
    if before:
        members["ProcessingInputs"] = [source("in", made(before))]
    return step(name, processing(code or f"open(r+'/processing/output/out/f','w').write({name!r})", **members))


def select(client: Client, *names: str, arn: str | None = None) -> str:
    config: dict[str, Any] = {"SelectedSteps": [{"StepName": name} for name in names]}
    if arn is not None:
        config["SourcePipelineExecutionArn"] = arn
    answer = client("StartPipelineExecution", PipelineName="toy", SelectiveExecutionConfig=config)
    return str(answer["PipelineExecutionArn"])


@pytest.fixture
def line(client: Client) -> Client:
    """A - B - C - D in a line."""
    client.create([chain("A"), chain("B", "A"), chain("C", "B"), chain("D", "C")])
    return client


class TestRun:
    def test_only_the_selected_steps_run_on_what_was_made_before(self, line: Client) -> None:
        first = line.start()
        assert line.finish(first) == "Succeeded"
        before = line.steps(first)

        second = select(line, "B", "C", arn=first)

        assert line.finish(second) == "Succeeded"
        steps = line.steps(second)
        assert set(steps) == {"A", "B", "C"}
        assert steps["A"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": first}
        assert steps["A"]["Metadata"] == before["A"]["Metadata"]
        assert steps["B"]["Metadata"] != before["B"]["Metadata"]
        assert "SelectiveExecutionResult" not in steps["B"]
        job = steps["B"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
        read = line("DescribeProcessingJob", ProcessingJobName=job)["ProcessingInputs"][0]["S3Input"]["S3Uri"]
        assert read == f"{S3}/{first.rsplit('/', 1)[-1]}/A"
        told = line("DescribePipelineExecution", PipelineExecutionArn=second)["SelectiveExecutionConfig"]
        assert told["SourcePipelineExecutionArn"] == first

    def test_a_failed_execution_lends_what_succeeded(self, client: Client, tmp_path: Path) -> None:
        code = f"sys.exit(not os.path.exists({str(tmp_path / 'go')!r}))"
        client.create([chain("A"), chain("B", "A", code)])
        failed = client.start()
        assert client.finish(failed) == "Failed"
        (tmp_path / "go").touch()

        assert client.finish(select(client, "B", arn=failed)) == "Succeeded"

    def test_a_selective_execution_lends_what_it_borrowed(self, line: Client) -> None:
        first = line.start()
        line.finish(first)
        second = select(line, "B", arn=first)
        line.finish(second)

        third = select(line, "C", arn=second)

        assert line.finish(third) == "Succeeded"
        assert line.steps(third)["B"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": second}

    def test_steps_that_build_on_nothing_need_no_source(self, line: Client) -> None:
        arn = select(line, "A")

        assert line.finish(arn) == "Succeeded"
        assert list(line.steps(arn)) == ["A"]

    def test_a_step_of_a_branch_runs_as_the_condition_was_decided(self, client: Client, host: FakeHost) -> None:
        condition = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
        arguments = {"Conditions": [condition], "IfSteps": [chain("Then")], "ElseSteps": [chain("Else")]}
        client.create([step("If", arguments, "Condition")])
        first = client.start()
        client.finish(first)

        again = select(client, "Then", arn=first)

        assert client.finish(again) == "Succeeded"
        assert set(client.steps(again)) == {"If", "Then"}


class TestRefusals:
    def test_a_gap_between_selected_steps_is_refused(self, line: Client) -> None:
        first = line.start()
        line.finish(first)

        with pytest.raises(AwsError, match=r"in all paths between two selected steps.*\[C\] are not"):
            select(line, "B", "D", arn=first)

    def test_what_they_build_on_needs_a_source(self, line: Client) -> None:
        with pytest.raises(AwsError, match=r"Invalid SourcePipelineExecutionArn: null.*\[A\]") as refused:
            select(line, "B")
        assert refused.value.code == "ValidationException"

    def test_an_unknown_step_is_refused(self, line: Client) -> None:
        with pytest.raises(AwsError, match=r"\[X\] are not in the pipeline definition"):
            select(line, "X")

    def test_the_source_must_be_of_the_pipeline(self, line: Client) -> None:
        line.create([chain("A")], name="other")
        other = line.start("other")
        line.finish(other)

        with pytest.raises(AwsError, match=r"is not an execution of .*pipeline/toy"):
            select(line, "B", arn=other)

    def test_the_source_must_have_ended(self, client: Client, tmp_path: Path, build: Callable[..., Client]) -> None:
        code = f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)"
        client.create([chain("A", code=code), chain("B", "A")])
        first = client.start()

        with pytest.raises(AwsError, match="is still Executing"):
            select(client, "B", arn=first)
        (tmp_path / "go").touch()
        client.finish(first)

    def test_a_step_that_did_not_succeed_lends_nothing(self, client: Client) -> None:
        client.create([chain("A", code="sys.exit(1)"), chain("B", "A")])
        failed = client.start()
        client.finish(failed)

        with pytest.raises(AwsError, match=r"\[A\] did not succeed in"):
            select(client, "B", arn=failed)
