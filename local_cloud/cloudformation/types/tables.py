"""DynamoDB tables, plain and global (with the one replica there can be here)."""

from __future__ import annotations

from local_cloud.account import REGION
from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.wire import Json, NotSimulatedError

_PLAIN = (
    *("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"),
    *("ProvisionedThroughput", "TableClass", "DeletionProtectionEnabled"),
)
_FIXED = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})
_GONE = ("ResourceNotFoundException",)
_LASTING = frozenset({"Tags", "SSESpecification", "StreamSpecification", "TableClass"})
_OPTIONS = ("TimeToLiveSpecification", "PointInTimeRecoverySpecification")
_CHANGEABLE = ("BillingMode", "DeletionProtectionEnabled", "ProvisionedThroughput")


def _create(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("TableName"), limit=255)
    arguments = properties.pick(*_PLAIN)
    if "StreamSpecification" in properties:
        arguments["StreamSpecification"] = properties["StreamSpecification"] | {"StreamEnabled": True}
    if "SSESpecification" in properties:
        given = properties["SSESpecification"]
        arguments["SSESpecification"] = {"Enabled" if key == "SSEEnabled" else key: item for key, item in given.items()}
    if properties.tags():
        arguments["Tags"] = properties.tag_list()
    context.call("dynamodb", "create_table", TableName=name, **arguments)
    _set_options(context, name, properties.pick(*_OPTIONS))
    return _made(context, name)


def _set_options(context: Context, name: str, options: Json) -> None:
    for given in options.values():
        if "AttributeName" in given:
            context.call(
                "dynamodb", "update_time_to_live", TableName=name, TimeToLiveSpecification={"Enabled": True} | given
            )
        else:
            context.call(
                "dynamodb", "update_continuous_backups", TableName=name, PointInTimeRecoverySpecification=given
            )


def _made(context: Context, name: str) -> Made:
    table = context.call("dynamodb", "describe_table", TableName=name)["Table"]
    return Made(
        name,
        {"Arn": table["TableArn"], "StreamArn": table.get("LatestStreamArn", ""), "TableId": table.get("TableId", "")},
    )


def _update(context: Context, name: str, properties: Properties, former: Json) -> Made:
    properties.pick(*_FIXED, "Tags", "SSESpecification", "StreamSpecification", "TableClass")
    changed = {key: value for key, value in properties.pick(*_CHANGEABLE).items() if former.get(key) != value}
    if changed:
        context.call("dynamodb", "update_table", TableName=name, **changed)
    attributes = properties.required("AttributeDefinitions")
    for change in _index_changes(
        former.get("GlobalSecondaryIndexes", []), properties.get("GlobalSecondaryIndexes", [])
    ):
        context.call(
            "dynamodb",
            "update_table",
            TableName=name,
            AttributeDefinitions=attributes,
            GlobalSecondaryIndexUpdates=[change],
        )
    options = properties.pick(*_OPTIONS)
    _set_options(context, name, {key: value for key, value in options.items() if former.get(key) != value})
    return _made(context, name)


def _index_changes(old: list[Json], new: list[Json]) -> list[Json]:
    """One deletion or creation per call, as DynamoDB wants it; a changed index is made anew."""
    before, after = ({index["IndexName"]: index for index in indexes} for indexes in (old, new))
    gone = [name for name in before if before[name] != after.get(name)]
    come = [name for name in after if after[name] != before.get(name)]
    return [{"Delete": {"IndexName": name}} for name in gone] + [{"Create": after[name]} for name in come]


def _delete(context: Context, name: str, _properties: Json) -> None:
    context.try_call("dynamodb", "delete_table", _GONE, TableName=name)


def _as_table(properties: Properties) -> Properties:
    """A global table's properties as those of a table; what belongs to the replica moves up."""
    replicas = properties.required("Replicas")
    if [replica["Region"] for replica in replicas] != [REGION]:
        raise NotSimulatedError(f"replicas of a global table outside {REGION}")
    replica = {
        key: value for key, value in replicas[0].items() if key not in {"Region", "ContributorInsightsSpecification"}
    }
    return Properties({key: value for key, value in properties.items() if key != "Replicas"} | replica)


def _create_global(context: Context, properties: Properties) -> Made:
    table = _as_table(properties)
    made = _create(context, table)
    _check_read(table)
    return made


def _update_global(context: Context, name: str, properties: Properties, former: Json) -> Made:
    table = _as_table(properties)
    made = _update(context, name, table, dict(_as_table(Properties(former))))
    _check_read(table)
    return made


def _check_read(table: Properties) -> None:
    if table.unread():
        raise NotSimulatedError(f"the properties {table.unread()} of a global table")


TYPES = [
    ResourceType("AWS::DynamoDB::Table", _create, _update, _delete, fixed=_FIXED, lasting=_LASTING),
    ResourceType("AWS::DynamoDB::GlobalTable", _create_global, _update_global, _delete, fixed=_FIXED, lasting=_LASTING),
]
