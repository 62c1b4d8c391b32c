"""Which steps of an execution may start now, and which never will."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from local_cloud.sagemaker.definitions import Definition, Step
from local_cloud.wire import Json

_ENDS = {"Failed": {"Failed"}, "Stopped": {"Stopped"}, "Any": {"Succeeded", "Failed", "Stopped"}}


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the steps stand: `statuses` of those that began, `results` of those that succeeded.

    `halted` are failed steps whose job somebody stopped: they count as stopped, too.
    """

    statuses: Mapping[str, str]
    results: Mapping[str, Json]
    halted: Set[str] = frozenset()

    @property
    def broken(self) -> bool:
        """Whether a step failed or was stopped."""
        return any(status in ("Failed", "Stopped") for status in self.statuses.values())


def ready(definition: Definition, progress: Progress) -> list[str]:
    """Names of the steps whose turn it is, in the order of the definition.

    Once a step failed, only those are left that were drawn for it: with a trigger, or after a step with one.
    """
    skipped = never(definition, progress)
    return [
        name
        for name, step in definition.steps.items()
        if name not in progress.statuses
        and name not in skipped
        and step.needs <= set(progress.results)
        and all(_came_to(progress, needed, trigger) for needed, trigger in step.triggers.items())
        and (not progress.broken or is_aftermath(definition, step))
    ]


def never(definition: Definition, progress: Progress) -> set[str]:
    """Names of the steps that will not run: their branch was not taken, or what they wait for cannot come."""
    skipped: set[str] = set()
    grown = True
    while grown:
        found = {name for name, step in definition.steps.items() if _is_skipped(step, progress, skipped)}
        grown = found != skipped
        skipped = found
    return skipped


def is_aftermath(definition: Definition, step: Step) -> bool:
    """Whether a step has a trigger, or follows one that has."""
    return bool(step.triggers) or any(definition.steps[name].triggers for name in definition.upstream({step.name}))


def _came_to(progress: Progress, step: str, trigger: str) -> bool:
    return progress.statuses.get(step) in _ENDS[trigger] or (trigger == "Stopped" and step in progress.halted)


def _is_skipped(step: Step, progress: Progress, skipped: set[str]) -> bool:
    if step.upstream & skipped:
        return True
    if any(progress.statuses.get(name) in _ENDS["Any"] and name not in progress.results for name in step.needs):
        return True
    if any(
        progress.statuses.get(name) in _ENDS["Any"] and not _came_to(progress, name, trigger)
        for name, trigger in step.triggers.items()
    ):
        return True
    branch = step.branch
    decided = progress.results.get(branch.condition) if branch else None
    return branch is not None and decided is not None and decided["Outcome"] is not branch.outcome
