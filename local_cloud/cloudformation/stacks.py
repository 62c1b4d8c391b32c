"""Stacks and what they consist of; the order in which resources are made; the values of parameters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cloud.cloudformation.template import ValidationError, references
from local_cloud.wire import Json


@dataclass(slots=True)
class Resource:
    """One resource of a stack; `declared` is its part of the template, `properties` what was resolved from it."""

    logical_id: str
    declared: Json
    properties: Json
    physical_id: str
    attributes: Mapping[str, Any]
    status: str = "CREATE_COMPLETE"
    updated: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @property
    def type(self) -> str:
        """CloudFormation type."""
        return str(self.declared["Type"])


@dataclass(frozen=True, slots=True)
class Event:
    """A line of DescribeStackEvents."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    time: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


@dataclass(slots=True)
class Stack:
    """A stack; `resources` in the order of their creation."""

    name: str
    id: str
    text: str = ""
    template: Json = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    generation: int = 0
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[dict[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    created: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    def become(self, status: str, reason: str = "") -> None:
        """Change the status and write it down."""
        self.status, self.reason = status, reason
        self.events.append(Event(self.name, self.id, "AWS::CloudFormation::Stack", status, reason))

    def note(self, resource: Resource | tuple[str, str], status: str, reason: str = "") -> None:
        """Write down what happened to a resource, or to one that never came to be (logical id, type)."""
        if isinstance(resource, Resource):
            resource.status, resource.updated = status, dt.datetime.now(dt.UTC)
            self.events.append(Event(resource.logical_id, resource.physical_id, resource.type, status, reason))
        else:
            self.events.append(Event(resource[0], "", resource[1], status, reason))


def creation_order(resources: Mapping[str, Json]) -> list[str]:
    """Logical ids with every resource after those it needs, otherwise as the template lists them.

    Raises:
        ValidationError: A dependency on nothing, or a circle.
    """
    needs = {name: _needs(name, declared, resources) for name, declared in resources.items()}
    ordered: list[str] = []
    while len(ordered) < len(needs):
        ready = next((name for name in needs if name not in ordered and needs[name] <= set(ordered)), None)
        if ready is None:
            circle = sorted(set(needs) - set(ordered))
            raise ValidationError(f"Circular dependency between resources: {circle}")
        ordered.append(ready)
    return ordered


def _needs(name: str, declared: Json, resources: Mapping[str, Json]) -> set[str]:
    explicit = declared.get("DependsOn", [])
    explicit = {explicit} if isinstance(explicit, str) else set(explicit)
    missing = sorted(explicit - set(resources))
    if missing:
        raise ValidationError(f"Template format error: {name} depends on {missing}, which the template does not have.")
    return (explicit | (references(declared.get("Properties", {})) & set(resources))) - {name}


def parameter_values(declared: Json, given: Mapping[str, str], lookup: Callable[[str], str]) -> dict[str, Any]:
    """Values of a template's parameters; `lookup` reads an SSM parameter.

    Raises:
        ValidationError: One is missing, unknown or not allowed.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ValidationError(f"Parameters: {unknown} do not exist in the template")
    chosen = {name: given.get(name, spec.get("Default")) for name, spec in declared.items()}
    missing = sorted(name for name, value in chosen.items() if value is None)
    if missing:
        raise ValidationError(f"Parameters: {missing} must have values")
    return {name: _parameter(name, declared[name], chosen[name], lookup) for name in declared}


def _parameter(name: str, spec: Json, value: Any, lookup: Callable[[str], str]) -> Any:
    allowed = spec.get("AllowedValues")
    if allowed and str(value) not in {str(item) for item in allowed}:
        raise ValidationError(f"Parameter {name} must be one of {allowed}, not {value!r}")
    kind = str(spec.get("Type", "String"))
    if kind.startswith("AWS::SSM::Parameter::Value"):
        value = lookup(str(value))
    if "List" in kind:
        return [part.strip() for part in str(value).split(",")]
    return value
