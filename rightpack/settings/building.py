"""Plain data into frozen dataclasses; every complaint names the key, and where it came from if that is known."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rightpack.errors import SettingsError

T = typing.TypeVar("T")


class _Refused(Exception):  # noqa: N818  # never leaves this module
    """A key or value that cannot be used: its dotted path and what is wrong."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(problem)
        self.path, self.problem = path, problem


def build(cls: type[T], raw: object, path: str = "", *, origin: Callable[[str], str] | None = None) -> T:
    """Make the dataclass `cls` from plain data; SettingsError names the key that is unknown, missing or mistyped.

    `origin` tells which file or flag a dotted path came from; the error then begins with it.
    """
    try:
        return _table(cls, raw, path)
    except _Refused as refused:
        source = origin(refused.path) if origin and refused.path else ""
        raise SettingsError(f"{source}: {refused.problem}" if source else refused.problem) from refused


def nearest(key: str, names: Sequence[str]) -> str:
    """A hint for whoever misspelt `key`: the most similar name, or all of them."""
    from difflib import get_close_matches  # a cold start must not wait for what only mistakes need

    close = get_close_matches(key, names, n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Known are: {', '.join(sorted(names))}."


def _table(cls: type[T], raw: object, path: str) -> T:
    if not isinstance(raw, Mapping):
        raise _Refused(path, f"{path or 'settings'} must be a table, not {raw!r}.")
    hints = _hints(cls)  # type: ignore[arg-type]  # classes are hashable
    for key in raw:
        if key not in hints:
            raise _Refused(_dotted(path, key), f"Unknown key {_dotted(path, key)!r}.{nearest(str(key), list(hints))}")
    values = {key: _convert(hints[key], value, _dotted(path, key)) for key, value in raw.items()}
    try:
        return cls(**values)
    except TypeError as error:
        raise _Refused(path, f"{path or 'settings'}: {error}") from error
    except SettingsError as error:
        raise _Refused(path, str(error)) from error


@functools.cache
def _hints(cls: type) -> Mapping[str, Any]:
    """Fields of a dataclass and their types; looking them up takes longer than all the rest."""
    found = typing.get_type_hints(cls)
    return {field.name: found[field.name] for field in dataclasses.fields(cls)}


def _dotted(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)


def _convert(hint: Any, value: object, path: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return None if value is None else _convert(arguments[0], value, path)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise _Refused(path, f"{path} must be a list, not {value!r}.")
        return tuple(_convert(arguments[0], item, _item(path, index, item)) for index, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _Refused(path, f"{path} must be a table, not {value!r}.")
        return {str(key): _convert(arguments[1], item, _dotted(path, key)) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return _table(hint, value, path)  # type: ignore[arg-type]
    return _scalar(hint, value, path)


def _item(path: str, index: int, item: object) -> str:
    """Path of a list's item; one that has a name is called by it, as in TOML, where such lists are tables by name."""
    name = item.get("name") if isinstance(item, Mapping) else None
    return _dotted(path, name) if isinstance(name, str) else f"{path}[{index}]"


def _scalar(hint: Any, value: object, path: str) -> Any:
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**1023:
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise _Refused(path, f"{path} must be {hint.__name__}, not {value!r}.")
    return value
