"""Properties of a step: members of its Describe* response, declared processing outputs, declared Lambda outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from botocore.model import ListShape, MapShape, Shape, StructureShape

from pipelines.checker.document import Step, as_list, as_mapping
from pipelines.checker.service import ANSWERED, OPERATIONS, SHAPE_KINDS, VARIABLE_KINDS, Kind, output_shape

PART: Final = re.compile(r"\.?(?:\['([^']+)'\]|\[(\d+)\]|([^.\[\]]+))")
ANSWER: Final = re.compile(r"OutputParameters\['([^']+)'\]")


def output_names(step: Step) -> list[str]:
    """Names of a processing step's outputs."""
    outputs = as_list(as_mapping(step.arguments.get("ProcessingOutputConfig")).get("Outputs"))
    return [name for output in outputs if isinstance(name := as_mapping(output).get("OutputName"), str)]


def property_kind(step: Step, path: str) -> tuple[Kind | None, str]:
    """Kind of the property `path` of `step`, and what is wrong with it (empty if nothing is)."""
    if step.type in OPERATIONS:
        return _described(step, path)
    if step.type in ANSWERED:
        return _answer(step, path)
    if step.type == "Condition" and path == "Outcome":
        return Kind.BOOLEAN, ""
    return None, f"a {step.type} step has no property {path!r}"


def _answer(step: Step, path: str) -> tuple[Kind | None, str]:
    match = ANSWER.fullmatch(path)
    for output in map(as_mapping, as_list(step.body.get("OutputParameters"))):
        if match and output.get("OutputName") == match[1]:
            return VARIABLE_KINDS.get(str(output.get("OutputType"))), ""
    return None, f"step {step.name} declares no output {path!r}"


def _described(step: Step, path: str) -> tuple[Kind | None, str]:
    describe = OPERATIONS[step.type].describe
    parts = list(_parts(path))
    shape: Shape = output_shape(step.type, parts[0] if parts else "")
    for part in parts:
        inner = _member(shape, part)
        if inner is None:
            return None, f"{describe} has no {path!r} (at {part!r})"
        if shape.name == "ProcessingOutputs" and part not in output_names(step):
            return None, f"step {step.name} has no output {part!r}; it has {', '.join(output_names(step))}"
        shape = inner
    if shape.type_name not in SHAPE_KINDS:
        return None, f"{path!r} of {describe} is a {shape.type_name}, not a single value"
    return SHAPE_KINDS[shape.type_name], ""


def _member(shape: Shape, part: str) -> Shape | None:
    if isinstance(shape, StructureShape):
        return shape.members.get(part)
    if isinstance(shape, ListShape):
        return shape.member
    return shape.value if isinstance(shape, MapShape) else None


def _parts(path: str) -> Iterator[str]:
    """`A.B['c'].D` gives A, B, c, D; the rest of a path that cannot be read is given whole, so that it is not found."""
    position = 0
    while position < len(path):
        match = PART.match(path, position)
        if match is None:
            yield path[position:]
            return
        yield next(group for group in match.groups() if group is not None)
        position = match.end()
