"""Objects to bytes and back: pickle, with references to the running cloud and new locks in the place of old ones."""

from __future__ import annotations

import dis
import io
import marshal
import pickle
import sys
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from queue import SimpleQueue
from types import FunctionType
from typing import Any

from local_cloud.keeping import moto_state
from local_cloud.keeping.reading import Reading, part, under_way
from local_cloud.keeping.stored import ObjectFiles

Shapes = dict[str, list[str]]
_OURS = ("local_cloud.", "rightpack.")
_LOCKS = {type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock}


class Writer(pickle.Pickler):
    """Writes a state; `shapes` are then the attributes of our own classes in it."""

    def __init__(self, into: io.BytesIO, parts: Mapping[str, object], files: ObjectFiles) -> None:
        super().__init__(into, pickle.HIGHEST_PROTOCOL)
        self._parts = {id(found): name for name, found in parts.items()}
        self._special = moto_state.reducers(files)
        self._classes: set[type] = set()

    @property
    def shapes(self) -> Shapes:
        """Attributes by class."""
        return {f"{kind.__module__}:{kind.__qualname__}": shape(kind) for kind in self._classes}

    def reducer_override(self, found: Any) -> Any:
        """Say how to write an object that is no plain value."""
        if id(found) in self._parts:
            return part, (self._parts[id(found)],)
        kind = type(found)
        if kind.__module__.startswith(_OURS):
            self._classes.add(kind)
            return NotImplemented
        if kind in self._special:
            return self._special[kind](found)
        if kind in _LOCKS:
            return _LOCKS[kind], ()
        if kind is threading.Condition:
            return threading.Condition, (found._lock,)  # noqa: SLF001 - which of the two kinds it is
        if kind is threading.Event:
            return _event, (found.is_set(),)
        if kind is SimpleQueue:
            return SimpleQueue, ()
        if isinstance(found, defaultdict) and kind is not defaultdict:  # it would be made by calling its class
            return kind.__new__, (kind,), (found.default_factory, found.__dict__, dict(found)), None, None, _fill
        if kind is FunctionType and _is_factory(found):
            return _function, (marshal.dumps(found.__code__), found.__module__)
        return moto_state.backend_reference(found) or NotImplemented


def written(state: object, parts: Mapping[str, object], files: ObjectFiles) -> tuple[bytes, Shapes]:
    """A state as bytes, and the shapes of our own classes in it."""
    into = io.BytesIO()
    writer = Writer(into, parts, files)
    writer.dump(state)
    return into.getvalue(), writer.shapes


def read(payload: bytes, into: Reading) -> Any:
    """The state of bytes that this user wrote (see `folder`)."""
    with under_way(into):
        return pickle.loads(payload)  # noqa: S301 - from the user's own folder only, see folder.py


@cache
def shape(kind: type) -> list[str]:
    """Attributes that objects of a class have: another version of the class may have others."""
    if is_dataclass(kind):
        return sorted(field.name for field in fields(kind))
    made = vars(kind).get("__init__")
    code = dis.get_instructions(made) if made else ()
    return sorted({str(step.argval) for step in code if step.opname == "STORE_ATTR"})


def changed(shapes: Shapes) -> list[str]:
    """Classes that are no longer as they were."""
    return sorted(name for name, known in shapes.items() if _shape_of(name) != known)


def _shape_of(name: str) -> list[str] | None:
    module, _, path = name.partition(":")
    try:
        found: Any = __import__(module, fromlist=["_"])
        for member in path.split("."):
            found = getattr(found, member)
        return shape(found)
    except (ImportError, AttributeError):
        return None


def _is_factory(found: FunctionType) -> bool:
    """Whether it is one of moto's nameless makers of default values."""
    return found.__module__.startswith("moto.") and "<locals>" in found.__qualname__ and not found.__closure__


def _fill(made: defaultdict[Any, Any], state: tuple[Any, dict[str, Any], dict[Any, Any]]) -> None:
    made.default_factory = state[0]
    made.__dict__.update(state[1])
    dict.update(made, state[2])


def _function(code: bytes, module: str) -> FunctionType:
    return FunctionType(marshal.loads(code), vars(sys.modules[module]))  # noqa: S302 - as pickle, see folder.py


def _event(is_set: bool) -> threading.Event:
    made = threading.Event()
    if is_set:
        made.set()
    return made
