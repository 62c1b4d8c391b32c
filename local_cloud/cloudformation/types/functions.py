"""Lambda functions, who may call them, and what feeds them."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from local_cloud import backends
from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.wire import Json, NotSimulatedError

_GONE = ("ResourceNotFoundException",)
_CONFIGURATION = (*("Role", "Handler", "Runtime", "Environment", "Timeout", "MemorySize", "Description"),)
_MAPPING = ("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes", "Enabled")
_ONLY_VERSION = "$LATEST"
_CODE_DATE = (2020, 1, 1, 0, 0, 0)


def _create(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("FunctionName"))
    given = properties.pick(*_CONFIGURATION, "Architectures", "PackageType")
    code = _code(properties.required("Code"))
    made = context.call("lambda", "create_function", FunctionName=name, Code=code, Tags=properties.tags(), **given)
    _configure_logs(name, properties)
    return Made(name, {"Arn": made["FunctionArn"]})


def _update(context: Context, name: str, properties: Properties, former: Json) -> Made:
    if properties["Code"] != former.get("Code"):
        context.call("lambda", "update_function_code", FunctionName=name, **_code(properties["Code"]))
    given: Json = {"Environment": {"Variables": {}}} | properties.pick(*_CONFIGURATION)
    made = context.call("lambda", "update_function_configuration", FunctionName=name, **given)
    properties.pick("Architectures", "Tags")
    _configure_logs(name, properties)
    return Made(name, {"Arn": made["FunctionArn"]})


def _code(given: Json) -> dict[str, Any]:
    if "ZipFile" not in given:
        return {key: given[key] for key in ("S3Bucket", "S3Key", "S3ObjectVersion") if key in given}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py", _CODE_DATE), given["ZipFile"])
    return {"ZipFile": packed.getvalue()}


def _configure_logs(name: str, properties: Properties) -> None:
    """Moto has no LoggingConfig; where our lines go is kept on its record."""
    group = properties.section("LoggingConfig").get("LogGroup")
    if group:
        backends.functions().get_function(name).logs_group_name = group


def _delete(context: Context, name: str, _properties: Json) -> None:
    context.try_call("lambda", "delete_function", _GONE, FunctionName=name)


def _permit(context: Context, properties: Properties) -> Made:
    statement = context.name(None, limit=100)
    given = properties.pick("FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken")
    context.call("lambda", "add_permission", StatementId=statement, **given)
    return Made(statement, {"Id": statement})


def _forbid(context: Context, statement: str, properties: Json) -> None:
    name = properties["FunctionName"]
    context.try_call("lambda", "remove_permission", _GONE, FunctionName=name, StatementId=statement)


def _map(context: Context, properties: Properties) -> Made:
    source = properties.pick("EventSourceArn", "FunctionName")
    made = context.call("lambda", "create_event_source_mapping", **source, **properties.pick(*_MAPPING))
    return _mapping(made["UUID"])


def _remap(context: Context, mapping_id: str, properties: Properties, _former: Json) -> Made:
    given = properties.pick("FunctionName", *_MAPPING)
    context.call("lambda", "update_event_source_mapping", UUID=mapping_id, **given)
    return _mapping(mapping_id)


def _mapping(mapping_id: str) -> Made:
    return Made(mapping_id, {"Id": mapping_id})


def _unmap(context: Context, mapping_id: str, _properties: Json) -> None:
    context.try_call("lambda", "delete_event_source_mapping", _GONE, UUID=mapping_id)


def _configure_async(context: Context, properties: Properties) -> Made:
    given = properties.pick("FunctionName", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    if properties.get("Qualifier", _ONLY_VERSION) != _ONLY_VERSION:
        raise NotSimulatedError(f"versions and aliases of functions ({properties['Qualifier']})")
    context.call("lambda", "put_function_event_invoke_config", **given)
    return Made(context.name(None))


def _reconfigure_async(context: Context, physical_id: str, properties: Properties, _former: Json) -> Made:
    _configure_async(context, properties)
    return Made(physical_id)


def _forget_async(context: Context, _physical_id: str, properties: Json) -> None:
    name = properties["FunctionName"]
    context.try_call("lambda", "delete_function_event_invoke_config", _GONE, FunctionName=name)


TYPES = [
    ResourceType(
        "AWS::Lambda::Function",
        _create,
        _update,
        _delete,
        fixed=frozenset({"FunctionName", "PackageType"}),
        lasting=frozenset({"Tags"}),
    ),
    ResourceType("AWS::Lambda::Permission", _permit, delete=_forbid),
    ResourceType(
        "AWS::Lambda::EventSourceMapping",
        _map,
        _remap,
        _unmap,
        fixed=frozenset({"EventSourceArn"}),
    ),
    ResourceType(
        "AWS::Lambda::EventInvokeConfig",
        _configure_async,
        _reconfigure_async,
        _forget_async,
        fixed=frozenset({"FunctionName"}),
    ),
]
