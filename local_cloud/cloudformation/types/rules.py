"""EventBridge rules with their targets, and EventBridge Scheduler's schedules."""

from __future__ import annotations

from local_cloud.account import ACCOUNT, REGION
from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.targets import check_target
from local_cloud.wire import AwsError, Json

_GONE = ("ResourceNotFoundException",)
_RULE = ("EventPattern", "ScheduleExpression", "State", "Description", "EventBusName")
_SCHEDULE = (
    *("GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target", "State"),
    *("Description", "StartDate", "EndDate"),
)


def _create_rule(context: Context, properties: Properties) -> Made:
    return _put_rule(context, context.name(properties.get("Name")), properties)


def _put_rule(context: Context, name: str, properties: Properties) -> Made:
    arn = context.call("events", "put_rule", Name=name, **properties.pick(*_RULE))["RuleArn"]
    bus, targets = properties.pick("EventBusName"), properties.get("Targets", [])
    if targets:
        result = context.call("events", "put_targets", Rule=name, Targets=targets, **bus)
        if result.get("FailedEntryCount"):
            raise AwsError("ValidationException", f"Targets of the rule {name}: {result['FailedEntries']}")
    return Made(name, {"Arn": arn})


def _update_rule(context: Context, name: str, properties: Properties, former: Json) -> Made:
    stale = {target["Id"] for target in former.get("Targets", [])} - {
        target["Id"] for target in properties.get("Targets", [])
    }
    if stale:
        bus = properties.pick("EventBusName")
        context.call("events", "remove_targets", Rule=name, Ids=sorted(stale), **bus)
    return _put_rule(context, name, properties)


def _delete_rule(context: Context, name: str, properties: Json) -> None:
    bus = {"EventBusName": properties["EventBusName"]} if "EventBusName" in properties else {}
    targets = [target["Id"] for target in properties.get("Targets", [])]
    if targets:
        context.try_call("events", "remove_targets", _GONE, Rule=name, Ids=targets, **bus)
    context.try_call("events", "delete_rule", _GONE, Name=name, **bus)


def _create_schedule(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("Name"))
    check_target(properties.required("Target"))
    made = context.call("scheduler", "create_schedule", Name=name, **properties.pick(*_SCHEDULE))
    return Made(name, {"Arn": made["ScheduleArn"]})


def _update_schedule(context: Context, name: str, properties: Properties, _former: Json) -> Made:
    check_target(properties.required("Target"))
    made = context.call("scheduler", "update_schedule", Name=name, **properties.pick(*_SCHEDULE))
    return Made(name, {"Arn": made["ScheduleArn"]})


def _delete_schedule(context: Context, name: str, properties: Json) -> None:
    group = {"GroupName": properties["GroupName"]} if "GroupName" in properties else {}
    context.try_call("scheduler", "delete_schedule", _GONE, Name=name, **group)


def _create_group(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("Name"))
    context.call("scheduler", "create_schedule_group", Name=name, Tags=properties.tag_list())
    return Made(name, {"Arn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{name}"})


def _delete_group(context: Context, name: str, _properties: Json) -> None:
    context.try_call("scheduler", "delete_schedule_group", _GONE, Name=name)


TYPES = [
    ResourceType(
        "AWS::Events::Rule",
        _create_rule,
        _update_rule,
        _delete_rule,
        fixed=frozenset({"Name", "EventBusName"}),
    ),
    ResourceType(
        "AWS::Scheduler::Schedule",
        _create_schedule,
        _update_schedule,
        _delete_schedule,
        fixed=frozenset({"Name", "GroupName"}),
    ),
    ResourceType("AWS::Scheduler::ScheduleGroup", _create_group, delete=_delete_group),
]
