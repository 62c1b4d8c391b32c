"""Layers of settings: TOML files and assignments, laid one over another, each value knowing where it came from."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rightpack.errors import SettingsError

REMOVE: Final = "!remove"
DEFAULT: Final = "default"
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """Nested values and the file or flag that they came from."""

    source: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layered:
    """Layers laid over one another; `origins` names the layer of every value that is not a table."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)

    def origin(self, path: str) -> str:
        """Where the value at a dotted path came from; for a table every layer that says something of it."""
        key = tuple(part.partition("[")[0] for part in path.split("."))
        for length in range(len(key), 0, -1):
            if key[:length] in self.origins:
                return self.origins[key[:length]]
        below = [source for leaf, source in self.origins.items() if leaf[: len(key)] == key]
        return ", ".join(dict.fromkeys(below)) or DEFAULT


def read_toml(path: Path) -> dict[str, Any]:
    """Read one layer; SettingsError names the file."""
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path.name}: {error}") from error


def assignment(text: str) -> Layer:
    """The layer of `--set a.b.c=value`: the value as in TOML, where a plain word needs no quotes."""
    path, equals, value = text.partition("=")
    try:
        nested = tomllib.loads(f"{path} = {{}}") if equals and path.strip() else {}
    except tomllib.TOMLDecodeError:
        nested = {}
    if not nested:
        raise SettingsError(f"--set {text}: write it as section.key=value, e.g. --set training.seed=8.")
    return Layer(f"--set {text}", _filled(nested, _value(value.strip(), text)))


def _value(text: str, whole: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if text[:1] in {"[", "{", '"', "'"}:
            raise SettingsError(f"--set {whole}: {error}") from error
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _filled(nested: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """`nested`, whose innermost table is empty, with `value` in that place."""
    return {key: _filled(inner, value) if inner else value for key, inner in nested.items()}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key, anything else is replaced; `key = "!remove"` drops a key of an earlier layer."""
    return overlay([Layer("", base), Layer("", over)]).values


def overlay(layers: Iterable[Layer]) -> Layered:
    """Lay layers over one another, in order; later ones win."""
    laid = Layered()
    for layer in layers:
        _lay(laid, laid.values, layer, layer.values, ())
    return laid


def _lay(laid: Layered, into: dict[str, Any], layer: Layer, over: Mapping[str, Any], at: Key) -> None:
    for key, value in over.items():
        here = (*at, key)
        if isinstance(value, Mapping) and value:
            if not isinstance(into.get(key), dict):
                _forget(laid, here, if_in=into)
                into[key] = {}
            laid.origins.pop(here, None)
            _lay(laid, into[key], layer, value, here)
        elif value == REMOVE:
            _forget(laid, here, if_in=into)
            into.pop(key, None)
        elif not (isinstance(value, Mapping) and isinstance(into.get(key), dict)):
            _forget(laid, here, if_in=into)
            into[key] = {} if isinstance(value, Mapping) else value
            laid.origins[here] = layer.source


def _forget(laid: Layered, key: Key, *, if_in: Mapping[str, Any]) -> None:
    """Forget where `key`, and what is below it, came from; of what is not in its table nothing is known."""
    for known in [k for k in laid.origins if k[: len(key)] == key] if key[-1] in if_in else []:
        del laid.origins[known]


def combined(layers: Iterable[Layer]) -> dict[str, Any]:
    """Layers as one that does to any base what they do in order; removals are kept for that base."""
    whole: dict[str, Any] = {}
    for layer in layers:
        _combine(whole, layer.values)
    return whole


def _combine(into: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, Mapping):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            _combine(into[key], value)
        else:
            into[key] = value
