"""Condition steps: operators, operands, branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipelines.checker.document import BRANCHES, Document, Step, as_list, as_mapping
from pipelines.checker.problems import Problem
from pipelines.checker.references import is_variable, resolve
from pipelines.checker.service import Kind, fits, kind_of_literal

COMPARISONS: Final = ("Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(COMPARISONS, ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}


def check_conditions(document: Document) -> Iterator[Problem]:
    """Every condition step."""
    for step in document.steps:
        if step.type != "Condition":
            continue
        path = f"{step.path}.Arguments"
        yield from _frame(step, path)
        for index, condition in enumerate(as_list(step.arguments.get("Conditions"))):
            yield from _condition(condition, document, f"{path}.Conditions[{index}]")


def _frame(step: Step, path: str) -> Iterator[Problem]:
    if step.branch:
        yield Problem(step.path, f"lies inside the condition {step.branch}; conditions cannot be nested")
    if not as_list(step.arguments.get("Conditions")):
        yield Problem(f"{path}.Conditions", "must be a list that is not empty")
    if not any(as_list(step.arguments.get(branch)) for branch in BRANCHES):
        yield Problem(path, "both branches are empty")
    for key, value in step.arguments.items():
        if key not in ("Conditions", *BRANCHES):
            yield Problem(f"{path}.{key}", "unknown argument of a condition step")
        elif not isinstance(value, list):
            yield Problem(f"{path}.{key}", f"must be a list, not {value!r}")


def _condition(raw: object, document: Document, path: str) -> Iterator[Problem]:
    condition = as_mapping(raw)
    operator = condition.get("Type")
    if not isinstance(operator, str) or operator not in MEMBERS:
        yield Problem(path, f"unknown condition {operator!r}; known are {', '.join(MEMBERS)}")
    elif set(condition) != {"Type", *MEMBERS[operator]}:
        yield Problem(path, f"{operator} has exactly {', '.join(MEMBERS[operator])}")
    elif operator == "Not":
        yield from _condition(condition["Condition"], document, f"{path}.Condition")
    elif operator == "Or":
        for index, inner in enumerate(as_list(condition["Conditions"])):
            yield from _condition(inner, document, f"{path}.Conditions[{index}]")
    else:
        yield from _operands(condition, document, path)


def _operands(condition: Mapping[str, Any], document: Document, path: str) -> Iterator[Problem]:
    if condition["Type"] == "In":
        operands = {"QueryValue": condition["QueryValue"]}
        operands |= {f"Values[{i}]": value for i, value in enumerate(as_list(condition["Values"]))}
    else:
        operands = {side: condition[side] for side in ("LeftValue", "RightValue")}
    kinds: list[Kind] = []
    for name, value in operands.items():
        kind, problems = _operand(value, document, f"{path}.{name}")
        yield from problems
        kinds += [kind] if kind else []
    for kind in kinds[1:]:
        if not fits(kind, kinds[0]) and not fits(kinds[0], kind):
            yield Problem(path, f"a {kinds[0]} is compared with a {kind}")


def _operand(value: Any, document: Document, path: str) -> tuple[Kind | None, list[Problem]]:
    if is_variable(value):
        resolved = resolve(value, document, path)
        return resolved.kind, resolved.problems
    kind = kind_of_literal(value)
    return kind, [] if kind else [Problem(path, f"{value!r} cannot be compared")]
