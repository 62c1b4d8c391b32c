"""What a request needs, whichever protocol it speaks."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from local_cloud.iam import dynamodb, objects
from local_cloud.iam.evaluation import Need
from local_cloud.iam.resources import ACTIONS, FREE, PREFIXES, RESOURCES, also_needed
from local_cloud.inbound import Inbound, Protocol
from local_cloud.wire import Json, NotSimulatedError

_PLACE = re.compile(r"\{([^}+]+)\+?\}")


def of_request(request: Inbound) -> list[Need]:
    """Permissions that a request needs; none for what everybody may do.

    Raises:
        NotSimulatedError: An operation whose permissions are not known here.
    """
    if request.protocol is Protocol.S3:
        return objects.needs(request.environ)
    if request.protocol is Protocol.REST:
        operation, parameters = _rest(request)
    elif request.protocol is Protocol.CBOR:
        operation, parameters = request.action, _cbor(request.body)
    else:
        operation, parameters = request.action, request.parameters()
    return of_operation(request.service, operation, parameters)


def of_operation(service: str, operation: str, request: Json) -> list[Need]:
    """Permissions of an operation by its API name.

    Raises:
        NotSimulatedError: It is not among those that are known here.
    """
    if (service, operation) in FREE:
        return []
    if service == "dynamodb":
        return dynamodb.needs(operation, request)
    action = ACTIONS.get((service, operation), operation)
    known = RESOURCES.get(service, {})
    find = known.get(operation) or known.get(action)
    if find is None:
        raise NotSimulatedError(f"the permissions of {service}:{operation}")
    context = _context(service, request)
    found = [Need(f"{PREFIXES.get(service, service)}:{action}", resource, context) for resource in find(request)]
    return found + also_needed(service, operation, request)


def _context(service: str, request: Json) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if service == "monitoring" and request.get("Namespace"):
        return (("cloudwatch:namespace", (str(request["Namespace"]),)),)
    if service == "sns" and request.get("Protocol"):
        return (("sns:protocol", (str(request["Protocol"]),)),)
    return ()


def _cbor(body: bytes) -> Json:
    if not body:
        return {}
    from botocore.parsers import RpcV2CBORParser

    read: Any = RpcV2CBORParser().parse_data_item
    return dict(read(io.BufferedReader(io.BytesIO(body))))


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    members: tuple[str, ...]
    operation: str


def _rest(request: Inbound) -> tuple[str, Json]:
    """The operation of a REST request and its members, from the service's own model."""
    for route in _routes(request.service):
        found = route.pattern.fullmatch(request.path) if route.method == request.method else None
        if found:
            names = dict(zip(route.members, map(unquote, found.groups()), strict=True))
            return route.operation, {**request.parameters(), **names}
    raise NotSimulatedError(f"the permissions of {request.service}: {request.method} {request.path}")


@functools.lru_cache(maxsize=32)
def _routes(service: str) -> tuple[_Route, ...]:
    import botocore.session

    model = botocore.session.Session().get_service_model(service)
    operations: Callable[[str], Any] = model.operation_model
    return tuple(_route(operations(name)) for name in model.operation_names)


def _route(operation: Any) -> _Route:
    uri = operation.http["requestUri"].partition("?")[0].rstrip("/")
    members = {shape.serialization.get("name", name): name for name, shape in _members(operation).items()}
    parts = _PLACE.split(uri)
    pattern = "".join("([^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts)) + "/?"
    names = tuple(members.get(part, part) for part in parts[1::2])
    return _Route(operation.http["method"], re.compile(pattern), names, operation.name)


def _members(operation: Any) -> dict[str, Any]:
    return dict(operation.input_shape.members) if operation.input_shape else {}
