"""Which steps of an execution may start now, and which never will."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local_cloud.sagemaker.definitions import Definition, Step
from local_cloud.wire import Json


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the steps stand: `statuses` of those that began, `results` of those that succeeded."""

    statuses: Mapping[str, str]
    results: Mapping[str, Json]


def ready(definition: Definition, progress: Progress) -> list[str]:
    """Names of the steps whose turn it is, in the order of the definition."""
    skipped = never(definition, progress)
    return [
        name
        for name, step in definition.steps.items()
        if name not in progress.statuses and name not in skipped and step.needs <= set(progress.results)
    ]


def never(definition: Definition, progress: Progress) -> set[str]:
    """Names of the steps that will not run: their branch was not taken, or they wait for such a step."""
    skipped: set[str] = set()
    grown = True
    while grown:
        found = {name for name, step in definition.steps.items() if _is_skipped(step, progress, skipped)}
        grown = found != skipped
        skipped = found
    return skipped


def _is_skipped(step: Step, progress: Progress, skipped: set[str]) -> bool:
    if step.needs & skipped:
        return True
    branch = step.branch
    decided = progress.results.get(branch.condition) if branch else None
    return branch is not None and decided is not None and decided["Outcome"] is not branch.outcome
