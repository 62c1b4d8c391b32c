"""CloudWatch alarms and dashboards, log groups, and CDK's own metadata."""

from __future__ import annotations

from local_cloud.account import ACCOUNT, REGION
from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.wire import Json, NotSimulatedError

_ALARM = (
    *("AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions", "MetricName"),
    *("Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "EvaluationPeriods"),
    *("DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "Metrics"),
)
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_COMPOSITE = ("AlarmDescription", "ActionsEnabled", *_ACTIONS, "AlarmRule")
_GONE = ("ResourceNotFoundException", "ResourceNotFound")


def _create_alarm(context: Context, properties: Properties) -> Made:
    return _put_alarm(context, context.name(properties.get("AlarmName"), limit=255), properties)


def _put_alarm(context: Context, name: str, properties: Properties) -> Made:
    given = properties.pick(*_ALARM)
    strange = [arn for kind in _ACTIONS for arn in given.get(kind, []) if str(arn).split(":")[2] != "sns"]
    if strange:
        raise NotSimulatedError(f"alarm actions other than SNS topics ({strange})")
    context.call("cloudwatch", "put_metric_alarm", AlarmName=name, Tags=properties.tag_list(), **given)
    return Made(name, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"})


def _create_composite(context: Context, properties: Properties) -> Made:
    return _put_composite(context, context.name(properties.get("AlarmName"), limit=255), properties)


def _put_composite(context: Context, name: str, properties: Properties) -> Made:
    given = properties.pick(*_COMPOSITE)
    context.call("cloudwatch", "put_composite_alarm", AlarmName=name, Tags=properties.tag_list(), **given)
    return Made(name, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"})


def _update_composite(context: Context, name: str, properties: Properties, _former: Json) -> Made:
    return _put_composite(context, name, properties)


def _update_alarm(context: Context, name: str, properties: Properties, _former: Json) -> Made:
    return _put_alarm(context, name, properties)


def _delete_alarm(context: Context, name: str, _properties: Json) -> None:
    context.try_call("cloudwatch", "delete_alarms", _GONE, AlarmNames=[name])


def _create_dashboard(context: Context, properties: Properties) -> Made:
    return _put_dashboard(context, context.name(properties.get("DashboardName"), limit=255), properties)


def _put_dashboard(context: Context, name: str, properties: Properties) -> Made:
    body = properties.required("DashboardBody")
    context.call("cloudwatch", "put_dashboard", DashboardName=name, DashboardBody=body)
    return Made(name)


def _update_dashboard(context: Context, name: str, properties: Properties, _former: Json) -> Made:
    return _put_dashboard(context, name, properties)


def _delete_dashboard(context: Context, name: str, _properties: Json) -> None:
    context.try_call("cloudwatch", "delete_dashboards", _GONE, DashboardNames=[name])


def _create_group(context: Context, properties: Properties) -> Made:
    name = str(properties.get("LogGroupName") or f"/{context.name(None, limit=500)}")
    context.call("logs", "create_log_group", logGroupName=name, tags=properties.tags())
    return _retain(context, name, properties)


def _retain(context: Context, name: str, properties: Properties) -> Made:
    days = properties.get("RetentionInDays")
    if days:
        context.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=days)
    return Made(name, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"})


def _update_group(context: Context, name: str, properties: Properties, former: Json) -> Made:
    if "RetentionInDays" in former and "RetentionInDays" not in properties:
        context.call("logs", "delete_retention_policy", logGroupName=name)
    properties.pick("Tags")
    return _retain(context, name, properties)


def _delete_group(context: Context, name: str, _properties: Json) -> None:
    context.try_call("logs", "delete_log_group", _GONE, logGroupName=name)


def _note(context: Context, properties: Properties) -> Made:
    properties.pick(*properties)
    return Made(context.name(None))


def _renote(_context: Context, physical_id: str, properties: Properties, _former: Json) -> Made:
    properties.pick(*properties)
    return Made(physical_id)


TYPES = [
    ResourceType("AWS::CloudWatch::Alarm", _create_alarm, _update_alarm, _delete_alarm, fixed=frozenset({"AlarmName"})),
    ResourceType(
        "AWS::CloudWatch::CompositeAlarm",
        _create_composite,
        _update_composite,
        _delete_alarm,
        fixed=frozenset({"AlarmName"}),
    ),
    ResourceType(
        "AWS::CloudWatch::Dashboard",
        _create_dashboard,
        _update_dashboard,
        _delete_dashboard,
        fixed=frozenset({"DashboardName"}),
    ),
    ResourceType(
        "AWS::Logs::LogGroup",
        _create_group,
        _update_group,
        _delete_group,
        fixed=frozenset({"LogGroupName"}),
        lasting=frozenset({"Tags"}),
    ),
    ResourceType("AWS::CDK::Metadata", _note, _renote),
]
