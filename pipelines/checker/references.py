"""Pipeline variables: `Get`, `Std:Join` and `Std:JsonGet`; what they point at and what kind of value they give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipelines.checker.document import Document, as_list, as_mapping
from pipelines.checker.problems import Problem
from pipelines.checker.properties import property_kind
from pipelines.checker.service import VARIABLE_KINDS, Kind

FUNCTIONS: Final = ("Get", "Std:Join", "Std:JsonGet")
EXECUTION_VARIABLES: Final = (
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "StartDateTime",
)
PROPERTY_FILE: Final = re.compile(r"Steps\.([^.]+)\.PropertyFiles\.(.+)")


@dataclass(slots=True)
class Resolved:
    """Kind of a variable (None when only the run can tell), and what is wrong with it."""

    kind: Kind | None = None
    problems: list[Problem] = field(default_factory=list)


def is_variable(value: object) -> bool:
    """Whether `value` is evaluated by the service rather than taken as it is."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    key = next(iter(value))
    return isinstance(key, str) and (key in FUNCTIONS or key.startswith("Std:"))


def gets(value: object) -> Iterator[str]:
    """Every text behind a `Get` anywhere inside `value`."""
    if is_variable(value) and isinstance(as_mapping(value).get("Get"), str):
        yield as_mapping(value)["Get"]
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from gets(item)
    elif isinstance(value, list):
        for item in value:
            yield from gets(item)


def steps_read(value: object) -> set[str]:
    """Names of the steps that `value` refers to."""
    return {get.split(".")[1] for get in gets(value) if get.startswith("Steps.")}


def resolve(value: Mapping[str, Any], document: Document, path: str) -> Resolved:
    """Follow the variable `value` that stands at `path`."""
    function, body = next(iter(value.items()))
    if function == "Get":
        return _get(body, document, path)
    if function == "Std:Join":
        return _join(body, document, path)
    if function == "Std:JsonGet":
        return Resolved(problems=list(_json_get(body, document, path)))
    return Resolved(problems=[Problem(path, f"unknown function {function!r}; known are {', '.join(FUNCTIONS)}")])


def _get(reference: object, document: Document, path: str) -> Resolved:
    head, _, rest = reference.partition(".") if isinstance(reference, str) else ("", "", "")
    if head == "Parameters":
        return _parameter(rest, document, path)
    if head == "Execution":
        known = rest in EXECUTION_VARIABLES
        wrong = f"there is no execution variable {rest!r}; known are {', '.join(EXECUTION_VARIABLES)}"
        return Resolved(Kind.STRING, [] if known else [Problem(path, wrong)])
    if head == "Steps":
        return _property(rest, document, path)
    return Resolved(problems=[Problem(path, f"cannot read the reference {reference!r}")])


def _parameter(name: str, document: Document, path: str) -> Resolved:
    if name not in document.parameters:
        return Resolved(problems=[Problem(path, f"there is no parameter {name!r}")])
    return Resolved(VARIABLE_KINDS[document.parameters[name]["Type"]])


def _property(rest: str, document: Document, path: str) -> Resolved:
    name, _, inner = rest.partition(".")
    step = document.by_name.get(name)
    if step is None:
        return Resolved(problems=[Problem(path, f"there is no step {name!r}")])
    kind, wrong = property_kind(step, inner)
    return Resolved(kind, [Problem(path, wrong)] if wrong else [])


def _join(raw: object, document: Document, path: str) -> Resolved:
    body = as_mapping(raw)
    resolved = Resolved(Kind.STRING)
    if set(body) != {"On", "Values"} or not isinstance(body.get("On"), str) or not as_list(body.get("Values")):
        resolved.problems.append(Problem(path, "Std:Join needs On, a text, and Values, a list that is not empty"))
    for index, value in enumerate(as_list(body.get("Values"))):
        where = f"{path}.Values[{index}]"
        if is_variable(value):
            resolved.problems += resolve(value, document, where).problems
        elif isinstance(value, (Mapping, list)) or value is None:
            resolved.problems.append(Problem(where, f"{value!r} cannot be joined"))
    return resolved


def _json_get(raw: object, document: Document, path: str) -> Iterator[Problem]:
    body = as_mapping(raw)
    if not isinstance(body.get("Path"), str) or not body.get("Path"):
        yield Problem(path, "the Path of Std:JsonGet must be a literal text")
    file = as_mapping(body.get("PropertyFile")).get("Get")
    match = PROPERTY_FILE.fullmatch(file) if isinstance(file, str) else None
    if match is None:
        yield Problem(path, f"Std:JsonGet must name a property file, not {body.get('PropertyFile')!r}")
    elif match[1] not in document.by_name:
        yield Problem(path, f"there is no step {match[1]!r}")
    else:
        declared = as_list(document.by_name[match[1]].body.get("PropertyFiles"))
        if match[2] not in [as_mapping(item).get("PropertyFileName") for item in declared]:
            yield Problem(path, f"step {match[1]} declares no property file {match[2]!r}")
