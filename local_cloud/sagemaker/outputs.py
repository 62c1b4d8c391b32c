"""Output parameters of Lambda and Callback steps: declared with a type, given as text or JSON, held typed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from local_cloud.sagemaker.errors import invalid
from local_cloud.sagemaker.parameters import as_text
from local_cloud.wire import Json

_TYPES = frozenset({"String", "Integer", "Float", "Boolean"})
_BOOLEANS = {"true": True, "false": False}
_MOST = 50
_LONGEST = 1024


def check_outputs(step: str, declared: list[Json] | None) -> None:
    """Refuse a declaration of outputs that could not be given; raises `ValidationException`."""
    names = [output.get("OutputName") for output in declared or []]
    if len(names) > _MOST or len(set(names)) < len(names) or not all(names):
        raise invalid(f"Step [{step}]: OutputParameters are at most {_MOST}, each with an OutputName of its own.")
    for output in declared or []:
        if output.get("OutputType") not in _TYPES:
            known = ", ".join(sorted(_TYPES))
            raise invalid(f"Step [{step}]: the OutputType of {output['OutputName']} is not one of {known}.")


def mismatch(declared: list[Json], given: Mapping[str, Any], *, closed: bool = False) -> str:
    """Say what of the given outputs does not fit the declaration; empty when all fit.

    `closed` also objects to outputs nobody declared: a function may return more, a callback may not.
    """
    missing = [output["OutputName"] for output in declared if output["OutputName"] not in given]
    if missing:
        return f"did not return the outputs {', '.join(missing)}."
    extra = sorted(given.keys() - {output["OutputName"] for output in declared})
    if closed and extra:
        return f"returned outputs that the step does not declare: {', '.join(extra)}."
    for output in declared:
        value = given[output["OutputName"]]
        try:
            _typed(output["OutputType"], value)
        except ValueError:
            return f"returned {value!r} as output {output['OutputName']}, which is not of type {output['OutputType']}."
    return ""


def typed(declared: list[Json], given: Mapping[str, Any]) -> Json:
    """Values of the declared outputs in their types; `mismatch` must be empty."""
    return {output["OutputName"]: _typed(output["OutputType"], given[output["OutputName"]]) for output in declared}


def listed(outputs: Mapping[str, Any]) -> list[Json]:
    """Outputs as the metadata of a step holds them: text, cut to what the service keeps."""
    return [{"Name": name, "Value": as_text(value)[:_LONGEST]} for name, value in outputs.items()]


def _typed(kind: str, value: Any) -> Any:
    """Read a value as a type; raises `ValueError`. Nested values become one JSON text, as on AWS."""
    text = json.dumps(value) if isinstance(value, dict | list) else as_text(value)
    if kind == "String":
        return text
    if kind == "Boolean":
        if text.lower() not in _BOOLEANS:
            raise ValueError(text)
        return _BOOLEANS[text.lower()]
    if kind == "Integer":
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
