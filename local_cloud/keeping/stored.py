"""The bytes of S3's objects: each in a file of its own, written once and read only when somebody asks for them."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from local_cloud.objects import blocks

NAME = "_kept_as"  # attribute of moto's keys; their content never changes


class StoredBytes:
    """Stands in for the buffer of a key: a file that is open only while a piece of it is read."""

    def __init__(self, path: Path) -> None:
        self._path, self._position = path, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as in a file."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence)
        self._position = (self._path.stat().st_size if start is None else start) + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            found = file.read(size)
        self._position += len(found)
        return found

    def close(self) -> None:
        """Nothing is open."""


class ObjectFiles:
    """The folder of the bytes; a file that neither of the last two states names is removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._named: set[str] = set()
        self._before: set[str] = set()
        folder.mkdir(mode=0o700, exist_ok=True)

    def keep_all(self, keys: Iterable[Any]) -> None:
        """Write what is not written yet, before everything has to stand still."""
        for key in keys:
            self.keep(key)

    def keep(self, key: Any) -> str:
        """Name of the file with a key's bytes, which is written now if it is not there."""
        if not hasattr(key, NAME):
            name = uuid.uuid4().hex
            with (self._folder / name).open("xb") as file:
                for block in () if key.disposed else blocks(key, 0, key.size - 1):
                    file.write(block)
            setattr(key, NAME, name)
        self._named.add(getattr(key, NAME))
        return str(getattr(key, NAME))

    def stored(self, name: str) -> StoredBytes:
        """The bytes of a file."""
        return StoredBytes(self._folder / name)

    def size(self, name: str) -> int:
        """Bytes of a file; -1 if it is not there."""
        path = self._folder / name
        return path.stat().st_size if path.exists() else -1

    def sweep(self) -> None:
        """Remove what the state just written and the one before do not name; readers may still be at the latter."""
        for path in self._folder.iterdir():
            if path.name not in self._named | self._before:
                path.unlink()
        self._before, self._named = self._named, set()
