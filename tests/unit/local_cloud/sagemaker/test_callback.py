"""Callback steps: a token on a queue, answered once; and typed outputs of functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local_cloud.wire import AwsError
from tests.unit.local_cloud.sagemaker.fakes import Client, FakeHost, eventually, step

QUEUE = "http://127.0.0.1:9/123456789012/answers"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:toy"
OUTPUTS = [("word", "String"), ("rows", "Integer"), ("share", "Float"), ("done", "Boolean")]
ANSWER = {"word": "7", "rows": "7", "share": "0.5", "done": "True"}


class QueueHost(FakeHost):
    """A machine with one queue."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.messages: list[dict[str, Any]] = []

    def send_message(self, queue_url: str, body: str) -> None:
        if queue_url != QUEUE:
            raise AwsError("AWS.SimpleQueueService.NonExistentQueue", f"The queue {queue_url} does not exist.")
        self.messages.append(json.loads(body))


@pytest.fixture
def host(tmp_path: Path) -> QueueHost:
    return QueueHost(tmp_path / "cloud")


def declared(*outputs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"OutputName": name, "OutputType": kind} for name, kind in outputs]


def ask(*outputs: tuple[str, str], queue: str = QUEUE, **members: Any) -> dict[str, Any]:
    arguments = {"who": {"Get": "Execution.PipelineName"}, "n": 3}
    return step("Ask", arguments, "Callback", SqsQueueUrl=queue, OutputParameters=declared(*outputs), **members)


def is_seven(reference: str, value: Any = 7) -> list[dict[str, Any]]:
    """A condition on an output, with a step for either outcome."""
    condition = {"Type": "Equals", "LeftValue": {"Get": reference}, "RightValue": value}
    say = {name: step(name, {"ErrorMessage": name}, "Fail") for name in ("Yes", "No")}
    arguments = {"Conditions": [condition], "IfSteps": [say["Yes"]], "ElseSteps": [say["No"]]}
    return [step("Is", arguments, "Condition")]


def token_of(host: QueueHost, number: int = 1) -> str:
    eventually(lambda: len(host.messages) >= number)
    return str(host.messages[number - 1]["token"])


def pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def succeed(client: Client, token: str, **values: str) -> Any:
    return client("SendPipelineExecutionStepSuccess", CallbackToken=token, OutputParameters=pairs(values))


class TestQuestion:
    def test_the_message_names_token_execution_step_and_arguments(self, client: Client, host: QueueHost) -> None:
        client.create([ask()])
        arn = client.start()
        token = token_of(host)

        assert host.messages == [
            {
                "token": token,
                "pipelineExecutionArn": arn,
                "stepName": "Ask",
                "arguments": {"who": "toy", "n": 3},
                "status": "Executing",
            }
        ]
        assert len(token) == 10
        assert token.isalnum()
        shown = client.steps(arn)["Ask"]
        assert shown["StepStatus"] == "Executing"
        assert shown["Metadata"]["Callback"] == {"CallbackToken": token, "SqsQueueUrl": QUEUE, "OutputParameters": []}
        succeed(client, token)
        client.finish(arn)

    def test_a_queue_that_is_not_there_fails_the_step(self, client: Client) -> None:
        client.create([ask(queue=f"{QUEUE}-gone")])

        status, steps = client.run()

        assert status == "Failed"
        reason = steps["Ask"]["FailureReason"]
        assert reason.startswith("ClientError: Failed to invoke sqs:SendMessage. Error Details: The queue")

    def test_a_callback_without_a_queue_is_refused(self, client: Client) -> None:
        with pytest.raises(AwsError, match=r"Step \[Ask\]: a Callback step needs an SqsQueueUrl"):
            client.create([step("Ask", {}, "Callback")])

    def test_closing_the_cloud_does_not_wait_for_an_answer(self, client: Client, host: QueueHost) -> None:
        client.create([ask()])
        arn = client.start()
        token_of(host)

        client.service.close()

        described = client("DescribePipelineExecution", PipelineExecutionArn=arn)
        assert described["PipelineExecutionStatus"] == "Stopped"


class TestAnswer:
    @pytest.mark.parametrize(
        ("name", "value", "taken"),
        [("rows", 7, "Yes"), ("rows", 8, "No"), ("share", 0.5, "Yes"), ("done", True, "Yes"), ("word", "7", "Yes")],
    )
    def test_outputs_reach_later_steps_in_their_types(
        self, client: Client, host: QueueHost, name: str, value: Any, taken: str
    ) -> None:
        client.create([ask(*OUTPUTS), *is_seven(f"Steps.Ask.OutputParameters['{name}']", value)])
        arn = client.start()

        answer = succeed(client, token_of(host), **ANSWER)

        assert answer["PipelineExecutionArn"] == arn
        assert client.finish(arn) == "Failed"
        steps = client.steps(arn)
        assert taken in steps
        assert steps["Ask"]["StepStatus"] == "Succeeded"
        assert {"Name": "done", "Value": "true"} in steps["Ask"]["Metadata"]["Callback"]["OutputParameters"]

    def test_a_failure_fails_the_step_with_its_reason(self, client: Client, host: QueueHost) -> None:
        client.create([ask()])
        arn = client.start()

        client("SendPipelineExecutionStepFailure", CallbackToken=token_of(host), FailureReason="not today")

        assert client.finish(arn) == "Failed"
        assert client.steps(arn)["Ask"]["FailureReason"] == "not today"

    @pytest.mark.parametrize(
        ("values", "what"),
        [
            ({"word": "x"}, "did not return the outputs rows, share, done"),
            ({**ANSWER, "rows": "many"}, "returned 'many' as output rows, which is not of type Integer"),
            ({**ANSWER, "done": "perhaps"}, "as output done, which is not of type Boolean"),
            ({**ANSWER, "share": "nan"}, "as output share, which is not of type Float"),
            ({**ANSWER, "extra": "1"}, "returned outputs that the step does not declare: extra"),
        ],
    )
    def test_outputs_that_do_not_fit_are_refused_and_the_step_goes_on_waiting(
        self, client: Client, host: QueueHost, values: dict[str, str], what: str
    ) -> None:
        client.create([ask(*OUTPUTS)])
        arn = client.start()
        token = token_of(host)

        with pytest.raises(AwsError, match=what) as refused:
            succeed(client, token, **values)

        assert refused.value.code == "ValidationException"
        assert client.steps(arn)["Ask"]["StepStatus"] == "Executing"
        succeed(client, token, **ANSWER)
        assert client.finish(arn) == "Succeeded"

    def test_an_unknown_token_is_not_found(self, client: Client) -> None:
        with pytest.raises(AwsError, match="Callback token abcdefghij does not exist") as refused:
            succeed(client, "abcdefghij")
        assert refused.value.code == "ResourceNotFound"

    def test_a_second_answer_is_a_conflict_and_changes_nothing(self, client: Client, host: QueueHost) -> None:
        client.create([ask()])
        arn = client.start()
        token = token_of(host)
        succeed(client, token)

        with pytest.raises(AwsError, match="was answered before: its step ended") as refused:
            client("SendPipelineExecutionStepFailure", CallbackToken=token, FailureReason="too late")

        assert refused.value.code == "ConflictException"
        assert client.finish(arn) == "Succeeded"
        with pytest.raises(AwsError, match="was answered before"):
            succeed(client, token)

    def test_the_same_call_delivered_twice_is_one_answer(self, client: Client, host: QueueHost) -> None:
        client.create([ask()])
        arn = client.start()
        call = {"CallbackToken": token_of(host), "ClientRequestToken": "c" * 32}

        answers = [client("SendPipelineExecutionStepSuccess", **call)["PipelineExecutionArn"] for _ in range(2)]

        assert answers == [arn, arn]
        assert client.finish(arn) == "Succeeded"

    def test_a_retry_asks_anew_and_the_old_token_is_too_late(self, client: Client, host: QueueHost) -> None:
        client.create([ask()])
        arn = client.start()
        old = token_of(host)
        client("SendPipelineExecutionStepFailure", CallbackToken=old, FailureReason="not today")
        client.finish(arn)

        client("RetryPipelineExecution", PipelineExecutionArn=arn)
        new = token_of(host, 2)

        with pytest.raises(AwsError, match="was answered before"):
            succeed(client, old)
        succeed(client, new)
        assert client.finish(arn) == "Succeeded"


class TestStop:
    def test_the_queue_hears_of_the_stop_and_the_execution_waits_for_the_answer(
        self, client: Client, host: QueueHost
    ) -> None:
        client.create([ask(), step("Next", {"ErrorMessage": "ran"}, "Fail", DependsOn=["Ask"])])
        arn = client.start()
        token = token_of(host)

        client("StopPipelineExecution", PipelineExecutionArn=arn)
        eventually(lambda: len(host.messages) == 2)

        assert host.messages[1] == {**host.messages[0], "status": "Stopping"}
        assert client("DescribePipelineExecution", PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Stopping"
        assert client.steps(arn)["Ask"]["StepStatus"] == "Stopping"
        succeed(client, token)
        assert client.finish(arn) == "Stopped"
        assert list(client.steps(arn)) == ["Ask"]
        with pytest.raises(AwsError, match="was answered before"):
            succeed(client, token)


class TestFunctionOutputs:
    def call(self, *outputs: tuple[str, str]) -> dict[str, Any]:
        return step("Call", {}, "Lambda", FunctionArn=FUNCTION, OutputParameters=declared(*outputs))

    def test_what_a_function_returns_is_read_in_the_declared_type(self, client: Client, host: QueueHost) -> None:
        host.functions[FUNCTION] = lambda event: {"rows": "7", "nested": {"a": [1]}}
        outputs = [("rows", "Integer"), ("nested", "String")]
        client.create([self.call(*outputs), *is_seven("Steps.Call.OutputParameters['rows']")])

        _, steps = client.run()

        assert "Yes" in steps
        shown = {item["Name"]: item["Value"] for item in steps["Call"]["Metadata"]["Lambda"]["OutputParameters"]}
        assert shown == {"rows": "7", "nested": '{"a": [1]}'}

    def test_another_type_fails_the_step(self, client: Client, host: QueueHost) -> None:
        host.functions[FUNCTION] = lambda event: {"rows": "many"}
        client.create([self.call(("rows", "Integer"))])

        _, steps = client.run()

        assert steps["Call"]["FailureReason"].endswith("as output rows, which is not of type Integer.")

    def test_outputs_of_no_known_type_are_refused(self, client: Client) -> None:
        with pytest.raises(AwsError, match="the OutputType of rows is not one of Boolean, Float, Integer, String"):
            client.create([self.call(("rows", "Number"))])
