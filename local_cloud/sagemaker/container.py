"""One running container: a process group with a time limit, an orderly stop and a log file."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from local_cloud.sagemaker.mounts import Invocation


class Container:
    """A started command. It ends when its first process ends, and takes every other process of its group with it."""

    def __init__(self, process: subprocess.Popen[bytes], *, grace: float) -> None:
        self.expired = False  #: whether its time limit ended it
        self._process = process
        self._grace = grace
        self._killer: threading.Timer | None = None
        self._lock = threading.Lock()

    @classmethod
    def start(cls, invocation: Invocation, *, folder: Path, log: Path, grace: float) -> Container:
        """Start a command in `folder`, its output appended to `log`; `grace` is the seconds from SIGTERM to SIGKILL."""
        with log.open("ab") as sink:
            process = subprocess.Popen(
                invocation.argv,
                env=dict(invocation.env),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(process, grace=grace)

    @property
    def running(self) -> bool:
        """Whether the first process is still there."""
        return self._process.poll() is None

    def wait(self, limit: float | None = None) -> int:
        """Wait for the end and answer the exit code (negative: the signal); after `limit` seconds it is stopped."""
        timer = threading.Timer(limit, self._expire) if limit is not None else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            return self._process.wait()
        finally:
            if timer:
                timer.cancel()
            self._forget_killer()
            self._signal(signal.SIGKILL)

    def stop(self, grace: float | None = None) -> None:
        """Ask the container to end (SIGTERM) and kill it when the grace period is over, as `docker stop` does."""
        with self._lock:
            if self._killer is not None or not self.running:
                return
            self._killer = threading.Timer(self._grace if grace is None else grace, self.kill)
            self._killer.daemon = True
            self._killer.start()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        if self.running:
            self._signal(signal.SIGKILL)

    def _expire(self) -> None:
        self.expired = True
        self.stop()

    def _forget_killer(self) -> None:
        with self._lock:
            if self._killer is not None:
                self._killer.cancel()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # the whole group has gone already
            os.killpg(self._process.pid, number)
