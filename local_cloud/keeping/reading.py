"""What a state that is being read refers to outside of itself: the parts of the running cloud, and the objects' bytes.

Pickle calls functions with what was written, and nothing else; they ask here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from local_cloud.keeping.folder import StateError
from local_cloud.keeping.stored import ObjectFiles, StoredBytes


@dataclass(frozen=True, slots=True)
class Reading:
    """The cloud that a state is read into."""

    parts: Mapping[str, object]
    files: ObjectFiles

    def bytes_of(self, name: str, key: Any) -> StoredBytes | None:
        """The file of a key's bytes.

        Raises:
            StateError: It is not there, or not as long as it was.
        """
        found = self.files.size(name)
        if found != key.size and not key.disposed:
            what = f"s3://{key.bucket_name}/{key.name} has {key.size} bytes, its file {name} {max(found, 0)}"
            raise StateError(f"The state is damaged: {what}.")
        return self.files.stored(name)


_READING: ContextVar[Reading] = ContextVar("reading")


def reading() -> Reading:
    """The reading under way."""
    return _READING.get()


@contextmanager
def under_way(into: Reading) -> Iterator[None]:
    """Read inside the block."""
    before = _READING.set(into)
    try:
        yield
    finally:
        _READING.reset(before)


def part(name: str) -> object:
    """A part of the running cloud, by name."""
    return reading().parts[name]
