"""Moving the clock of a running cloud."""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local_cloud.cloud import LocalCloud
from local_cloud.wire import AwsError

DAY = 86_400
TEMPLATE = """
Resources:
  Inbox: {Type: AWS::SQS::Queue, Properties: {QueueName: inbox}}
  Weekly:
    Type: AWS::Events::Rule
    Properties:
      Name: weekly
      ScheduleExpression: "cron(0 3 ? * MON *)"
      Targets: [{Id: a, Arn: !GetAtt Inbox.Arn}]
  Daily:
    Type: AWS::Events::Rule
    Properties:
      Name: daily
      ScheduleExpression: "cron(0 5 * * ? *)"
      Targets: [{Id: a, Arn: !GetAtt Inbox.Arn}]
  Monthly:
    Type: AWS::Events::Rule
    Properties:
      Name: monthly
      ScheduleExpression: "cron(0 6 1 * ? *)"
      Targets: [{Id: a, Arn: !GetAtt Inbox.Arn}]
  Never:
    Type: AWS::Events::Rule
    Properties:
      Name: never
      ScheduleExpression: "rate(1 hour)"
      State: DISABLED
      Targets: [{Id: a, Arn: !GetAtt Inbox.Arn}]
  Often:
    Type: AWS::Events::Rule
    Properties:
      Name: often
      ScheduleExpression: "rate(5 minutes)"
      Targets: [{Id: a, Arn: !GetAtt Inbox.Arn}]
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    path = tmp_path_factory.mktemp("stack") / "clock.template.yaml"
    path.write_text(TEMPLATE)
    with LocalCloud(services=[], retry_seconds=(0.0, 0.0)) as running:
        running.deploy(path)
        yield running


def test_weekly_daily_and_monthly_schedules_fire_as_the_clock_passes_them(cloud: LocalCloud) -> None:
    start = dt.datetime.now(dt.UTC)

    fired = [(item.name, dt.datetime.fromtimestamp(item.when, dt.UTC)) for item in cloud.advance(31 * DAY)]

    by_name = {name: [when for fired_name, when in fired if fired_name == name] for name, _ in fired}
    assert len(by_name["daily"]) == 31
    assert {when.strftime("%H:%M") for when in by_name["daily"]} == {"05:00"}
    assert len(by_name["weekly"]) in {4, 5}
    assert {when.strftime("%a %H:%M") for when in by_name["weekly"]} == {"Mon 03:00"}
    assert {when.strftime("%d %H:%M") for when in by_name["monthly"]} == {"01 06:00"}
    assert "never" not in by_name
    assert [when for _, when in fired] == sorted(when for _, when in fired)
    assert all(when > start for _, when in fired)


def test_what_is_due_every_few_minutes_fires_daily_and_just_before_every_other_schedule(cloud: LocalCloud) -> None:
    fired = cloud.advance(3 * DAY)
    often = [item.when for item in fired if item.name == "often"]

    assert 6 <= len(often) <= 10
    assert all(any(0 <= item.when - when <= 300 for when in often) for item in fired if item.name == "daily")


def test_events_carry_the_time_at_which_they_were_due(cloud: LocalCloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName="inbox")["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    [due] = [item for item in cloud.advance(DAY) if item.name == "daily"]

    times = set()
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        times |= {json.loads(message["Body"])["time"] for message in messages}

    assert dt.datetime.fromtimestamp(due.when, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") in times


def test_a_function_sees_the_moved_time(cloud: LocalCloud, zipped: Callable[[str], bytes]) -> None:
    role = cloud.client("iam").create_role(
        RoleName="clock-reader",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Statement": {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                }
            }
        ),
    )["Role"]["Arn"]
    source = """
import datetime as dt, time
from datetime import date
def handler(event, context):
    moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    assert isinstance(moment + dt.timedelta(days=1), dt.datetime)
    return [dt.datetime.now(dt.UTC).isoformat(), time.time(), date.today().isoformat()]
"""
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="clock",
        Runtime="python3.12",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": zipped(source)},
        Timeout=60,
    )

    def asked() -> list[Any]:
        answer = functions.invoke(FunctionName="clock")
        assert "FunctionError" not in answer, answer["Payload"].read()
        return list(json.loads(answer["Payload"].read()))

    _, before, _ = asked()
    cloud.advance(2 * DAY)
    moment, after, today = asked()

    assert 2 * DAY <= after - before < 2 * DAY + 3600
    assert abs(dt.datetime.fromisoformat(moment).timestamp() - after) < 60
    assert today == dt.datetime.fromtimestamp(after, dt.UTC).date().isoformat()


def test_an_alarm_sees_data_grow_old(cloud: LocalCloud) -> None:
    cloudwatch = cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="silence",
        Namespace="shop",
        MetricName="Runs",
        Statistic="Sum",
        Period=DAY,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )
    cloudwatch.put_metric_data(Namespace="shop", MetricData=[{"MetricName": "Runs", "Value": 1}])

    def state() -> str:
        return str(cloudwatch.describe_alarms(AlarmNames=["silence"])["MetricAlarms"][0]["StateValue"])

    assert state() == "OK"
    cloud.advance(2 * DAY)
    assert state() == "ALARM"


def test_the_clock_can_be_moved_from_outside(cloud: LocalCloud) -> None:
    def ask(path: str) -> Any:
        with urllib.request.urlopen(f"{cloud.url}/_local/{path}") as answer:
            return json.load(answer)

    before = dt.datetime.fromisoformat(ask("clock")["now"])
    found = ask(f"clock/advance/{DAY}")

    assert dt.datetime.fromisoformat(found["now"]) - before >= dt.timedelta(days=1)
    assert "daily" in {item["schedule"] for item in found["fired"]}


def test_the_clock_goes_forward_only(cloud: LocalCloud) -> None:
    with pytest.raises(AwsError, match="400 days"):
        cloud.advance(-1)
