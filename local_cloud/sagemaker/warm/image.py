"""A warm image: programs in a folder that comes first on the PATH of jobs, and the process that they ask."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

PROGRAMS = ("python", "train", "serve")
_PROGRAM = """#!{python} -ISs
import sys
sys.path.insert(0, {folder!r})
from asking import ask
ask({address!r}, {python!r}, {path!r})
"""


class WarmImage:
    """Programs for jobs whose PYTHONPATH is `path`; the process behind them starts with the first job."""

    def __init__(self, path: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rightpack-warm-"))
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.bin = self._folder / "bin"
        self._write_programs()
        atexit.register(self.stop)

    def start(self) -> None:
        """Start the process if there is none; it needs a while to import everything, and programs wait for it."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._address.unlink(missing_ok=True)
                self._process = self._started()

    def stop(self) -> None:
        """End the process, and with it whatever it has forked."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def running(self) -> int:
        """How many forks run now."""
        if self._process is None:
            return 0
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return len(children.read_text().split()) if children.exists() else 0

    @property
    def _address(self) -> Path:
        return self._folder / "warm.sock"

    def _write_programs(self) -> None:
        self.bin.mkdir()
        words = {"folder": str(Path(__file__).parent), "address": str(self._address), "path": self._path}
        for name in PROGRAMS:
            program = self.bin / name
            program.write_text(_PROGRAM.format(python=sys.executable, **words))
            program.chmod(0o755)

    def _started(self) -> subprocess.Popen[bytes]:
        with (self._folder / "warm.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "local_cloud.sagemaker.warm.forks", str(self._address)],
                env={**os.environ, "PYTHONPATH": self._path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def warm_image(path: Sequence[Path]) -> WarmImage | None:
    """The image of this process for jobs with this PYTHONPATH; None where forks cannot be watched, as outside Linux."""
    return _shared(os.pathsep.join(map(str, path))) if hasattr(os, "pidfd_open") else None


@functools.cache
def _shared(path: str) -> WarmImage:
    return WarmImage(path)
