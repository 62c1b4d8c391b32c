"""Check requests against the service model that botocore ships, as the service itself would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

from local_cloud.sagemaker.errors import invalid
from local_cloud.wire import Json

_LONGEST_MATCHED = 8192  # longer texts (definitions) have patterns that allow anything, and backtrack


@cache
def service_model() -> ServiceModel:
    """Load the model of the SageMaker API; done once, it is large."""
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def without_nulls(value: Any) -> Any:
    """Drop members that are null: in the JSON protocol they count as absent."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def check(operation: str, request: Json) -> None:
    """Refuse a request that does not fit the input of `operation`; the `ValidationException` names each member."""
    shape = service_model().operation_model(operation).input_shape
    if shape is None:
        return
    report = ParamValidator().validate(request, shape)
    found = [line for line in report.generate_report().splitlines() if line]
    found += _constraints(shape, request, "")
    if found:
        plural = "" if len(found) == 1 else "s"
        raise invalid(f"{len(found)} validation error{plural} detected: " + "; ".join(found))


def described(operation: str, record: Json) -> Json:
    """Keep the members of a record that `operation` answers; what else is held about it is not the caller's."""
    shape = service_model().operation_model(operation).output_shape
    return {key: value for key, value in record.items() if shape is not None and key in shape.members}


def _constraints(shape: Shape, value: Any, where: str) -> Iterator[str]:
    """Violations of enum, pattern and bounds, which botocore's own validator does not look at."""
    yield from _own(shape, value, where)
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for key, item in value.items():
            if key in shape.members:
                yield from _constraints(shape.members[key], item, f"{where}.{key}" if where else key)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for index, item in enumerate(value, start=1):
            yield from _constraints(shape.member, item, f"{where}.{index}.member")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for key, item in value.items():
            yield from _constraints(shape.key, key, f"{where}.key")
            yield from _constraints(shape.value, item, f"{where}.{key}")


def _own(shape: Shape, value: Any, where: str) -> Iterator[str]:
    for rule in _broken_rules(shape, value):
        yield f"Value {_shown(value)} at '{where}' failed to satisfy constraint: {rule}"


def _broken_rules(shape: Shape, value: Any) -> Iterator[str]:
    if isinstance(shape, StringShape) and isinstance(value, str):
        yield from _broken_text_rules(shape, value)
    most = shape.metadata.get("max")
    if most is None:
        return
    if isinstance(value, str | list | dict):
        if len(value) > most:
            yield f"Member must have length less than or equal to {most}"
    elif isinstance(value, int | float) and not isinstance(value, bool) and value > most:
        yield f"Member must have value less than or equal to {most}"


def _broken_text_rules(shape: StringShape, value: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    pattern = shape.metadata.get("pattern")
    if pattern and len(value) <= _LONGEST_MATCHED:
        compiled = _compiled(pattern)
        if compiled and not compiled.fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {pattern}"


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Compile a pattern of the model; the few that only Java can read (those of tags) are skipped."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."
