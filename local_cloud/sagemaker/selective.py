"""Selective execution: which steps run, and which lend what they answered in an earlier execution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_cloud.sagemaker.definitions import Definition
from local_cloud.sagemaker.errors import invalid
from local_cloud.sagemaker.execution import FINAL, Execution
from local_cloud.wire import Json

_SOURCE = "SourcePipelineExecutionArn"


def _selected(config: Json, definition: Definition) -> set[str]:
    """Names of the steps to run; raises `ValidationException` for unknown ones and for gaps between them."""
    names = {item["StepName"] for item in config["SelectedSteps"]}
    unknown = sorted(names - definition.steps.keys())
    if unknown:
        raise invalid(f"Selected steps [{', '.join(unknown)}] are not in the pipeline definition.")
    between = {
        name
        for name in definition.upstream(names) - names
        if definition.upstream({name}) & names  # it follows a selected step, and a selected step follows it
    }
    if between:
        missing = ", ".join(sorted(between))
        raise invalid(f"All steps in all paths between two selected steps must be selected, but [{missing}] are not.")
    return names


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a definition an execution holds; `lenders` take over their answers from the execution `before`."""

    definition: Definition
    lenders: frozenset[str] = frozenset()
    before: Execution | None = None

    def lend(self, execution: Execution) -> None:
        """Enter the steps of the earlier execution as done."""
        for name in self.definition.steps:
            run = self.before.run_of(name) if self.before and name in self.lenders else None
            if self.before and run:
                execution.reuse(self.definition.steps[name], run, self.before.started.arn)


def choose(config: Json | None, whole: Definition, find: Callable[[str], Execution], pipeline_arn: str) -> Selection:
    """Select the steps of a start: all of them, unless it is selective; nothing downstream or beside those runs."""
    if config is None:
        return Selection(whole)
    names = _selected(config, whole)
    lenders = frozenset(whole.upstream(names) - names)
    before = _source(config, lenders, find, pipeline_arn)
    return Selection(whole.only(names | lenders), lenders, before)


def _source(
    config: Json, lenders: frozenset[str], find: Callable[[str], Execution], pipeline_arn: str
) -> Execution | None:
    """Execution the unselected steps lend from; None when nothing is lent. Raises `ValidationException`."""
    arn = config.get(_SOURCE)
    if arn is None:
        if lenders:
            raise invalid(f"Invalid {_SOURCE}: null. The selected steps build on [{', '.join(sorted(lenders))}].")
        return None
    found = find(arn)
    if found.started.pipeline_arn != pipeline_arn:
        raise invalid(f"Invalid {_SOURCE}: {arn} is not an execution of {pipeline_arn}.")
    if found.status not in FINAL:
        raise invalid(f"Invalid {_SOURCE}: {arn} is still {found.status}.")
    missing = sorted(lenders - found.results().keys())
    if missing:
        raise invalid(f"Invalid {_SOURCE}: the steps [{', '.join(missing)}] did not succeed in {arn}.")
    return found
