"""Redshift Serverless: namespaces and workgroups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.wire import Json

_GONE = ("ResourceNotFoundException",)
_UNCHANGEABLE = {"dbName", "namespaceName", "tags"}


def _create(kind: str, context: Context, properties: Properties) -> Made:
    given = _arguments(context, f"create_{kind.lower()}", properties)
    return _made(kind, context.call("redshift-serverless", f"create_{kind.lower()}", **given))


def _update(kind: str, context: Context, name: str, properties: Properties) -> Made:
    given = _arguments(context, f"create_{kind.lower()}", properties)
    changes = {key: value for key, value in given.items() if key not in _UNCHANGEABLE | {f"{kind.lower()}Name"}}
    arguments = {f"{kind.lower()}Name": name, **changes}
    return _made(kind, context.call("redshift-serverless", f"update_{kind.lower()}", **arguments))


def _delete(kind: str, context: Context, name: str) -> None:
    arguments = {f"{kind.lower()}Name": name}
    context.try_call("redshift-serverless", f"delete_{kind.lower()}", _GONE, **arguments)


def _arguments(context: Context, operation: str, properties: Properties) -> Json:
    """The properties that the API knows under the same name, begun with a small letter; others stay unread."""
    client = context.client("redshift-serverless")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    known = [name for name in properties if _small(name) in shape.members and name != "Tags"]
    given = {_small(name): _small_keys(properties[name]) for name in known}
    if properties.tags():
        given["tags"] = [{"key": key, "value": value} for key, value in properties.tags().items()]
    return given


def _made(kind: str, answer: Json) -> Made:
    found = answer[kind.lower()]
    attributes = dict(_flat(kind, {_large(name): item for name, item in found.items()}))
    return Made(found[f"{kind.lower()}Name"], attributes)


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    yield prefix, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(f"{prefix}.{_large(name)}", item)


def _small(name: str) -> str:
    return name[0].lower() + name[1:]


def _large(name: str) -> str:
    return name[0].upper() + name[1:]


def _small_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {_small(name): _small_keys(item) for name, item in value.items()}
    return [_small_keys(item) for item in value] if isinstance(value, list) else value


def _type(kind: str) -> ResourceType:
    return ResourceType(
        f"AWS::RedshiftServerless::{kind}",
        lambda context, properties: _create(kind, context, properties),
        lambda context, name, properties, _former: _update(kind, context, name, properties),
        lambda context, name, _properties: _delete(kind, context, name),
        fixed=frozenset({"NamespaceName", f"{kind}Name"}),
    )


TYPES = [_type("Namespace"), _type("Workgroup")]
