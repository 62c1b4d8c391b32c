"""A warm process as the cloud holds it: its folder, its start with the first program that asks, its end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_cloud.warm.asking import STARTED

_PROGRAM = """#!{python} -ISs
import sys
sys.path.insert(0, {folder!r})
{code}
"""


def possible() -> bool:
    """Whether forks can be watched; elsewhere than on Linux they cannot."""
    return hasattr(os, "pidfd_open")


class WarmProcess:
    """`command` with the address behind it, started with `environment` and nothing else."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rightpack-warm-"))
        self._command = command
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> Path:
        """Where it listens."""
        return self.folder / "warm.sock"

    def start(self) -> None:
        """Start the process if there is none; it needs a while to import everything, and programs wait for it."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self.address.unlink(missing_ok=True)
                (self.folder / STARTED).touch()
                self._process = self._started()

    def stop(self) -> None:
        """End the process, and with it whatever it has forked."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def running(self) -> int:
        """How many forks run now."""
        if self._process is None:
            return 0
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return len(children.read_text().split()) if children.exists() else 0

    def program(self, name: str, code: str) -> Path:
        """Write a program that sees the module `asking`, below the folder; it runs without site packages."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(_PROGRAM.format(python=sys.executable, folder=str(Path(__file__).parent), code=code))
        path.chmod(0o755)
        return path

    def _started(self) -> subprocess.Popen[bytes]:
        with (self.folder / "warm.log").open("ab") as log:
            return subprocess.Popen(
                [*self._command, str(self.address)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
