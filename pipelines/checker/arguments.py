"""Walk a step's arguments and the service's input shape side by side."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from pipelines.checker.document import Document, Step, as_list, as_mapping
from pipelines.checker.problems import Problem
from pipelines.checker.references import is_variable, resolve
from pipelines.checker.service import OPERATIONS, SHAPE_KINDS, Kind, compiled, fits, input_shape, kind_of_literal
from pipelines.placeholders import to_stand_ins


def check_arguments(document: Document) -> Iterator[Problem]:
    """Members, types, enums, patterns and bounds of every step whose arguments are a service request."""
    for step in document.steps:
        if step.type in OPERATIONS:
            yield from _Walk(document, step).structure(step.arguments, input_shape(step.type), f"{step.path}.Arguments")


@dataclass(frozen=True, slots=True)
class _Walk:
    document: Document
    step: Step

    def value(self, value: Any, shape: Shape, path: str) -> Iterator[Problem]:
        if is_variable(value) and not isinstance(shape, StructureShape):
            yield from self.variable(value, shape, path)
        elif isinstance(shape, StructureShape):
            yield from self.structure(value, shape, path)
        elif isinstance(shape, ListShape):
            yield from self.list(value, shape, path)
        elif isinstance(shape, MapShape):
            yield from self.map(value, shape, path)
        else:
            yield from scalar(value, shape, path)

    def structure(self, value: Any, shape: Shape, path: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping) or not isinstance(shape, StructureShape):
            yield Problem(path, f"must be an object, not {value!r}")
            return
        operation = OPERATIONS[self.step.type]
        for name in shape.required_members:
            if name not in value and not (name == operation.named and path.endswith(".Arguments")):
                yield Problem(f"{path}.{name}", f"is missing; {operation.create} needs it")
        for name, item in value.items():
            if name in shape.members:
                yield from self.value(item, shape.members[name], f"{path}.{name}")
            else:
                close = difflib.get_close_matches(str(name), list(shape.members), n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                yield Problem(f"{path}.{name}", f"{operation.create} knows no such member{hint}")

    def list(self, value: Any, shape: ListShape, path: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(path, f"must be a list, not {value!r}")
            return
        yield from bounds(len(value), shape, path, "items")
        for index, item in enumerate(value):
            yield from self.value(item, shape.member, f"{path}[{index}]")

    def map(self, value: Any, shape: MapShape, path: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield Problem(path, f"must be an object, not {value!r}")
            return
        yield from bounds(len(value), shape, path, "entries")
        for key, item in value.items():
            yield from scalar(key, shape.key, f"{path}.{key}")
            yield from self.value(item, shape.value, f"{path}.{key}")

    def variable(self, value: Mapping[str, Any], shape: Shape, path: str) -> Iterator[Problem]:
        resolved = resolve(value, self.document, path)
        yield from resolved.problems
        wanted = SHAPE_KINDS.get(shape.type_name)
        if wanted is None:
            yield Problem(path, f"a pipeline variable cannot stand for a {shape.type_name}")
        elif resolved.kind is not None and not fits(resolved.kind, wanted):
            yield Problem(path, f"{value} gives {resolved.kind}, the argument wants {wanted}")
        else:
            yield from self.known_values(value, shape, path)

    def known_values(self, value: Mapping[str, Any], shape: Shape, path: str) -> Iterator[Problem]:
        """What can be said without running: a parameter's default, and the least length of a joined text."""
        name = str(value.get("Get", "")).removeprefix("Parameters.")
        parameter = self.document.parameters.get(name, {})
        if "DefaultValue" in parameter:
            for problem in scalar(parameter["DefaultValue"], shape, path):
                yield Problem(path, f"the default of parameter {name} does not fit: {problem.message}")
        if "Std:Join" in value:
            least = _least_length(as_mapping(value["Std:Join"]))
            yield from bounds(least, shape, path, "literal characters", below=False)


def _least_length(join: Mapping[str, Any]) -> int:
    values = as_list(join.get("Values"))
    literal = sum(len(str(value)) for value in values if not is_variable(value))
    return literal + len(str(join.get("On", ""))) * max(0, len(values) - 1)


def scalar(value: Any, shape: Shape, path: str) -> Iterator[Problem]:
    """Type, enum, pattern and bounds of a literal; `${...}` counts as its stand-in."""
    kind, wanted = kind_of_literal(value), SHAPE_KINDS.get(shape.type_name)
    if kind is None or wanted is None or not fits(kind, wanted):
        yield Problem(path, f"{value!r} is not of type {shape.type_name}")
    elif isinstance(value, str):
        yield from _text(to_stand_ins(value), shape, path)
    elif kind is not Kind.BOOLEAN:
        yield from bounds(value, shape, path, "")


def _text(value: str, shape: Shape, path: str) -> Iterator[Problem]:
    choices = shape.enum if isinstance(shape, StringShape) else []
    pattern = compiled(shape.metadata.get("pattern", ""))
    if choices and value not in choices:
        yield Problem(path, f"{value!r} is not one of the {len(choices)} values of {shape.name}")
    if "pattern" in shape.metadata and pattern and not pattern.fullmatch(value):
        yield Problem(path, f"{value!r} does not match {shape.metadata['pattern']}")
    yield from bounds(len(value), shape, path, "characters")


def bounds(size: float, shape: Shape, path: str, unit: str, *, below: bool = True) -> Iterator[Problem]:
    """Check `size` against the shape's minimum (if `below`) and maximum."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    counted = f"{size} {unit}".strip()
    if below and least is not None and size < least:
        yield Problem(path, f"{counted}: the minimum is {least}")
    if most is not None and size > most:
        yield Problem(path, f"{counted}: the maximum is {most}")
