"""The topics pipeline's callbacks: a queue, dead letters, and a function that may do little."""

from __future__ import annotations

import json

import pytest

from infra.app import DEFINITIONS
from tests.infra.cloudformation import Template, arn, listed, s3

MAPPINGS = "rightpack-dev-mappings"


@pytest.fixture
def queues(platform: Template) -> dict[str, dict[str, object]]:
    return platform.by("AWS::SQS::Queue", "QueueName")


def test_a_question_is_tried_five_times_then_lies_with_the_dead_letters_and_raises_an_alarm(
    platform: Template, queues: dict[str, dict[str, object]]
) -> None:
    dead = platform.logical_id("AWS::SQS::Queue", "QueueName", f"{MAPPINGS}-dead")
    redrive = queues[MAPPINGS]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": f"<{dead}.Arn>", "maxReceiveCount": 5}
    alarm = platform.by("AWS::CloudWatch::Alarm", "AlarmName")["rightpack-dev-dead-mappings"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": f"<{dead}.QueueName>"}]
    assert alarm["Threshold"] == 1


def test_people_are_told_when_a_topic_model_waits(platform: Template) -> None:
    alarm = platform.by("AWS::CloudWatch::Alarm", "AlarmName")["rightpack-dev-model-held-topics"]
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {"Stage": "dev", "PackageType": "topics"}
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ModelHeld", 1)


def test_a_slow_function_is_not_asked_twice(platform: Template, queues: dict[str, dict[str, object]]) -> None:
    function = platform.by("AWS::Lambda::Function", "FunctionName")["rightpack-dev-revise-mapping"]
    assert function["Timeout"] == 60
    assert queues[MAPPINGS]["VisibilityTimeout"] == 6 * 60


def test_the_queue_is_the_one_that_the_callback_steps_write_to() -> None:
    steps = json.loads((DEFINITIONS / "topics.json").read_text())["Steps"]
    urls = {step["SqsQueueUrl"] for step in steps if step["Type"] == "Callback"}
    expected = "https://sqs.${AWS::Region}.amazonaws.com/${AWS::AccountId}/rightpack-${Stage}-mappings"
    assert urls == {expected}


def test_the_function_writes_mappings_and_nothing_else(platform: Template) -> None:
    statements = {s["Sid"]: s for s in platform.statements("rightpack-dev-revise-mapping")}
    written = {s3("artefacts", "runs/topics/mappings/*"), s3("artefacts", "runs/topics/held/*")}
    assert set(listed(statements["WriteMappings"]["Resource"])) == written
    assert statements["AnswerSteps"]["Resource"] == "*"  # an answer names a token, and tokens have no ARN


def test_an_execution_may_ask_that_queue_and_no_other(platform: Template) -> None:
    [statement] = [s for s in platform.statements("rightpack-dev-pipeline") if "sqs:SendMessage" in listed(s["Action"])]
    assert statement["Resource"] == arn("sqs", MAPPINGS)
