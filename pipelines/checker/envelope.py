"""The fields around a step's arguments: which a step type has, and of which form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipelines.checker.document import Document, Step, as_list, as_mapping
from pipelines.checker.problems import Problem
from pipelines.checker.properties import output_names
from pipelines.checker.references import is_variable, resolve
from pipelines.checker.service import FREE_TYPES, OPERATIONS, VARIABLE_KINDS

FIELDS: Final[Mapping[str, type]] = {
    "Arguments": dict,
    "CacheConfig": dict,
    "DependsOn": list,
    "Description": str,
    "DisplayName": str,
    "Name": str,
    "OutputParameters": list,
    "PropertyFiles": list,
    "RetryPolicies": list,
    "SqsQueueUrl": str,
    "Type": str,
}
JSON_NAMES: Final[Mapping[type, str]] = {dict: "an object", list: "a list", str: "a text"}
COMMON: Final = ("Name", "Type", "Arguments", "DependsOn", "Description", "DisplayName")
EXTRA: Final[Mapping[str, tuple[str, ...]]] = {
    "Processing": ("RetryPolicies", "CacheConfig", "PropertyFiles"),
    "Training": ("RetryPolicies", "CacheConfig"),
    "Transform": ("RetryPolicies", "CacheConfig"),
    "Tuning": ("RetryPolicies", "CacheConfig"),
    "Model": ("RetryPolicies",),
    "RegisterModel": ("RetryPolicies",),
    "Lambda": ("FunctionArn", "OutputParameters"),
    "Callback": ("SqsQueueUrl", "OutputParameters"),
}
ASKED: Final[Mapping[str, str]] = {"Lambda": "FunctionArn", "Callback": "SqsQueueUrl"}  # who answers
PROPERTY_FILE_KEYS: Final = ("FilePath", "OutputName", "PropertyFileName")


def check_envelopes(document: Document) -> Iterator[Problem]:
    """Step types, fields, property files, and the arguments of steps that have no request behind them."""
    for step in document.steps:
        if step.type not in (*OPERATIONS, *FREE_TYPES):
            known = ", ".join((*OPERATIONS, *FREE_TYPES))
            yield Problem(step.path, f"steps of type {step.type!r} are not used here; known are {known}")
            continue
        yield from _fields(step)
        yield from _property_files(step)
        if step.type in ASKED:
            yield from _asked(step, document)
        if step.type == "Fail":
            yield from _fail(step, document)


def _fields(step: Step) -> Iterator[Problem]:
    allowed = (*COMMON, *EXTRA.get(step.type, ()))
    for key, value in step.body.items():
        wanted = FIELDS.get(key)
        if key not in allowed:
            yield Problem(f"{step.path}.{key}", f"does not apply to a {step.type} step")
        elif wanted is not None and not isinstance(value, wanted):
            yield Problem(f"{step.path}.{key}", f"must be {JSON_NAMES[wanted]}, not {value!r}")
    if "Arguments" not in step.body:
        yield Problem(f"{step.path}.Arguments", "is missing")


def _property_files(step: Step) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, raw in enumerate(as_list(step.body.get("PropertyFiles"))):
        path, file = f"{step.path}.PropertyFiles[{index}]", as_mapping(raw)
        if sorted(file) != list(PROPERTY_FILE_KEYS) or not all(isinstance(v, str) and v for v in file.values()):
            yield Problem(path, f"needs the texts {', '.join(PROPERTY_FILE_KEYS)} and nothing else")
            continue
        if file["OutputName"] not in output_names(step):
            known = ", ".join(output_names(step))
            yield Problem(path, f"there is no output {file['OutputName']!r}; known are {known}")
        if file["PropertyFileName"] in seen:
            yield Problem(path, f"two property files are called {file['PropertyFileName']!r}")
        seen.add(file["PropertyFileName"])


def _asked(step: Step, document: Document) -> Iterator[Problem]:
    if not step.body.get(ASKED[step.type]):
        yield Problem(f"{step.path}.{ASKED[step.type]}", "is missing")
    for key, value in step.arguments.items():
        yield from _primitive(value, document, f"{step.path}.Arguments.{key}")
    for index, raw in enumerate(as_list(step.body.get("OutputParameters"))):
        output = as_mapping(raw)
        if not isinstance(output.get("OutputName"), str) or output.get("OutputType") not in tuple(VARIABLE_KINDS):
            wrong = f"needs an OutputName and an OutputType of {', '.join(VARIABLE_KINDS)}"
            yield Problem(f"{step.path}.OutputParameters[{index}]", wrong)


def _fail(step: Step, document: Document) -> Iterator[Problem]:
    if set(step.arguments) != {"ErrorMessage"}:
        yield Problem(f"{step.path}.Arguments", "a Fail step has exactly one argument, ErrorMessage")
    for key, value in step.arguments.items():
        yield from _primitive(value, document, f"{step.path}.Arguments.{key}")


def _primitive(value: Any, document: Document, path: str) -> Iterator[Problem]:
    if is_variable(value):
        yield from resolve(value, document, path).problems
    elif isinstance(value, (Mapping, list)) or value is None:
        yield Problem(path, f"must be a text, a number or a boolean, not {value!r}")
