"""Child processes that never outlive the cloud: killed with their whole group, on Linux even if the cloud is killed."""

from __future__ import annotations

import ctypes
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

LOG = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 2.0


class Children:
    """Starts processes from one thread that lives as long as the cloud.

    Linux sends the parent-death signal when the *thread* that forked is gone, not the process, hence the thread.
    """

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[tuple[Future[subprocess.Popen[bytes]], Sequence[str], dict[str, Any]] | None]
        self._orders = queue.SimpleQueue()
        self._alive: set[subprocess.Popen[bytes]] = set()
        self._die_with_parent = _parent_death_signal()
        self._thread = threading.Thread(target=self._work, name="children", daemon=True)
        self._thread.start()

    def spawn(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start `command` in a process group of its own; `options` as for `subprocess.Popen`.

        Raises:
            OSError: The program cannot be started, or everything is being stopped.
        """
        if not self._thread.is_alive():
            raise OSError("The local cloud is stopping and starts no more processes.")
        started: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((started, command, options))
        return started.result()

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """End a child and whatever it started, and collect it."""
        _signal_group(child, signal.SIGKILL)
        child.wait()
        self._alive.discard(child)

    def stop(self) -> None:
        """End every child: politely first, then by force."""
        alive = [child for child in list(self._alive) if child.poll() is None]
        for child in alive:
            _signal_group(child, signal.SIGTERM)
        for child in alive:
            try:
                child.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                LOG.info("child %s did not stop when asked", child.pid)
            self.kill(child)
        self._orders.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            started, command, options = order
            try:
                child = subprocess.Popen(command, process_group=0, preexec_fn=self._die_with_parent, **options)  # noqa: PLW1509 - one C call
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                started.set_exception(error)
            else:
                self._alive = {other for other in self._alive if other.poll() is None} | {child}
                started.set_result(child)


def _parent_death_signal() -> Callable[[], None] | None:
    """A function for the forked child; the library is loaded before, as little may happen after a fork."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    kill = int(signal.SIGKILL)

    def die_with_parent() -> None:
        prctl(_PR_SET_PDEATHSIG, kill)

    return die_with_parent


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if child.returncode is not None:  # collected already: its number may be another process's by now
        return
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        LOG.debug("child %s is already gone", child.pid)
