from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import pytest

from local_cloud import alarm_math
from local_cloud.clock import Clock
from local_cloud.cloud import LocalCloud
from local_cloud.metrics import Metrics, Point
from local_cloud.wire import NotSimulatedError


class Alarm:
    """A fresh alarm on a fresh metric, with a topic that mails."""

    def __init__(self, cloud: LocalCloud, **options: Any) -> None:
        self._cloud, self._client = cloud, cloud.client("cloudwatch")
        self.name = f"alarm-{uuid.uuid4().hex[:8]}"
        sns = cloud.client("sns")
        topic = sns.create_topic(Name=self.name)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
        settings: dict[str, Any] = {
            "Namespace": self.name,
            "MetricName": "Failures",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
        } | options
        if "Metrics" in settings:
            settings = {
                key: value
                for key, value in settings.items()
                if key not in {"Namespace", "MetricName", "Statistic", "Period"}
            }
        self._client.put_metric_alarm(AlarmName=self.name, AlarmActions=[topic], OKActions=[topic], **settings)

    @property
    def state(self) -> str:
        return str(self._client.describe_alarms(AlarmNames=[self.name])["MetricAlarms"][0]["StateValue"])

    def put(self, value: float, *, minutes_ago: float = 0, name: str = "Failures") -> None:
        moment = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes_ago)
        datum = {"MetricName": name, "Value": value, "Timestamp": moment}
        self._client.put_metric_data(Namespace=self.name, MetricData=[datum])

    def mails(self) -> list[str]:
        return [path.read_text() for path in sorted(self._cloud.mail.glob(f"*{self.name}*"))]


def test_new_alarm_knows_nothing_until_there_is_data(cloud: LocalCloud) -> None:
    alarm = Alarm(cloud)

    assert alarm.state == "INSUFFICIENT_DATA"
    alarm.put(0)
    assert alarm.state == "OK"


def test_breaching_point_alarms_at_once_and_mails_once(cloud: LocalCloud) -> None:
    alarm = Alarm(cloud)

    alarm.put(2)
    alarm.put(3)

    assert alarm.state == "ALARM"
    (mail,) = alarm.mails()
    body = json.loads(mail.split("\n\n", 1)[1])
    assert (body["AlarmName"], body["NewStateValue"], body["OldStateValue"]) == (
        alarm.name,
        "ALARM",
        "INSUFFICIENT_DATA",
    )


def test_points_put_by_a_service_of_the_cloud_count(cloud: LocalCloud) -> None:
    alarm = Alarm(cloud, Dimensions=[{"Name": "Stage", "Value": "dev"}])

    cloud.put_metric(alarm.name, "Failures", 1, {"Stage": "prod"})
    cloud.put_metric(alarm.name, "Failures", 1, {"Stage": "dev", "Pipeline": "training"})
    assert alarm.state == "INSUFFICIENT_DATA"
    cloud.put_metric(alarm.name, "Failures", 1, {"Stage": "dev"})

    assert alarm.state == "ALARM"


def test_two_of_three_periods_are_needed_when_the_alarm_says_so(cloud: LocalCloud) -> None:
    alarm = Alarm(cloud, EvaluationPeriods=3, DatapointsToAlarm=2)

    alarm.put(1)
    assert alarm.state == "OK"
    alarm.put(1, minutes_ago=1.5)

    assert alarm.state == "ALARM"


@pytest.mark.parametrize(
    ("treatment", "state"), [("notBreaching", "OK"), ("breaching", "ALARM"), ("missing", "INSUFFICIENT_DATA")]
)
def test_missing_data_is_treated_as_the_alarm_says(cloud: LocalCloud, treatment: str, state: str) -> None:
    alarm = Alarm(cloud, TreatMissingData=treatment)
    alarm.put(1, minutes_ago=30)

    assert alarm.state == state


def test_updated_alarm_keeps_its_state(cloud: LocalCloud) -> None:
    alarm = Alarm(cloud)
    alarm.put(1)

    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm.name,
        Namespace=alarm.name,
        MetricName="Failures",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmDescription="now described",
    )

    assert alarm.state == "ALARM"


def test_state_set_by_hand_runs_the_actions_and_is_history(cloud: LocalCloud) -> None:
    alarm = Alarm(cloud)
    client = cloud.client("cloudwatch")

    client.set_alarm_state(AlarmName=alarm.name, StateValue="ALARM", StateReason="a drill")

    assert "a drill" in alarm.mails()[0]
    items = client.describe_alarm_history(AlarmName=alarm.name)["AlarmHistoryItems"]
    assert items[-1]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    assert {item["AlarmName"] for item in items} == {alarm.name}


def test_change_of_state_is_an_event(cloud: LocalCloud) -> None:
    queue = cloud.client("sqs").create_queue(QueueName="alarm-changes")["QueueUrl"]
    events = cloud.client("events")
    events.put_rule(
        Name="alarm-changes", EventPattern='{"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}}'
    )
    arn = "arn:aws:sqs:us-east-1:123456789012:alarm-changes"
    events.put_targets(Rule="alarm-changes", Targets=[{"Id": "q", "Arn": arn, "InputPath": "$.detail.alarmName"}])
    alarm = Alarm(cloud)

    alarm.put(1)

    assert cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"] == f'"{alarm.name}"'


def test_metric_math_alarm_computes_its_expression(cloud: LocalCloud) -> None:
    namespace = f"math-{uuid.uuid4().hex[:8]}"
    stat = {"Period": 60, "Stat": "Sum"}
    metrics = [
        {"Id": name, "ReturnData": False, "MetricStat": {"Metric": {"Namespace": namespace, "MetricName": name}} | stat}
        for name in ("errors", "total")
    ]
    alarm = Alarm(
        cloud, Metrics=[*metrics, {"Id": "share", "Expression": "100 * FILL(errors, 0) / total"}], Threshold=5
    )

    cloud.put_metric(namespace, "total", 100, {})
    assert alarm.state == "OK"
    cloud.put_metric(namespace, "errors", 6, {})

    assert alarm.state == "ALARM"


def test_depth_of_a_queue_is_a_metric(cloud: LocalCloud, eventually: Any) -> None:
    queue = cloud.client("sqs").create_queue(QueueName="deep")["QueueUrl"]
    depth = {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Statistic": "Maximum"}
    alarm = Alarm(cloud, **depth, Dimensions=[{"Name": "QueueName", "Value": "deep"}], Threshold=1)

    cloud.send_message(queue, "one")
    cloud.send_message(queue, "two")

    eventually(lambda: alarm.state == "ALARM")


def test_missing_topic_is_not_the_fault_of_whoever_puts_data(cloud: LocalCloud) -> None:
    alarm = Alarm(cloud)
    client = cloud.client("cloudwatch")
    topic = client.describe_alarms(AlarmNames=[alarm.name])["MetricAlarms"][0]["AlarmActions"][0]
    cloud.client("sns").delete_topic(TopicArn=topic)

    alarm.put(1)

    assert alarm.state == "ALARM"
    assert alarm.mails() == []


POINTS = [Point(0.0, value, 1, value, value) for value in (1.0, 2.0, 3.0, 10.0)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sum", 16.0),
        ("Average", 4.0),
        ("Minimum", 1.0),
        ("Maximum", 10.0),
        ("SampleCount", 4.0),
        ("p50", 3.0),
        ("p99", 10.0),
    ],
)
def test_statistics(name: str, value: float) -> None:
    assert alarm_math.statistic(name, POINTS) == value


def test_statistic_of_nothing_is_nothing() -> None:
    assert alarm_math.statistic("Sum", []) is None


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a + b * 2", 7.0),
        ("-(a - b)", 2.0),
        ("a / (b - 3)", None),
        ("missing + 1", None),
        ("FILL(missing, 4)", 4.0),
        ("IF(a > b, 1, 0)", 0.0),
        ("SUM([a, b])", 4.0),
        ("MAX([a, b]) / MIN([a, b])", 3.0),
        ("AVG([a, b]) == 2", 1.0),
    ],
)
def test_expressions(expression: str, value: float | None) -> None:
    assert alarm_math.evaluate(expression, {"a": 1.0, "b": 3.0, "missing": None}) == value


@pytest.mark.parametrize("expression", ["SEARCH('x', 'Sum')", "a ** ", "ANOMALY_DETECTION_BAND(a)", "__import__('os')"])
def test_expression_beyond_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(NotSimulatedError):
        alarm_math.evaluate(expression, {"a": 1.0})


def test_data_points_that_come_late_are_found_in_their_own_period() -> None:
    now = 1_800_000_000.0
    metrics = Metrics(Still(now))
    for ago in (0, 50, 10, 400, 20):
        metrics.record("n", [{"MetricName": "m", "Value": ago, "Timestamp": now - ago}])
    asked = {"Namespace": "n", "MetricName": "m"}
    assert [point.total for point in metrics.between(asked, now - 60, now - 5)] == [50, 20, 10]
    assert [point.total for point in metrics.between(asked, now - 50, now)] == [20, 10, 0]


class Still(Clock):
    """A clock that stands still."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self._at = at

    def now(self) -> float:
        return self._at
