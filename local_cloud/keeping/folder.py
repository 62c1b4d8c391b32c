"""The folder of a state: its owner's alone, for one cloud at a time, with one file that is whole or not there.

The file is a line of JSON that says who wrote it, and a pickle. A pickle is as good as a program, so it is read only
from a folder that belongs to whoever reads it and that nobody else can write to, and only if it was written by the
same versions (docs/adr/0007).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

from local_cloud.wire import Json

_PATIENCE = 20.0  # seconds in which another cloud may be stopping
_AGAIN = 0.1


class StateError(Exception):
    """A state that cannot be taken over; the message says why, and what to do."""


class StateFolder:
    """`state/` in the folder of a cloud, taken until this process ends.

    Raises:
        StateError: It belongs to somebody else, others may write to it, or another cloud has it.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._file = path, path / "snapshot"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_own(path)
        self._lock = os.open(path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        self._take()

    def release(self) -> None:
        """Let another cloud take it."""
        os.close(self._lock)

    def write(self, header: Json, payload: bytes) -> None:
        """Put a new state in the place of the old one; whoever is killed meanwhile leaves the old one."""
        whole = header | {"size": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
        part = self.path / "snapshot.part"
        with part.open("wb") as file:  # nobody else may look into the folder
            file.write(json.dumps(whole).encode() + b"\n")
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._file)
        _sync(self.path)

    def read(self) -> tuple[Json, bytes] | None:
        """The state's header and pickle, if there is one.

        Raises:
            StateError: The file is not ours, or damaged.
        """
        if not self._file.exists():
            return None
        _require_own(self._file)
        with self._file.open("rb") as file:
            header = _header(file.readline())
            payload = file.read()
        if (len(payload), hashlib.sha256(payload).hexdigest()) != (header.get("size"), header.get("sha256")):
            raise StateError(f"{self._file} is damaged. {self.instead}")
        return header, payload

    @property
    def instead(self) -> str:
        """What to do with a state that cannot be read."""
        return (
            f"Remove {self.path} to go on with the warehouse of {self.path.parent} alone, or take another folder "
            "to begin anew."
        )

    def _take(self) -> None:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(self._lock)
                    raise StateError(f"Another cloud is using {self.path.parent}: stop it first.") from None
                time.sleep(_AGAIN)
            else:
                return


def _header(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _require_own(path: Path) -> None:
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise StateError(f"{path} belongs to another user (uid {found.st_uid}), so its state is not read.")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StateError(f"Others may write to {path}, so its state is not read. If you trust it: chmod 700 {path}")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
