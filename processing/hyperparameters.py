"""Hyperparameters: what a tuning job, or whoever starts a training by hand, sets over the settings.

The platform hands them over as a JSON object of texts; what type each one has, the architecture's own defaults say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from rightpack.errors import SettingsError
from rightpack.settings.building import nearest

FILE: Final = "hyperparameters.json"
NOT_OURS: Final = ("_", "sagemaker_")  # names that the service, its tuning jobs and its SDK add
FLAGS: Final = {"true": True, "false": False}


def read(folder: Path) -> dict[str, str]:
    """Texts of `hyperparameters.json` in `folder`; none where there is no file. Hyphens in names are underscores."""
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        given = json.loads(path.read_text())
        texts = {str(name).replace("-", "_"): _text(value) for name, value in given.items()}
    except (ValueError, AttributeError) as error:
        raise SettingsError(f"{FILE} is no JSON object: {error}") from error
    return {name: text for name, text in texts.items() if not name.startswith(NOT_OURS)}


def _text(value: Any) -> str:
    return value.strip('"') if isinstance(value, str) else json.dumps(value)  # the SDK quotes what it sends


def typed(texts: Mapping[str, str], defaults: Mapping[str, Any] | None, owner: str) -> dict[str, Any]:
    """Values of the types that `defaults` have; without any, whatever JSON makes of a text.

    Raises:
        SettingsError: `owner` has no parameter of that name, or a text is not of its type.
    """
    if defaults is None:
        return {name: _guessed(text) for name, text in texts.items()}
    for name in texts:
        if name not in defaults:
            raise SettingsError(
                f"Hyperparameter {name!r} is not a parameter of {owner}.{nearest(name, sorted(defaults))}"
            )
    return {name: _value(name, text, type(defaults[name])) for name, text in texts.items()}


def _guessed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _value(name: str, text: str, kind: type) -> Any:
    reading: Mapping[type, Callable[[str], Any]] = {bool: FLAGS.__getitem__, int: _whole, float: _finite, str: str}
    try:
        value = reading.get(kind, json.loads)(text)
    except (ValueError, KeyError):
        value = None
    if not isinstance(value, kind):
        raise SettingsError(f"Hyperparameter {name!r} must be {kind.__name__}, not {text!r}.")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _whole(text: str) -> int:
    """Tuning jobs write some whole numbers with a point."""
    number = float(text)
    if not number.is_integer():
        raise ValueError(text)
    return int(number)
