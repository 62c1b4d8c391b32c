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
        *(
            (f"rows-quarantined-{kind}", Metric.ROWS_QUARANTINED, {"Pipeline": kind})
            for kind in ("training", "inference")
        ),
        ("trigger-quarantined", Metric.TRIGGER_QUARANTINED, {}),
        ("drop-failed", Metric.DROP_FAILED, {}),
        ("load-mismatch", Metric.LOAD_MISMATCH, {"Pipeline": "inference"}),
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
@pytest.mark.parametrize(
    ("about", "metric"),
    [
        ("feature-drift", Metric.FEATURE_DRIFT),
        ("label-shift", Metric.LABEL_SHIFT),
        ("rows-out-of-range", Metric.ROWS_OUT_OF_RANGE),
    ],
)
def test_a_single_finding_raises_an_alarm_and_days_without_a_comparison_do_not(
    platform: Template, name: str, about: str, metric: Metric
) -> None:
    alarm = _alarm(platform, f"{about}-{name}")
    dimensions = {"Stage": "dev", "PackageType": name}

    assert _measured(alarm) == (METRIC_NAMESPACE, metric.value, dimensions)
    assert (alarm["Statistic"], alarm["Threshold"], alarm["TreatMissingData"]) == ("Maximum", 1, "notBreaching")


@pytest.mark.parametrize("name", TYPES)
def test_every_alarm_about_a_package_type_lights_its_composite_which_tells_nobody_twice(
    platform: Template, name: str
) -> None:
    light = platform.by("AWS::CloudWatch::CompositeAlarm", "AlarmName")[f"rightpack-dev-package-type-{name}"]
    about = [
        logical
        for logical, alarm in platform.of_type(ALARMS).items()
        if {"Name": "PackageType", "Value": name} in alarm["Dimensions"]
    ]

    assert sorted(light["AlarmRule"].split('ALARM("')[1:]) == sorted(
        f'<{logical}.Arn>")' + tail for logical, tail in _tails(light["AlarmRule"], about)
    )
    assert len(about) == 6
    assert "AlarmActions" not in light


def _tails(rule: str, about: list[str]) -> list[tuple[str, str]]:
    found = []
    for part in rule.split('ALARM("')[1:]:
        logical = part.partition(".Arn>")[0].removeprefix("<")
        assert logical in about
        found.append((logical, part.partition('")')[2]))
    return found


def test_a_run_that_waits_for_hours_raises_an_alarm(platform: Template) -> None:
    alarm = _alarm(platform, "launch-waiting")

    assert _measured(alarm) == (METRIC_NAMESPACE, Metric.LAUNCH_WAIT.value, {"Stage": "dev"})
    assert (alarm["Statistic"], alarm["Threshold"], alarm["TreatMissingData"]) == ("Maximum", 4 * 3600, "notBreaching")


STALE = [("training", "weekly", 8 * 24), ("inference", "daily", 30), ("inference", "monthly", 34 * 24)]


@pytest.mark.parametrize(("kind", "mode", "hours"), STALE)
def test_no_success_for_too_long_raises_an_alarm(platform: Template, kind: str, mode: str, hours: int) -> None:
    alarm = _alarm(platform, f"stale-{kind}-{mode}")
    dimensions = {"Stage": "dev", "Pipeline": kind, "Mode": mode}

    assert _measured(alarm) == (METRIC_NAMESPACE, Metric.HOURS_SINCE_SUCCESS.value, dimensions)
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Maximum", hours)


def test_every_schedule_has_its_age_alarm(platform: Template) -> None:
    scheduled = {name for name in platform.by("AWS::Events::Rule", "Name") if name.startswith("rightpack-dev-unload-")}
    unloads = {name.removeprefix("rightpack-dev-unload-") for name in scheduled} - {"finished", "failed"}
    stale = {name for name in platform.by(ALARMS, "AlarmName") if name.startswith("rightpack-dev-stale-")}

    assert {name.removeprefix("rightpack-dev-stale-") for name in stale} == unloads


@pytest.mark.parametrize(("kind", "mode", "_hours"), STALE)
def test_people_are_told_when_nobody_measures_the_age_of_success_any_more(
    platform: Template, kind: str, mode: str, _hours: int
) -> None:
    alarm = _alarm(platform, f"stale-{kind}-{mode}")

    assert alarm["TreatMissingData"] == "missing"
    assert alarm["InsufficientDataActions"] == [_topic(platform)]


@pytest.mark.parametrize(("kind", "mode", "_hours"), STALE)
def test_the_age_is_measured_several_times_in_each_period(
    platform: Template, kind: str, mode: str, _hours: int
) -> None:
    reconcile = platform.by("AWS::Events::Rule", "Name")["rightpack-dev-reconcile"]["ScheduleExpression"]
    minutes = int(reconcile.removeprefix("rate(").split()[0])

    assert _alarm(platform, f"stale-{kind}-{mode}")["Period"] >= 2 * 60 * minutes


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


def test_a_webhook_is_told_as_well_where_one_is_given(platform: Template) -> None:
    raw = json.loads(json.dumps(platform.raw))
    raw["Parameters"]["NoticeWebhook"]["Default"] = "https://chat.example.com/hook"

    found = {s["Protocol"]: s["Endpoint"] for s in Template(raw).of_type("AWS::SNS::Subscription").values()}

    assert found == {"email": "team@example.com", "https": "https://chat.example.com/hook"}


def test_dashboard_shows_every_alarm_and_every_kind_of_metric(platform: Template) -> None:
    [dashboard] = platform.of_type("AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    lights, alarms = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    shown = {row[1] for widget in widgets if widget["type"] == "metric" for row in widget["properties"]["metrics"]}

    assert sorted(alarms) == sorted(f"<{name}.Arn>" for name in platform.of_type(ALARMS))
    assert sorted(lights) == sorted(f"<{name}.Arn>" for name in platform.of_type("AWS::CloudWatch::CompositeAlarm"))
    assert shown >= {metric.value for metric in Metric}
