from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import LocalCloud
from local_cloud.wire import AwsError

ACCOUNT = "123456789012"


class Inbox:
    """A fresh queue as the target of fresh rules."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self.name = f"inbox-{uuid.uuid4().hex[:8]}"
        self.url = cloud.client("sqs").create_queue(QueueName=self.name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{self.name}"

    def rule(self, source: str, state: str = "ENABLED", **target: Any) -> str:
        name = f"rule-{uuid.uuid4().hex[:8]}"
        events = self._cloud.client("events")
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}), State=state)
        events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": self.arn} | target])
        return name

    def bodies(self) -> list[str]:
        found = self._cloud.client("sqs").receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [message["Body"] for message in found.get("Messages", [])]


@pytest.fixture
def inbox(cloud: LocalCloud) -> Inbox:
    return Inbox(cloud)


@pytest.fixture
def source() -> str:
    return f"shop.{uuid.uuid4().hex[:8]}"


def _put(cloud: LocalCloud, source: str, detail: dict[str, Any] | None = None) -> dict[str, Any]:
    entry = {"Source": source, "DetailType": "Order", "Detail": json.dumps(detail or {}), "Resources": ["r1"]}
    return cloud.client("events").put_events(Entries=[entry])  # type: ignore[no-any-return]


def test_whole_event_arrives_with_its_envelope(cloud: LocalCloud, inbox: Inbox, source: str) -> None:
    inbox.rule(source)
    event_id = _put(cloud, source, {"n": 1})["Entries"][0]["EventId"]

    event = json.loads(inbox.bodies()[0])

    assert event["id"] == event_id
    assert {
        "source": source,
        "detail-type": "Order",
        "account": ACCOUNT,
        "resources": ["r1"],
        "detail": {"n": 1},
    }.items() <= event.items()
    assert event["time"].endswith("Z")


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ({"Input": '{"constant": true}'}, '{"constant": true}'),
        ({"InputPath": "$.detail.list[1]"}, '"b"'),
        ({"InputPath": "$.detail.absent"}, "null"),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.n", "s": "$.detail.s"},
                    "InputTemplate": '"<s> has <n>"',
                }
            },
            '"say \\"hi\\" has 7"',
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.n", "s": "$.detail.s"},
                    "InputTemplate": '{"n": <n>, "s": <s>}',
                }
            },
            '{"n": 7, "s": "say \\"hi\\""}',
        ),
        ({"InputTransformer": {"InputPathsMap": {}, "InputTemplate": '"<unknown> stays"'}}, '"<unknown> stays"'),
    ],
)
def test_target_input_is_what_the_target_asks_for(
    cloud: LocalCloud, inbox: Inbox, source: str, target: dict[str, Any], body: str
) -> None:
    inbox.rule(source, **target)

    _put(cloud, source, {"n": 7, "s": 'say "hi"', "list": ["a", "b"]})

    assert inbox.bodies() == [body]


def test_disabled_rule_stays_silent_while_its_neighbour_delivers(cloud: LocalCloud, inbox: Inbox, source: str) -> None:
    inbox.rule(source, state="DISABLED")
    inbox.rule(source, Input='"heard"')

    _put(cloud, source)

    assert inbox.bodies() == ['"heard"']


def test_sources_of_aws_are_refused_entry_by_entry(cloud: LocalCloud, inbox: Inbox, source: str) -> None:
    inbox.rule("aws.sagemaker")
    inbox.rule(source)
    entries = [
        {"Source": name, "DetailType": "x", "Detail": detail}
        for name, detail in (("aws.sagemaker", "{}"), (source, "{}"), (source, "no json"))
    ]

    answer = cloud.client("events").put_events(Entries=entries)

    assert answer["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        "NotAuthorizedForSourceException",
        None,
        "MalformedDetail",
    ]
    assert len(inbox.bodies()) == 1


def test_services_of_the_cloud_may_emit_as_aws(cloud: LocalCloud, inbox: Inbox) -> None:
    inbox.rule("aws.sagemaker", InputPath="$.detail")

    cloud.emit("aws.sagemaker", "Execution Status Change", {"status": "Failed"})

    assert inbox.bodies() == ['{"status": "Failed"}']


def test_one_missing_target_neither_stops_the_others_nor_loses_the_event(
    cloud: LocalCloud, inbox: Inbox, source: str
) -> None:
    missing = f"arn:aws:sqs:us-east-1:{ACCOUNT}:no-such-queue"
    dead = Inbox(cloud)
    inbox.rule(source, Arn=missing, DeadLetterConfig={"Arn": dead.arn})
    inbox.rule(source)

    _put(cloud, source, {"n": 1})

    assert len(inbox.bodies()) == 1
    letters = cloud.client("sqs").receive_message(QueueUrl=dead.url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(letters[0]["Body"])["detail"] == {"n": 1}
    assert letters[0]["MessageAttributes"]["TARGET_ARN"]["StringValue"] == missing


@pytest.mark.parametrize(
    "target",
    [
        {"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:x"},
        {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "KinesisParameters": {"PartitionKeyPath": "$.id"}},
        {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "InputPath": "$..everything"},
    ],
)
def test_target_that_would_never_hear_anything_is_refused(cloud: LocalCloud, target: dict[str, Any]) -> None:
    events = cloud.client("events")
    events.put_rule(Name="refused", EventPattern='{"source": ["x"]}')

    with pytest.raises(ClientError, match="NotSimulatedException") as refusal:
        events.put_targets(Rule="refused", Targets=[{"Id": "t"} | target])

    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert events.list_targets_by_rule(Rule="refused")["Targets"] == []


def test_schedule_fires_when_told_to_and_only_then(cloud: LocalCloud, inbox: Inbox) -> None:
    events = cloud.client("events")
    arn = events.put_rule(Name="nightly", ScheduleExpression="rate(1 minute)")["RuleArn"]
    events.put_targets(Rule="nightly", Targets=[{"Id": "t", "Arn": inbox.arn}])
    assert inbox.bodies() == []

    cloud.fire_schedule("nightly")

    event = json.loads(inbox.bodies()[0])
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.events", "Scheduled Event", [arn])


def test_schedule_of_the_scheduler_fires_with_its_input(cloud: LocalCloud, inbox: Inbox) -> None:
    cloud.client("scheduler").create_schedule(
        Name="weekly",
        ScheduleExpression="cron(0 3 ? * MON *)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": inbox.arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "Input": '{"mode": "weekly"}'},
    )

    cloud.fire_schedule("weekly")

    assert inbox.bodies() == ['{"mode": "weekly"}']


def test_firing_an_unknown_schedule_says_so(cloud: LocalCloud) -> None:
    with pytest.raises(AwsError, match="no scheduled rule and no schedule named 'never'"):
        cloud.fire_schedule("never")


def test_pattern_can_be_tested(cloud: LocalCloud) -> None:
    event = {
        "id": "1",
        "source": "s",
        "detail-type": "t",
        "account": "a",
        "time": "2026-01-01T00:00:00Z",
        "region": "r",
    }
    document = json.dumps(event | {"resources": [], "detail": {"key": "drops/x/_TRIGGER.json"}})
    test: Callable[..., Any] = cloud.client("events").test_event_pattern

    assert test(EventPattern='{"detail": {"key": [{"suffix": "_TRIGGER.json"}]}}', Event=document)["Result"] is True
    assert test(EventPattern='{"detail": {"key": [{"prefix": "runs/"}]}}', Event=document)["Result"] is False
