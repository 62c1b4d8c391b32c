"""A pipeline definition, parsed and checked: parameters, steps with their branch, and what each step waits for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from local_cloud.sagemaker.caching import duration
from local_cloud.sagemaker.checks import CHECK_TYPES, check_declaration
from local_cloud.sagemaker.conditions import check_conditions
from local_cloud.sagemaker.errors import invalid
from local_cloud.sagemaker.outputs import check_outputs
from local_cloud.sagemaker.parameters import check_declared
from local_cloud.sagemaker.retries import check_policies
from local_cloud.wire import Json, NotSimulatedError

STEP_TYPES = frozenset(
    {
        "Callback",
        "ClarifyCheck",
        "Condition",
        "Fail",
        "Lambda",
        "Model",
        "Processing",
        "QualityCheck",
        "RegisterModel",
        "Training",
        "Transform",
        "Tuning",
    }
)
COMPLETED = "Completed"
_TRIGGERS = frozenset({COMPLETED, "Failed", "Stopped", "Any"})
_REQUIRED = {"Lambda": "a FunctionArn", "Callback": "an SqsQueueUrl"}
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
    """One step; `needs` are the steps that must succeed first: named, referred to, and the condition around it.

    `triggers` are steps it waits for to end otherwise: `Failed`, `Stopped` or `Any` by step.
    """

    name: str
    type: str
    body: Json
    needs: frozenset[str]
    branch: Branch | None
    triggers: Mapping[str, str] = field(default_factory=dict)

    @property
    def upstream(self) -> frozenset[str]:
        """Every step this one waits for, whatever their end must be."""
        return self.needs | self.triggers.keys()

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

    def only(self, names: set[str]) -> Definition:
        """Definition of nothing but some of the steps, which must depend on no others."""
        return replace(self, steps={name: step for name, step in self.steps.items() if name in names})

    def upstream(self, names: set[str]) -> set[str]:
        """Every step the named ones wait for, directly or through others; the named ones that are among them too."""
        found: set[str] = set()
        front = set(names)
        while front:
            front = {needed for name in front for needed in self.steps[name].upstream} - found
            found |= front
        return found

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
        triggers = _triggers(step)
        needs = _needs(step, branch) - triggers.keys()
        steps[step["Name"]] = Step(step["Name"], step["Type"], step, needs, branch, triggers)
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
    _check_type(step, name, kind)
    if step.get("CacheConfig", {}).get("Enabled"):
        duration(step["CacheConfig"].get("ExpireAfter", ""))
    check_policies(name, kind, step.get("RetryPolicies", []))


def _check_type(step: Json, name: str, kind: str) -> None:
    if kind in _REQUIRED and _REQUIRED[kind].split()[-1] not in step:
        raise invalid(f"Step [{name}]: a {kind} step needs {_REQUIRED[kind]}.")
    if kind == "Condition":
        check_conditions(name, step.get("Arguments", {}).get("Conditions", []))
    if kind in CHECK_TYPES:
        check_declaration(step)
    check_outputs(name, step.get("OutputParameters"))


def _triggers(step: Json) -> dict[str, str]:
    """End that each step this one depends on must come to, where that is not success."""
    found: dict[str, str] = {}
    for item in step.get("DependsOn") or []:
        if not isinstance(item, dict):
            continue
        if item.get("Trigger") not in _TRIGGERS:
            known = ", ".join(sorted(_TRIGGERS))
            raise invalid(f"Step [{step['Name']}]: the Trigger {item.get('Trigger')!r} is not one of {known}.")
        if item["Trigger"] != COMPLETED:
            found[item["Step"]] = item["Trigger"]
    return found


def _needs(step: Json, branch: Branch | None) -> frozenset[str]:
    named = {item["Step"] if isinstance(item, dict) else item for item in step.get("DependsOn") or []}
    named |= {_step_of(get) for get in _references(step) if get.startswith("Steps.")}
    return frozenset(named | ({branch.condition} if branch else set()))


def _references(step: Json) -> Iterator[str]:
    """What a step refers to, in its arguments and in its other members; its branches refer for themselves."""
    arguments = {key: value for key, value in step.get("Arguments", {}).items() if key not in _BRANCHES}
    yield from gets({**step, "Arguments": arguments})


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
        for needed in sorted(step.upstream):
            if needed not in definition.steps:
                raise invalid(f"Step [{step.name}] depends on the unknown step [{needed}].")
            if definition.steps[needed].type == "Fail":
                raise invalid(f"{step.name} can not depends on {needed}: nothing follows a Fail step.")
        for reference in _references(step.body):
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
        ready = [name for name, step in waiting.items() if step.upstream <= done]
        if not ready:
            raise invalid(f"Steps depend on each other in a circle: {', '.join(sorted(waiting))}.")
        done.update(ready)
        for name in ready:
            del waiting[name]
