"""What a resource type is: how to create, update and delete one through the services' own APIs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.cloudformation.properties import Properties
from local_cloud.wire import AwsError, Json

_SUFFIX = 12


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that exists: its physical id (what Ref gives) and what Fn::GetAtt gives."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """The place of a resource: stack, logical id, and the services; `generation` makes replacements' names differ."""

    stack: str
    logical_id: str
    generation: int
    client: Callable[[str], Any]
    read_object: Callable[[str, str], bytes]

    def name(self, given: Any, *, limit: int = 64, lower: bool = False) -> str:
        """The name the template gives, or `stack-logicalid-suffix`, the same for the same template."""
        if given:
            return str(given)
        seed = f"{self.stack}/{self.logical_id}/{self.generation}"
        suffix = hashlib.sha256(seed.encode()).hexdigest()[:_SUFFIX]
        name = f"{self.stack}-{self.logical_id}"[: limit - _SUFFIX - 1] + f"-{suffix}"
        return name.lower() if lower else name.replace("_", "-")

    def call(self, service: str, operation: str, **arguments: Any) -> Json:
        """Call an API with values in the types it wants; templates write numbers and policies in their own way.

        Raises:
            AwsError: The service's refusal.
        """
        client = self.client(service)
        shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
        try:
            return dict(getattr(client, operation)(**coerce(shape, arguments)))
        except ClientError as error:
            raise AwsError(
                error.response["Error"]["Code"], f"{operation}: {error.response['Error']['Message']}"
            ) from error
        except BotoCoreError as error:
            raise AwsError("ValidationError", f"{operation}: {error}") from error

    def try_call(self, service: str, operation: str, gone: Sequence[str], **arguments: Any) -> Json:
        """Call an API and take the error codes in `gone` for success: what shall be deleted is no longer there."""
        try:
            return self.call(service, operation, **arguments)
        except AwsError as error:
            if error.code not in gone:
                raise
            return {}


def coerce(shape: Any, value: Any) -> Any:
    """Fit a value to an API's shape: numbers from text, text from numbers and documents, members recursively."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return {
            name: coerce(shape.members[name], item) if name in shape.members else item for name, item in value.items()
        }
    if kind == "list" and isinstance(value, list):
        return [coerce(shape.member, item) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {name: coerce(shape.value, item) for name, item in value.items()}
    return _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    if kind in {"integer", "long"}:
        return int(value)
    if kind in {"float", "double"}:
        return float(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind == "string":
        if isinstance(value, dict | list):
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


Create = Callable[[Context, Properties], Made]
Update = Callable[[Context, str, Properties, Json], Made]  # physical id, new properties, former properties
Delete = Callable[[Context, str, Json], None]


def nothing(_context: Context, _physical_id: str, _properties: Json) -> None:
    """Delete nothing: the resource goes with another one."""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resources. Without `update`, or when one of `fixed` changes, a resource is replaced by a new one.

    A change of one of `lasting` is refused, as `update` does not carry it out.
    """

    name: str
    create: Create
    update: Update | None = None
    delete: Delete = nothing
    fixed: frozenset[str] = frozenset()
    lasting: frozenset[str] = frozenset()
