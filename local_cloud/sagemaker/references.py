"""Turns the variables of a definition (`Get`, `Std:Join`, `Std:JsonGet`) into values while an execution runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.sagemaker.definitions import Definition
from local_cloud.sagemaker.errors import StepFailedError
from local_cloud.sagemaker.parameters import as_text
from local_cloud.wire import AwsError, Json

_PART = re.compile(r"\['([^']+)'\]|\[(\d+)\]|([^.\[\]]+)")
_NAMES = ("OutputName", "InputName", "MetricName", "ChannelName", "Name")  # members a list is addressed by


@dataclass(frozen=True, slots=True)
class Scope:
    """What variables may refer to: parameters, `Execution.*`, results of finished steps, objects in S3."""

    definition: Definition
    parameters: Mapping[str, Any]
    variables: Callable[[], Mapping[str, str]]
    results: Mapping[str, Json]
    read: Callable[[str], bytes]

    def value(self, item: Any) -> Any:
        """Replace every variable inside a value; raises `StepFailedError` for one that has no value."""
        if isinstance(item, list):
            return [self.value(inner) for inner in item]
        if not isinstance(item, dict):
            return item
        if len(item) == 1:
            name, body = next(iter(item.items()))
            if name in _VARIABLES:
                return _VARIABLES[name](self, body)
        return {key: self.value(inner) for key, inner in item.items()}

    def get(self, reference: str) -> Any:
        """Value of a `Get`."""
        head, _, rest = reference.partition(".")
        if head == "Parameters":
            return self.parameters[rest]
        if head == "Execution":
            return self.variables()[rest]
        step, _, path = rest.partition(".")
        if step not in self.results:
            raise StepFailedError(f"The reference [{reference}] has no value: step [{step}] has not run.")
        return walk(self.results[step], path, f"[{reference}]")

    def join(self, body: Json) -> str:
        """Text of a `Std:Join`."""
        return str(body.get("On", "")).join(as_text(self.value(item)) for item in body["Values"])

    def json_get(self, body: Json) -> Any:
        """Value of a `Std:JsonGet`, read from the property file as it is in S3 now."""
        uri = self.value(body["S3Uri"]) if "S3Uri" in body else self._property_file(body["PropertyFile"])
        try:
            document = json.loads(self.read(uri))
        except AwsError as problem:
            raise StepFailedError(f"Std:JsonGet cannot read {uri}: {problem.message}") from problem
        except ValueError as problem:
            raise StepFailedError(f"Std:JsonGet: {uri} is not JSON: {problem}") from problem
        return walk(document, body["Path"], f"{body['Path']} of {uri}")

    def _property_file(self, reference: Any) -> str:
        path = reference["Get"] if isinstance(reference, dict) else str(reference)
        step, _, name = path.removeprefix("Steps.").partition(".PropertyFiles.")
        file = self.definition.property_file(step, name)
        output = f"Steps.{step}.ProcessingOutputConfig.Outputs['{file['OutputName']}'].S3Output.S3Uri"
        return f"{str(self.get(output)).rstrip('/')}/{file['FilePath']}"


_VARIABLES: dict[str, Callable[[Scope, Any], Any]] = {
    "Get": Scope.get,
    "Std:Join": Scope.join,
    "Std:JsonGet": Scope.json_get,
}


def walk(value: Any, path: str, what: str) -> Any:
    """Follow `a.b['name'][0]` into a value; lists are addressed by index or by the name of an item.

    Raises `StepFailedError` saying where the path (described by `what`) leaves the value.
    """
    for match in _PART.finditer(path):
        quoted, index, plain = match.groups()
        key = quoted or index or plain
        try:
            value = _member(value, key)
        except (KeyError, IndexError):
            raise StepFailedError(f"{what} has no value: nothing is called {key!r} there.") from None
    return value


def _member(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value[key]
    if not isinstance(value, list):
        raise KeyError(key)
    if key.isdigit():
        return value[int(key)]
    named = (item for item in value if isinstance(item, dict) and key in (item.get(name) for name in _NAMES))
    found = next(named, None)
    if found is None:
        raise KeyError(key)
    return found
