"""Ranges of hyperparameters: read from the request, checked, and how a value is drawn from each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from local_cloud.sagemaker.errors import invalid
from local_cloud.wire import Json

_WIDE = 1000  # Auto: a range over three orders of magnitude is searched by its logarithm
_LINEAR, _LOGARITHMIC, _REVERSE = "Linear", "Logarithmic", "ReverseLogarithmic"


class Draw(Protocol):
    """The draws of one trial, as optuna's trials offer them."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int:
        """Draw an integer, both ends included."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Draw a number, both ends included."""
        ...

    def suggest_categorical(self, name: str, choices: list[str]) -> str:
        """Draw one of some texts."""
        ...


@dataclass(frozen=True, slots=True)
class Range:
    """One hyperparameter to tune; `draw` answers its value as the text a training job gets."""

    name: str
    draw: Callable[[Draw], str]
    values: tuple[str, ...] | None = None  #: those of a categorical range


def read_ranges(given: Json) -> list[Range]:
    """Read ParameterRanges; raises `ValidationException` for a range that cannot be searched."""
    found = [
        *(_integer(item) for item in given.get("IntegerParameterRanges", [])),
        *(_continuous(item) for item in given.get("ContinuousParameterRanges", [])),
        *(_categorical(item) for item in given.get("CategoricalParameterRanges", [])),
    ]
    names = [item.name for item in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise invalid(f"ParameterRanges: the hyperparameter {name} has several ranges.")
    if not found:
        raise invalid("HyperParameterTuningJobConfig.ParameterRanges must name at least one hyperparameter.")
    return found


def _integer(item: Json) -> Range:
    low, high = (int(bound) for bound in _bounds(item, whole=True))
    scaling = _scaling(item, low, high)
    if scaling == _REVERSE:
        raise invalid(f"ParameterRanges: {item['Name']}: ReverseLogarithmic is for continuous ranges only.")
    return Range(item["Name"], lambda d: str(d.suggest_int(item["Name"], low, high, log=scaling == _LOGARITHMIC)))


def _continuous(item: Json) -> Range:
    low, high = _bounds(item, whole=False)
    scaling = _scaling(item, low, high)
    name = item["Name"]
    if scaling == _REVERSE:
        return Range(name, lambda d: repr(1.0 - d.suggest_float(name, 1.0 - high, 1.0 - low, log=True)))
    return Range(name, lambda d: repr(d.suggest_float(name, low, high, log=scaling == _LOGARITHMIC)))


def _categorical(item: Json) -> Range:
    values = item["Values"]
    if len(set(values)) != len(values):
        raise invalid(f"ParameterRanges: {item['Name']} names a value twice.")
    return Range(item["Name"], lambda d: d.suggest_categorical(item["Name"], values), tuple(values))


def _bounds(item: Json, *, whole: bool) -> tuple[float, float]:
    try:
        low, high = (float(item[name]) for name in ("MinValue", "MaxValue"))
    except ValueError:
        raise _wrong(item, "MinValue and MaxValue must be numbers") from None
    for problem in _bound_problems(low, high, whole):
        raise _wrong(item, problem)
    return low, high


def _bound_problems(low: float, high: float, whole: bool) -> Iterator[str]:
    if not (math.isfinite(low) and math.isfinite(high)):
        yield "MinValue and MaxValue must be finite"
    elif whole and not (low.is_integer() and high.is_integer()):
        yield "MinValue and MaxValue must be integers"
    elif low >= high:
        yield "MaxValue must be greater than MinValue"


def _scaling(item: Json, low: float, high: float) -> str:
    """Scale to search by; Auto takes the logarithm of wide positive ranges."""
    asked = str(item.get("ScalingType", "Auto"))
    if asked == _LOGARITHMIC and low <= 0:
        raise _wrong(item, "Logarithmic needs a MinValue above 0")
    if asked == _REVERSE and not (low >= 0 and high < 1):
        raise _wrong(item, "ReverseLogarithmic needs 0 <= MinValue and MaxValue < 1")
    if asked == "Auto":
        return _LOGARITHMIC if low > 0 and high / low >= _WIDE else _LINEAR
    return asked


def _wrong(item: Json, problem: str) -> Exception:
    return invalid(f"ParameterRanges: {item['Name']}: {problem} ({item['MinValue']} to {item['MaxValue']}).")
