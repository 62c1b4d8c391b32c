"""The JSONPath of batch transform filters: members, indexes, slices and wildcards, with negative indexes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from local_cloud.sagemaker.errors import JobFailedError, invalid

_PART = re.compile(r"\.?\[\s*([^\]]+?)\s*\]|\.(\*)|\.([A-Za-z_][\w-]*)")
_NAMES = re.compile(r"""('[^']+'|"[^"]+")(\s*,\s*('[^']+'|"[^"]+"))*""")
_NAME = re.compile(r"""'([^']+)'|"([^"]+)\"""")
_INDEXES = re.compile(r"-?\d+(\s*,\s*-?\d+)*")
_SLICE = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?")
_Pick = Callable[[Any], Any]


class JsonPath:
    """A parsed path; `field` is the request's member it came from, for messages."""

    def __init__(self, text: str, field: str) -> None:
        self._text = text
        self._field = field
        self._picks = [_pick(part) or self._unreadable() for part in self._parts()]

    @property
    def whole(self) -> bool:
        """Whether the path selects everything."""
        return not self._picks

    def select(self, value: Any) -> Any:
        """What the path selects; raises `JobFailedError` when there is no such thing in a record."""
        for pick in self._picks:
            try:
                value = pick(value)
            except (KeyError, IndexError, TypeError) as problem:
                raise JobFailedError(
                    f"ClientError: {self._field} {self._text} selects nothing in a record ({problem})."
                ) from problem
        return value

    def _parts(self) -> list[re.Match[str]]:
        text = self._text.strip()
        if not text.startswith("$"):
            self._unreadable()
        parts, at = [], 1
        while at < len(text):
            part = _PART.match(text, at)
            if part is None:
                self._unreadable()
            else:
                parts.append(part)
                at = part.end()
        return parts

    def _unreadable(self) -> _Pick:
        raise invalid(
            f"{self._field} {self._text!r} cannot be read: it is $ followed by .name, .*, ['name', 'other'], [0, -1] "
            "or [1:3]."
        )


def _pick(part: re.Match[str]) -> _Pick | None:
    inside, wildcard, name = part.groups()
    if name:
        return _members([name])
    if wildcard or inside == "*":
        return lambda value: list(value.values()) if isinstance(value, dict) else list(value)
    if _NAMES.fullmatch(inside):
        return _members([single or double for single, double in _NAME.findall(inside)])
    if _INDEXES.fullmatch(inside):
        return _items([int(index) for index in inside.split(",")])
    cut = _SLICE.fullmatch(inside)
    if cut is None:
        return None
    start, end = (int(bound) if bound else None for bound in cut.groups())
    return lambda value: _listed(value)[start:end]


def _members(names: list[str]) -> _Pick:
    if len(names) == 1:
        return lambda value: value[names[0]]
    return lambda value: {name: value[name] for name in names}


def _items(indexes: list[int]) -> _Pick:
    if len(indexes) == 1:
        return lambda value: _listed(value)[indexes[0]]
    return lambda value: [_listed(value)[index] for index in indexes]


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} is not a list")
    return value
