"""Steps drawn for failures, statuses of a stop, and what a retry keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_cloud.sagemaker.conditions import holds
from local_cloud.wire import AwsError
from tests.unit.local_cloud.sagemaker.fakes import Client, FakeHost, eventually, processing, step

OK = processing("pass")
BAD = processing("sys.exit(1)")
HANG = processing("time.sleep(60)")


def on(name: str, trigger: str) -> dict[str, Any]:
    return {"DependsOn": [{"Step": name, "Trigger": trigger}]}


def after(*names: str) -> dict[str, Any]:
    return {"DependsOn": list(names)}


def decide(outcome: bool, *steps: dict[str, Any], **members: Any) -> dict[str, Any]:
    condition = {"Type": "Equals", "LeftValue": outcome, "RightValue": True}
    return step("If", {"Conditions": [condition], "IfSteps": list(steps), "ElseSteps": []}, "Condition", **members)


def statuses(steps: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: item["StepStatus"] for name, item in steps.items()}


class TestTriggers:
    def test_a_step_drawn_for_a_failure_runs_after_it_and_so_does_what_follows(self, client: Client) -> None:
        client.create(
            [
                step("Train", BAD),
                step("Next", OK, **after("Train")),
                step("Notify", OK, **on("Train", "Failed")),
                step("Tidy", OK, **after("Notify")),
            ]
        )

        status, steps = client.run()

        assert status == "CompletedWithFailures"
        assert statuses(steps) == {"Train": "Failed", "Notify": "Succeeded", "Tidy": "Succeeded"}

    def test_it_does_not_run_when_nothing_failed(self, client: Client) -> None:
        client.create([step("Train", OK), step("Notify", OK, **on("Train", "Failed"))])

        status, steps = client.run()

        assert status == "Succeeded"
        assert list(steps) == ["Train"]

    @pytest.mark.parametrize(("train", "status"), [(OK, "Succeeded"), (BAD, "CompletedWithFailures")])
    def test_a_step_drawn_for_any_end_always_runs(self, client: Client, train: dict[str, Any], status: str) -> None:
        client.create([step("Train", train), step("Tidy", OK, **on("Train", "Any"))])

        ended, steps = client.run()

        assert ended == status
        assert steps["Tidy"]["StepStatus"] == "Succeeded"

    def test_a_failure_that_nobody_was_drawn_for_still_fails_the_execution(self, client: Client) -> None:
        client.create([step("Train", BAD), step("Other", BAD), step("Notify", OK, **on("Train", "Failed"))])

        status, _ = client.run()

        assert status == "Failed"

    def test_a_condition_and_its_branch_may_be_drawn_for_a_failure(self, client: Client) -> None:
        inside = step("Notify", OK, **on("Train", "Failed"))
        client.create([step("Train", BAD), decide(True, inside, **on("Train", "Any"))])

        status, steps = client.run()

        assert status == "CompletedWithFailures"
        assert statuses(steps) == {"Train": "Failed", "If": "Succeeded", "Notify": "Succeeded"}

    def test_the_branch_that_was_not_taken_triggers_nothing(self, client: Client) -> None:
        client.create([decide(False, step("Then", BAD)), step("Notify", OK, **on("Then", "Any"))])

        status, steps = client.run()

        assert status == "Succeeded"
        assert list(steps) == ["If"]

    def test_a_job_that_somebody_stopped_triggers_what_was_drawn_for_a_stop(self, client: Client) -> None:
        client.create([step("Hang", HANG), step("Tidy", OK, **on("Hang", "Stopped"))])
        arn = client.start()
        metadata = eventually(lambda: client.steps(arn).get("Hang", {}).get("Metadata"))

        client("StopProcessingJob", ProcessingJobName=metadata["ProcessingJob"]["Arn"].rsplit("/", 1)[-1])

        assert client.finish(arn) == "CompletedWithFailures"
        assert statuses(client.steps(arn)) == {"Hang": "Failed", "Tidy": "Succeeded"}

    def test_a_failure_is_no_stop(self, client: Client) -> None:
        client.create([step("Train", BAD), step("Tidy", OK, **on("Train", "Stopped"))])

        status, steps = client.run()

        assert status == "Failed"
        assert list(steps) == ["Train"]

    def test_nothing_is_triggered_once_somebody_stopped_the_execution(self, client: Client) -> None:
        client.create([step("Hang", HANG), step("Tidy", OK, **on("Hang", "Any"))])
        arn = client.start()
        eventually(lambda: client.steps(arn).get("Hang", {}).get("Metadata"))

        client("StopPipelineExecution", PipelineExecutionArn=arn)

        assert client.finish(arn) == "Stopped"
        assert list(client.steps(arn)) == ["Hang"]

    def test_an_unknown_trigger_is_refused(self, client: Client) -> None:
        with pytest.raises(AwsError, match=r"the Trigger 'Sometimes' is not one of Any, Completed, Failed, Stopped"):
            client.create([step("A", OK), step("B", OK, **on("A", "Sometimes"))])

    def test_completed_is_an_ordinary_dependency(self, client: Client) -> None:
        client.create([step("A", OK), step("B", OK, **on("A", "Completed"))])

        assert client.run()[0] == "Succeeded"


class TestStop:
    def test_a_running_step_is_stopping_until_its_job_has_ended(
        self, build: Callable[..., Client], host: FakeHost, tmp_path: Path
    ) -> None:
        client = build()
        mark, go = tmp_path / "mark", tmp_path / "go"
        code = "signal.signal(15,lambda *a: None)\nopen(sys.argv[1],'w')\n"
        code += "while not os.path.exists(sys.argv[2]): time.sleep(0.01)"
        client.create([step("Slow", processing("import signal\n" + code, str(mark), str(go)))])
        arn = client.start()
        eventually(mark.exists)

        client("StopPipelineExecution", PipelineExecutionArn=arn)

        assert client.steps(arn)["Slow"]["StepStatus"] == "Stopping"
        go.touch()
        assert client.finish(arn) == "Stopped"
        event = "SageMaker Model Building Pipeline Execution Step Status Change"
        assert host.statuses(event, "currentStepStatus") == ["Executing", "Stopping", "Stopped"]
        assert host.statuses(event, "previousStepStatus") == ["Starting", "Executing", "Stopping"]


class TestRetry:
    def test_what_followed_the_failure_runs_again_only_if_it_is_still_wanted(
        self, client: Client, tmp_path: Path
    ) -> None:
        go = tmp_path / "go"
        flaky = processing("sys.exit(not os.path.exists(sys.argv[1]))", str(go))
        client.create(
            [
                step("First", OK),
                step("Train", flaky, **after("First")),
                step("Notify", BAD, **on("Train", "Failed")),
            ]
        )
        arn = client.start()
        assert client.finish(arn) == "Failed"
        before = client.steps(arn)["First"]
        go.touch()

        client("RetryPipelineExecution", PipelineExecutionArn=arn)

        assert client.finish(arn) == "Succeeded"
        assert statuses(client.steps(arn)) == {"First": "Succeeded", "Train": "Succeeded"}
        assert client.steps(arn)["First"] == before

    def test_a_retry_may_change_how_many_steps_run_at_once(self, client: Client) -> None:
        client.create([step("Bad", BAD)])
        arn = client.start()
        client.finish(arn)
        limit = {"MaxParallelExecutionSteps": 3}

        client("RetryPipelineExecution", PipelineExecutionArn=arn, ParallelismConfiguration=limit)

        client.finish(arn)
        assert client("DescribePipelineExecution", PipelineExecutionArn=arn)["ParallelismConfiguration"] == limit


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


class TestConditions:
    @pytest.mark.parametrize(
        ("condition", "outcome"),
        [
            (compare("Equals", "a", "a"), True),
            (compare("GreaterThan", 2, 1.5), True),
            (compare("GreaterThanOrEqualTo", 2, 2), True),
            (compare("LessThan", 2, 2), False),
            (compare("LessThanOrEqualTo", 2, 2), True),
            ({"Type": "In", "QueryValue": "a", "Values": ["b", "a"]}, True),
            ({"Type": "Not", "Condition": compare("Equals", 1, 1)}, False),
            ({"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("Equals", 1, 1)]}, True),
            ({"Type": "Not", "Condition": {"Type": "Or", "Conditions": [compare("Equals", 1, 2)]}}, True),
        ],
    )
    def test_every_operator_decides(self, condition: dict[str, Any], outcome: bool) -> None:
        assert holds(condition) is outcome

    @pytest.mark.parametrize(
        ("condition", "what"),
        [
            ({"Type": "And", "Conditions": []}, "joined by and as they are"),
            ({"Type": "NotEquals", "LeftValue": 1, "RightValue": 2}, "'NotEquals' is not one of Equals"),
            ({"Type": "Not", "Condition": {"Type": "Like"}}, "'Like' is not one of"),
            ({"Type": "In", "Values": []}, "of type In needs QueryValue"),
            ({"Type": "Equals", "LeftValue": 1}, "needs RightValue"),
        ],
    )
    def test_what_the_service_does_not_know_is_refused_with_the_definition(
        self, client: Client, condition: dict[str, Any], what: str
    ) -> None:
        arguments = {"Conditions": [condition], "IfSteps": [], "ElseSteps": []}
        with pytest.raises(AwsError, match=what):
            client.create([step("If", arguments, "Condition")])
