"""The operators of condition steps."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from local_cloud.sagemaker.errors import StepFailedError, invalid
from local_cloud.wire import Json

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


_MEMBERS = {"Not": ("Condition",), "Or": ("Conditions",), "In": ("QueryValue", "Values")}


def check_conditions(step: str, conditions: list[Json]) -> None:
    """Refuse conditions the service does not know; raises `ValidationException`. Those of a list are joined by and."""
    for condition in conditions:
        kind = condition.get("Type")
        if kind not in _COMPARE and kind not in _MEMBERS:
            known = ", ".join([*_COMPARE, *_MEMBERS])
            hint = "; the Conditions of a step are joined by and as they are" if kind == "And" else ""
            raise invalid(f"Step [{step}]: the condition type {kind!r} is not one of {known}{hint}.")
        missing = [name for name in _MEMBERS.get(kind, ("LeftValue", "RightValue")) if name not in condition]
        if missing:
            raise invalid(f"Step [{step}]: a condition of type {kind} needs {' and '.join(missing)}.")
        if kind in ("Not", "Or"):
            check_conditions(step, condition["Conditions"] if kind == "Or" else [condition["Condition"]])


def holds(condition: Json) -> bool:
    """Whether a condition with resolved values holds; raises `StepFailedError` for values that do not compare."""
    kind = condition["Type"]
    if kind == "Not":
        return not holds(condition["Condition"])
    if kind == "Or":
        outcomes = [holds(inner) for inner in condition["Conditions"]]  # all of them: each must at least be valid
        return any(outcomes)
    if kind == "In":
        return any(
            _same_kind(condition["QueryValue"], item) and condition["QueryValue"] == item
            for item in condition["Values"]
        )
    if kind not in _COMPARE:
        raise StepFailedError(f"Unknown condition type {kind!r}.")
    left, right = condition["LeftValue"], condition["RightValue"]
    if not _same_kind(left, right):
        raise StepFailedError(f"Cannot compare {left!r} with {right!r}: they are of different types.")
    return _COMPARE[kind](left, right)


def _same_kind(left: Any, right: Any) -> bool:
    return _kind(left) == _kind(right)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"
