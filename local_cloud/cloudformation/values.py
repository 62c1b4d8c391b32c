"""The values of a template: parameters, conditions and intrinsic functions resolved."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.account import ACCOUNT, REGION
from local_cloud.cloudformation.template import ValidationError, substitute
from local_cloud.wire import Json, NotSimulatedError

NO_VALUE = object()
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Sources:
    """Where values come from outside the template: `attribute(resource, name)`, `physical_id(resource)`, exports."""

    parameters: Mapping[str, Any]
    pseudo: Mapping[str, Any]
    physical_id: Callable[[str], str | None]
    attribute: Callable[[str, str], Any]
    exports: Callable[[], Mapping[str, str]]


def pseudo_parameters(stack_name: str, stack_id: str) -> dict[str, Any]:
    """What `AWS::…` names stand for in a stack."""
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::Region": REGION,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": stack_name,
        "AWS::StackId": stack_id,
        "AWS::NotificationARNs": [],
        "AWS::NoValue": NO_VALUE,
    }


class Values:
    """Resolves values of one template against its sources."""

    def __init__(self, template: Json, sources: Sources) -> None:
        self._sources = sources
        self._conditions: Json = template.get("Conditions", {})
        self._mappings: Json = template.get("Mappings", {})
        self._functions: Mapping[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda argument: argument[0].join(str(part) for part in self.resolve(argument[1])),
            "Fn::Split": lambda argument: str(self.resolve(argument[1])).split(argument[0]),
            "Fn::Select": lambda argument: self.resolve(argument[1])[int(self.resolve(argument[0]))],
            "Fn::If": lambda argument: self.resolve(argument[1 if self.condition(argument[0]) else 2]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::ImportValue": self._import,
            "Fn::Base64": lambda argument: base64.b64encode(str(self.resolve(argument)).encode()).decode(),
            "Fn::GetAZs": lambda _argument: [f"{REGION}{zone}" for zone in "abc"],
            "Fn::ToJsonString": lambda argument: json.dumps(self.resolve(argument), separators=(",", ":")),
            "Fn::Equals": lambda argument: self.resolve(argument[0]) == self.resolve(argument[1]),
            "Fn::Not": lambda argument: not self.resolve(argument[0]),
            "Fn::And": lambda argument: all(self.resolve(part) for part in argument),
            "Fn::Or": lambda argument: any(self.resolve(part) for part in argument),
        }

    def resolve(self, value: Any) -> Any:
        """Resolve everything inside a value; members that are AWS::NoValue disappear.

        Raises:
            ValidationError: A reference to nothing.
            NotSimulatedError: A function or a dynamic reference that is not carried out.
        """
        if isinstance(value, list):
            return [found for item in value if (found := self.resolve(item)) is not NO_VALUE]
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, str) and "{{resolve:" in value:
            raise NotSimulatedError(f"the dynamic reference {value!r}")
        return value

    def condition(self, name: str) -> bool:
        """Evaluate a named condition."""
        if name not in self._conditions:
            raise ValidationError(f"Template validation error: the condition {name!r} is not defined.")
        return bool(self.resolve(self._conditions[name]))

    def _object(self, value: Json) -> Any:
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in self._functions and not (name == "Condition" and isinstance(argument, dict)):
                return self._functions[name](argument)
            if name.startswith("Fn::"):
                raise NotSimulatedError(f"the intrinsic function {name}")
        resolved = {name: self.resolve(item) for name, item in value.items()}
        return {name: item for name, item in resolved.items() if item is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        for source in (self._sources.pseudo, self._sources.parameters):
            if name in source:
                return source[name]
        found = self._sources.physical_id(name)
        if found is None:
            raise ValidationError(f"Template format error: Unresolved resource dependencies [{name}].")
        return found

    def _get_att(self, argument: Any) -> Any:
        resource, attribute = (
            argument.split(".", 1) if isinstance(argument, str) else (argument[0], self.resolve(argument[1]))
        )
        return self._sources.attribute(resource, attribute)

    def _sub(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else (argument[0], self.resolve(argument[1]))

        def value_of(name: str) -> Any:
            if name in own:
                return own[name]
            return self._get_att(name) if "." in name else self._ref(name)

        return substitute(text, value_of)

    def _find_in_map(self, argument: list[Any]) -> Any:
        name, first, second = (self.resolve(part) for part in argument[:3])
        try:
            return self._mappings[name][first][second]
        except KeyError as error:
            raise ValidationError(f"Template error: no mapping for {name} {first} {second}.") from error

    def _import(self, argument: Any) -> str:
        name = self.resolve(argument)
        exports = self._sources.exports()
        if name not in exports:
            raise ValidationError(f"No export named {name} found.")
        return exports[name]
