"""Read a pipeline definition into parameters and steps, those inside conditions included."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipelines.checker.problems import Problem

VERSION: Final = "2020-12-01"
TOP_KEYS: Final = ("Version", "Metadata", "Parameters", "Steps")
PARAMETER_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}
NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9\-_]{1,64}")
MAX_PARAMETERS: Final = 200
BRANCHES: Final = ("IfSteps", "ElseSteps")


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `branch` names the condition and the branch it lies in, e.g. `Verdict.IfSteps`, or is empty."""

    name: str
    type: str
    body: Mapping[str, Any]
    branch: str = ""

    @property
    def path(self) -> str:
        """How problems name it; step names are unique in the whole definition."""
        return f"Steps.{self.name}"

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Its arguments; empty when they are not an object."""
        return as_mapping(self.body.get("Arguments"))


@dataclass(frozen=True, slots=True)
class Document:
    """A definition that can be walked: malformed parts are reported by `read` and left out."""

    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @property
    def by_name(self) -> dict[str, Step]:
        """Steps by name."""
        return {step.name: step for step in self.steps}


def as_mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is an object, else an empty one: another rule reports the wrong type."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[Any]:
    """`value` if it is a list, else an empty one: another rule reports the wrong type."""
    return value if isinstance(value, list) else []


def read(definition: Mapping[str, Any]) -> tuple[Document, list[Problem]]:
    """Read `definition`, together with what is wrong with its frame."""
    problems = [*_frame(definition), *_parameters(as_list(definition.get("Parameters")))]
    steps: list[Step] = []
    for item in _steps(as_list(definition.get("Steps")), "Steps", ""):
        (steps if isinstance(item, Step) else problems).append(item)  # type: ignore[arg-type]
    problems += _repeated("Steps", (step.name for step in steps))
    known = {p["Name"]: p for p in as_list(definition.get("Parameters")) if _is_parameter(p)}
    return Document(known, tuple({step.name: step for step in steps}.values())), problems


def _frame(definition: Mapping[str, Any]) -> Iterator[Problem]:
    if definition.get("Version") != VERSION:
        yield Problem("Version", f"must be {VERSION!r}")
    for key in definition:
        if key not in TOP_KEYS:
            yield Problem(str(key), f"is not used here; known are {', '.join(TOP_KEYS)}")
    if not as_list(definition.get("Steps")):
        yield Problem("Steps", "there is no step")


def _is_parameter(raw: object) -> bool:
    raw = as_mapping(raw)
    return isinstance(raw.get("Name"), str) and raw.get("Type") in tuple(PARAMETER_TYPES)


def _parameters(raw: list[Any]) -> Iterator[Problem]:
    if len(raw) > MAX_PARAMETERS:
        yield Problem("Parameters", f"{len(raw)} are more than {MAX_PARAMETERS}")
    for index, parameter in enumerate(raw):
        if _is_parameter(parameter):
            yield from _parameter(parameter)
        else:
            yield Problem(f"Parameters[{index}]", f"needs a Name and a Type of {', '.join(PARAMETER_TYPES)}")
    yield from _repeated("Parameters", (p["Name"] for p in raw if _is_parameter(p)))


def _parameter(raw: Mapping[str, Any]) -> Iterator[Problem]:
    path = f"Parameters.{raw['Name']}"
    if not NAME_PATTERN.fullmatch(raw["Name"]):
        yield Problem(path, f"is not a name: it must match {NAME_PATTERN.pattern}")
    for key in raw:
        if key not in ("Name", "Type", "DefaultValue", "EnumValues"):
            yield Problem(f"{path}.{key}", "unknown key of a parameter")
    default = [raw["DefaultValue"]] if "DefaultValue" in raw else []
    for value in [*default, *as_list(raw.get("EnumValues"))]:
        if not _has_type(value, raw["Type"]):
            yield Problem(path, f"{value!r} is not of type {raw['Type']}")
    if default and "EnumValues" in raw and default[0] not in as_list(raw["EnumValues"]):
        yield Problem(path, f"default {default[0]!r} is not one of its EnumValues")


def _has_type(value: object, name: str) -> bool:
    return isinstance(value, PARAMETER_TYPES[name]) and isinstance(value, bool) == (name == "Boolean")


def _steps(raw: list[Any], path: str, branch: str) -> Iterator[Step | Problem]:
    for index, body in enumerate(raw):
        where = f"{path}[{index}]"
        name, kind = as_mapping(body).get("Name"), as_mapping(body).get("Type")
        if not isinstance(name, str) or not isinstance(kind, str):
            yield Problem(where, "a step needs a Name and a Type")
            continue
        if not NAME_PATTERN.fullmatch(name):
            yield Problem(f"Steps.{name}", f"is not a step name: it must match {NAME_PATTERN.pattern}")
        step = Step(name, kind, body, branch)
        yield step
        for side in BRANCHES if kind == "Condition" else ():
            yield from _steps(as_list(step.arguments.get(side)), f"{step.path}.{side}", f"{name}.{side}")


def _repeated(path: str, names: Iterable[str]) -> Iterator[Problem]:
    for name, times in Counter(names).items():
        if times > 1:
            yield Problem(f"{path}.{name}", f"{times} have this name; it must be unique, inside conditions as well")
