"""A pipeline definition, parsed and checked: parameters, steps with their branch, and what each step waits for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.sagemaker.caching import duration
from local_cloud.sagemaker.errors import invalid
from local_cloud.sagemaker.parameters import check_declared
from local_cloud.sagemaker.retries import check_policies
from local_cloud.wire import Json, NotSimulatedError

STEP_TYPES = frozenset({"Processing", "Training", "Model", "Transform", "Condition", "RegisterModel", "Lambda", "Fail"})
_VERSION = "2020-12-01"
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_BRANCHES = {"IfSteps": True, "ElseSteps": False}
_EXECUTION_VARIABLES = frozenset(
    {"StartDateTime", "CurrentDateTime", "PipelineName", "PipelineArn", "PipelineExecutionId", "PipelineExecutionArn"}
)


@dataclass(frozen=True, slots=True)
class Branch:
    """The condition step a step depends on, and the outcome that lets it run."""

    condition: str
    outcome: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `needs` are the steps it waits for: named, referred to, and the condition around it."""

    name: str
    type: str
    body: Json
    needs: frozenset[str]
    branch: Branch | None

    @property
    def arguments(self) -> Json:
        """Arguments without the steps inside a condition's branches."""
        return {key: value for key, value in self.body.get("Arguments", {}).items() if key not in _BRANCHES}


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole definition. `text` is the JSON as it was given."""

    text: str
    parameters: list[Json]
    steps: Mapping[str, Step]

    def property_file(self, step: str, name: str) -> Json:
        """Declaration of a property file; raises `ValidationException` when the step has none of that name."""
        for file in self.steps[step].body.get("PropertyFiles", []) if step in self.steps else ():
            if file["PropertyFileName"] == name:
                return dict(file)
        raise invalid(f"Step [{step}] has no property file [{name}].")


def parse(text: str) -> Definition:
    """Read a definition; raises `ValidationException` for a wrong one, `NotSimulatedError` for what cannot run here."""
    body = _loaded(text)
    parameters = body.get("Parameters") or []
    check_declared(parameters)
    steps: dict[str, Step] = {}
    for step, branch in _walk(body["Steps"], None):
        _check_envelope(step)
        if step["Name"] in steps:
            raise invalid(f"Step names must be unique: {step['Name']}.")
        steps[step["Name"]] = Step(step["Name"], step["Type"], step, _needs(step, branch), branch)
    definition = Definition(text, parameters, steps)
    _check_links(definition)
    _check_cycles(definition)
    return definition


def _loaded(text: str) -> Json:
    try:
        body = json.loads(text)
    except ValueError as problem:
        raise invalid(f"The pipeline definition is not JSON: {problem}") from problem
    if not isinstance(body, dict) or body.get("Version") != _VERSION:
        raise invalid(f"The pipeline definition must be an object of Version {_VERSION}.")
    if not isinstance(body.get("Steps"), list) or not body["Steps"]:
        raise invalid("The pipeline definition has no Steps.")
    return body


def _walk(steps: list[Json], branch: Branch | None) -> Iterator[tuple[Json, Branch | None]]:
    for step in steps:
        yield step, branch
        if step.get("Type") != "Condition":
            continue
        if branch is not None:
            raise invalid(f"Step [{step.get('Name')}]: a condition step inside a condition step is not supported.")
        for key, outcome in _BRANCHES.items():
            yield from _walk(step.get("Arguments", {}).get(key) or [], Branch(step["Name"], outcome))


def _check_envelope(step: Json) -> None:
    name, kind = step.get("Name"), step.get("Type")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(f"{name!r} is not a step name: 1 to 64 letters, digits, hyphens and underscores.")
    if kind not in STEP_TYPES:
        known = ", ".join(sorted(STEP_TYPES))
        raise NotSimulatedError(f"steps of type {kind} (step {name}); it runs {known}")
    if kind == "Lambda" and "FunctionArn" not in step:
        raise invalid(f"Step [{name}]: a Lambda step needs a FunctionArn.")
    if any(isinstance(item, dict) for item in step.get("DependsOn", [])):
        raise NotSimulatedError(f"step dependencies with a trigger (step {name})")
    if step.get("CacheConfig", {}).get("Enabled"):
        duration(step["CacheConfig"].get("ExpireAfter", ""))
    check_policies(name, kind, step.get("RetryPolicies", []))


def _needs(step: Json, branch: Branch | None) -> frozenset[str]:
    arguments = {key: value for key, value in step.get("Arguments", {}).items() if key not in _BRANCHES}
    named = set(step.get("DependsOn", [])) | {_step_of(get) for get in gets(arguments) if get.startswith("Steps.")}
    return frozenset(named | ({branch.condition} if branch else set()))


def _step_of(reference: str) -> str:
    return reference.split(".")[1]


def gets(value: Any) -> Iterator[str]:
    """Find every `{"Get": ...}` in arguments, those of property files included."""
    if isinstance(value, dict):
        if set(value) == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
            return
        for item in value.values():
            yield from gets(item)
    elif isinstance(value, list):
        for item in value:
            yield from gets(item)


def _check_links(definition: Definition) -> None:
    names = {parameter["Name"] for parameter in definition.parameters}
    for step in definition.steps.values():
        for needed in sorted(step.needs):
            if needed not in definition.steps:
                raise invalid(f"Step [{step.name}] depends on the unknown step [{needed}].")
            if definition.steps[needed].type == "Fail":
                raise invalid(f"{step.name} can not depends on {needed}: nothing follows a Fail step.")
        for reference in gets(step.arguments):
            _check_reference(definition, step.name, reference, names)


def _check_reference(definition: Definition, step: str, reference: str, parameters: set[str]) -> None:
    head, _, rest = reference.partition(".")
    known = {"Parameters": parameters, "Execution": _EXECUTION_VARIABLES, "Steps": None}
    if head not in known:
        raise invalid(f"Step [{step}]: the reference [{reference}] cannot be read.")
    allowed = known[head]
    if allowed is not None and rest not in allowed:
        raise invalid(f"Step [{step}]: the reference [{reference}] points to nothing.")
    if head == "Steps" and ".PropertyFiles." in reference:
        definition.property_file(_step_of(reference), reference.split(".PropertyFiles.", 1)[1])


def _check_cycles(definition: Definition) -> None:
    done: set[str] = set()
    waiting = dict(definition.steps)
    while waiting:
        ready = [name for name, step in waiting.items() if step.needs <= done]
        if not ready:
            raise invalid(f"Steps depend on each other in a circle: {', '.join(sorted(waiting))}.")
        done.update(ready)
        for name in ready:
            del waiting[name]
