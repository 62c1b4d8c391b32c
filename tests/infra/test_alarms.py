from __future__ import annotations

import json
from typing import Any

import pytest

from rightpack.layout import METRIC_NAMESPACE, Metric, PipelineKind
from rightpack.settings import Settings
from tests.infra.cloudformation import ACCOUNT, Template

ALARMS = "AWS::CloudWatch::Alarm"
TYPES = Settings.load("dev").targets
KINDS = [kind.value for kind in PipelineKind]


def _alarm(platform: Template, name: str) -> dict[str, Any]:
    return platform.by(ALARMS, "AlarmName")[f"rightpack-dev-{name}"]


def _measured(alarm: dict[str, Any]) -> tuple[str, str, dict[str, str]]:
    return alarm["Namespace"], alarm["MetricName"], {d["Name"]: d["Value"] for d in alarm["Dimensions"]}


def _topic(platform: Template) -> str:
    return f"<{platform.logical_id('AWS::SNS::Topic', 'TopicName', 'rightpack-dev-notices')}>"


@pytest.mark.parametrize(
    ("name", "metric", "dimensions"),
    [
        *((f"run-failed-{kind}", Metric.RUN_FAILED, {"Pipeline": kind}) for kind in KINDS),
        *((f"model-rejected-{name}", Metric.MODEL_REJECTED, {"PackageType": name}) for name in TYPES),
        *((f"model-held-{name}", Metric.MODEL_HELD, {"PackageType": name}) for name in TYPES),
        *((f"model-missing-{name}", Metric.MODEL_MISSING, {"PackageType": name}) for name in TYPES),
        ("trigger-quarantined", Metric.TRIGGER_QUARANTINED, {}),
        ("drop-failed", Metric.DROP_FAILED, {}),
    ],
)
def test_one_occurrence_raises_an_alarm_and_silence_does_not(
    platform: Template, name: str, metric: Metric, dimensions: dict[str, str]
) -> None:
    alarm = _alarm(platform, name)

    assert _measured(alarm) == (METRIC_NAMESPACE, metric.value, {"Stage": "dev", **dimensions})
    assert (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("Sum", 1, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"


def test_a_single_dead_letter_raises_an_alarm(platform: Template) -> None:
    alarm = _alarm(platform, "dead-letters")
    dead = platform.logical_id("AWS::SQS::Queue", "QueueName", "rightpack-dev-triggers-dead")
    visible = "ApproximateNumberOfMessagesVisible"

    assert _measured(alarm) == ("AWS/SQS", visible, {"QueueName": f"<{dead}.QueueName>"})
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (1, "notBreaching")


@pytest.mark.parametrize("name", TYPES)
def test_a_single_drifted_column_raises_an_alarm_and_days_without_a_comparison_do_not(
    platform: Template, name: str
) -> None:
    alarm = _alarm(platform, f"feature-drift-{name}")
    dimensions = {"Stage": "dev", "PackageType": name}

    assert _measured(alarm) == (METRIC_NAMESPACE, Metric.FEATURE_DRIFT.value, dimensions)
    assert (alarm["Statistic"], alarm["Threshold"], alarm["TreatMissingData"]) == ("Maximum", 1, "notBreaching")


@pytest.mark.parametrize(("kind", "hours"), [("training", 8 * 24), ("inference", 30)])
def test_no_success_for_too_long_raises_an_alarm(platform: Template, kind: str, hours: int) -> None:
    alarm = _alarm(platform, f"stale-{kind}")
    dimensions = {"Stage": "dev", "Pipeline": kind}

    assert _measured(alarm) == (METRIC_NAMESPACE, Metric.HOURS_SINCE_SUCCESS.value, dimensions)
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Maximum", hours)


@pytest.mark.parametrize("kind", KINDS)
def test_people_are_told_when_nobody_measures_the_age_of_success_any_more(platform: Template, kind: str) -> None:
    alarm = _alarm(platform, f"stale-{kind}")

    assert alarm["TreatMissingData"] == "missing"
    assert alarm["InsufficientDataActions"] == [_topic(platform)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_age_is_measured_several_times_in_each_period(platform: Template, kind: str) -> None:
    reconcile = platform.by("AWS::Events::Rule", "Name")["rightpack-dev-reconcile"]["ScheduleExpression"]
    minutes = int(reconcile.removeprefix("rate(").split()[0])

    assert _alarm(platform, f"stale-{kind}")["Period"] >= 2 * 60 * minutes


@pytest.mark.parametrize("name", ["track-runs", "unload", "drop"])
def test_a_function_that_gave_up_an_event_raises_an_alarm(platform: Template, name: str) -> None:
    alarm = _alarm(platform, f"function-failing-{name}")

    assert _measured(alarm) == ("AWS/Lambda", "Errors", {"FunctionName": f"rightpack-dev-{name}"})
    assert alarm["Threshold"] == 3  # the call and its two repetitions


def test_every_alarm_tells_the_topic_and_says_what_to_do(platform: Template) -> None:
    for alarm in platform.of_type(ALARMS).values():
        assert alarm["AlarmActions"] == [_topic(platform)]
        assert len(alarm["AlarmDescription"].split()) >= 10


def test_every_alarm_can_be_evaluated_by_the_service(platform: Template) -> None:
    for alarm in platform.of_type(ALARMS).values():
        longest = 7 * 86400 if alarm["Period"] >= 3600 else 86400
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= longest


@pytest.mark.parametrize("service", ["cloudwatch.amazonaws.com", "events.amazonaws.com"])
def test_topic_really_lets_services_of_this_account_publish(platform: Template, service: str) -> None:
    [policy] = platform.of_type("AWS::SNS::TopicPolicy").values()
    allowed = [
        statement
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": service}
    ]

    assert [statement["Action"] for statement in allowed] == ["sns:Publish"]
    assert allowed[0]["Resource"] == _topic(platform)
    assert allowed[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_topic_is_published_to_over_tls_only(platform: Template) -> None:
    [policy] = platform.of_type("AWS::SNS::TopicPolicy").values()
    [denial] = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]

    assert denial["Action"] == "sns:Publish"
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_topic_has_no_key_that_cloudwatch_could_not_use(platform: Template) -> None:
    [topic] = platform.of_type("AWS::SNS::Topic").values()

    assert "KmsMasterKeyId" not in topic


def test_notices_reach_the_teams_mailbox(platform: Template) -> None:
    [subscription] = platform.of_type("AWS::SNS::Subscription").values()

    assert subscription == {"TopicArn": _topic(platform), "Protocol": "email", "Endpoint": "team@example.com"}


def test_dashboard_shows_every_alarm_and_every_kind_of_metric(platform: Template) -> None:
    [dashboard] = platform.of_type("AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    [alarms] = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    shown = {row[1] for widget in widgets if widget["type"] == "metric" for row in widget["properties"]["metrics"]}

    assert sorted(alarms) == sorted(f"<{name}.Arn>" for name in platform.of_type(ALARMS))
    assert shown >= {metric.value for metric in Metric}
