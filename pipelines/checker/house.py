"""Our own rules: what the service would accept and we would regret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pipelines.checker.document import BRANCHES, Document, Step, as_mapping
from pipelines.checker.problems import Problem
from pipelines.checker.properties import output_names
from pipelines.placeholders import Placeholder, unknown_placeholders

TIMED_TYPES: Final = ("Processing", "Training", "Tuning")  # a transform job has no maximum run time


def check_house_rules(document: Document) -> Iterator[Problem]:
    """Every job ends some day, placeholders are known, and no output's prefix contains another output."""
    for step in document.steps:
        yield from _run_time(step)
        yield from _prefixes(step)
        own = {key: value for key, value in step.arguments.items() if key not in BRANCHES}
        yield from _placeholders({**step.body, "Arguments": own}, step.path)
    yield from _placeholders(dict(document.parameters), "Parameters")


def _run_time(step: Step) -> Iterator[Problem]:
    stopping = as_mapping(step.arguments.get("StoppingCondition"))
    if step.type == "Tuning":
        stopping = as_mapping(as_mapping(step.arguments.get("TrainingJobDefinition")).get("StoppingCondition"))
    if step.type in TIMED_TYPES and "MaxRuntimeInSeconds" not in stopping:
        path = f"{step.path}.Arguments.StoppingCondition.MaxRuntimeInSeconds"
        yield Problem(path, "is missing: a job that hangs would run, and cost, for days")


def _prefixes(step: Step) -> Iterator[Problem]:
    names = output_names(step)
    for name in names:
        for other in names:
            if other != name and other.startswith(name):
                wrong = f"reading output {name!r} as an S3 prefix would read {other!r} too; rename one"
                yield Problem(f"{step.path}.Arguments.ProcessingOutputConfig", wrong)


def _placeholders(value: object, path: str) -> Iterator[Problem]:
    if isinstance(value, str):
        known = ", ".join(placeholder.text for placeholder in Placeholder)
        for name in unknown_placeholders(value):
            yield Problem(path, f"nobody fills in ${{{name}}}; known are {known}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _placeholders(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _placeholders(item, f"{path}[{index}]")
