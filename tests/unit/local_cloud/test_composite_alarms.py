from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.alarm_rules import holds
from local_cloud.cloud import LocalCloud
from local_cloud.wire import AwsError

STATES = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA"}
TEMPLATE = """
Resources:
  Bad:
    Type: AWS::CloudWatch::Alarm
    Properties: {AlarmName: composed-bad, Namespace: n, MetricName: m, Statistic: Sum, Period: 60,
      EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: GreaterThanOrEqualToThreshold,
      TreatMissingData: notBreaching}
  Whole:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties: {AlarmName: composed-whole, AlarmRule: !Sub 'ALARM("${Bad.Arn}") OR FALSE'}
"""


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ALARM(a)", True),
        ('ALARM("b")', False),
        ('ALARM("arn:aws:cloudwatch:us-east-1:123456789012:alarm:a")', True),
        ("OK(b) AND INSUFFICIENT_DATA(c)", True),
        ("NOT (ALARM(a) OR OK(a))", False),
        ("ALARM(b) AND ALARM(a) OR TRUE", True),
        ("ALARM(b) AND (ALARM(a) OR TRUE)", False),
        ("ALARM(gone)", False),
    ],
)
def test_rules_are_read_as_cloudwatch_reads_them(rule: str, expected: bool) -> None:
    assert holds(rule, lambda name: STATES.get(name, "")) is expected


@pytest.mark.parametrize("rule", ["ALARM(a", "ALARM a", "BAD(a)", "ALARM(a) ALARM(b)", "", '"'])
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    with pytest.raises(AwsError, match="cannot be read"):
        holds(rule, lambda _name: "OK")


def test_a_composite_alarm_follows_its_members(
    cloud: LocalCloud, deploy: Callable[..., Any], eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    deploy("composed", TEMPLATE)
    cloudwatch = cloud.client("cloudwatch")

    def state() -> str:
        return str(cloudwatch.describe_alarms(AlarmNames=["composed-whole"])["CompositeAlarms"][0]["StateValue"])

    assert eventually(lambda: state() == "OK")
    cloudwatch.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert eventually(lambda: state() == "ALARM")
