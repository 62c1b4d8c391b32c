"""The order of steps: dependencies that exist, no cycle, nothing outside a branch that waits for its inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pipelines.checker.document import BRANCHES, Document, Step, as_list, as_mapping
from pipelines.checker.problems import Problem
from pipelines.checker.references import steps_read

TRIGGERS: Final = ("Completed", "Failed", "Stopped", "Any")


def edges(document: Document) -> dict[str, set[str]]:
    """Names of the steps that each step waits for, by `DependsOn`, by reference, or because it lies in a branch."""
    return {step.name: _waits_for(step) & set(document.by_name) for step in document.steps}


def check_graph(document: Document) -> Iterator[Problem]:
    """Targets of `DependsOn`, cycles, and references into the branch of a condition from outside."""
    for step in document.steps:
        yield from _targets(step, document)
    cycle = _cycle(edges(document))
    if cycle:
        yield Problem(f"Steps.{cycle[0]}", f"waits for itself: {' -> '.join(cycle)}")


def _waits_for(step: Step) -> set[str]:
    named = {_target(item) for item in as_list(step.body.get("DependsOn"))}
    enclosing = {step.branch.partition(".")[0]} if step.branch else set()
    return {name for name in named if name} | _reads(step) | enclosing


def _reads(step: Step) -> set[str]:
    # a condition's branches are steps of their own
    return steps_read({key: value for key, value in step.arguments.items() if key not in BRANCHES})


def _target(item: object) -> str:
    name = as_mapping(item).get("Step", "") if isinstance(item, Mapping) else item
    return name if isinstance(name, str) else ""


def _targets(step: Step, document: Document) -> Iterator[Problem]:
    for index, item in enumerate(as_list(step.body.get("DependsOn"))):
        path, name = f"{step.path}.DependsOn[{index}]", _target(item)
        if name not in document.by_name:
            yield Problem(path, f"there is no step {name!r}")
        if isinstance(item, Mapping) and item.get("Trigger", "Completed") not in TRIGGERS:
            yield Problem(path, f"unknown trigger {item.get('Trigger')!r}; known are {', '.join(TRIGGERS)}")
    for name in sorted(_waits_for(step) & set(document.by_name)):
        other = document.by_name[name]
        if other.branch and other.branch != step.branch:
            yield Problem(step.path, f"waits for {name}, which runs only in the branch {other.branch}")


def _cycle(waits: Mapping[str, set[str]]) -> list[str]:
    """Names along the first cycle found, first and last the same; empty if there is none."""
    done: set[str] = set()
    for start in waits:
        found = _search(start, waits, done, [])
        if found:
            return found
    return []


def _search(name: str, waits: Mapping[str, set[str]], done: set[str], trail: list[str]) -> list[str]:
    if name in trail:
        return [*trail[trail.index(name) :], name]
    if name in done:
        return []
    for other in sorted(waits.get(name, ())):
        found = _search(other, waits, done, [*trail, name])
        if found:
            return found
    done.add(name)
    return []
