"""The committed definitions as data, and ways to reach into them."""

from __future__ import annotations

import json
from typing import Any

from pipelines.render import DEFINITIONS

Json = dict[str, Any]
NAMES = ("training", "inference")  # what the stacks publish


def definition(name: str) -> Json:
    """A fresh copy of the committed definition `name`."""
    return json.loads((DEFINITIONS / f"{name}.json").read_text())


def steps(document: Json) -> dict[str, Json]:
    """All steps by name, those inside conditions included."""
    found: dict[str, Json] = {}
    waiting = list(document["Steps"])
    while waiting:
        step = waiting.pop(0)
        found[step["Name"]] = step
        if step["Type"] == "Condition":
            waiting += step["Arguments"]["IfSteps"] + step["Arguments"]["ElseSteps"]
    return found


def arguments(document: Json, step: str) -> Json:
    """The arguments of one step."""
    return steps(document)[step]["Arguments"]


def strings(value: Any) -> list[str]:
    """Every text inside `value`, keys included."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []
