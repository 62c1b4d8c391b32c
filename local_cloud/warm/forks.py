"""The warm process: it listens, and forks itself for every command that it is asked to run.

A fork has its own environment, credentials, working folder, output, and the namespaces of the program that asked; it
dies with that program, whoever kills it. Nothing here starts a thread: threads do not survive a fork.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

from local_cloud.warm.asking import LENGTH_BYTES, NAMESPACES

PARENT_SECONDS = 1.0
_FAILED = 70
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for. The fork runs in `folder`; its `os.environ` still is that of the warm process."""

    command: list[str]
    environment: Mapping[str, str]

    def begin_anew(self) -> None:
        """Be a process of one's own in what forks share: variables, and chance."""
        os.environ.clear()
        os.environ.update(self.environment)
        if "numpy.random" in sys.modules:  # the standard library's generator looks after itself
            sys.modules["numpy.random"].seed()


Run = Callable[[Order], int]


def serve(address: str, run: Run) -> None:
    """Listen at `address` and fork, until the process that started this one is gone; `run` answers exit codes."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{address}.new")
    listening.listen(64)
    Path(f"{address}.new").rename(address)
    gc.collect()
    gc.freeze()  # forks share what is never collected
    _Forks(listening, run).serve(parent=os.getppid())


def remember_service_models(services: Sequence[str]) -> None:
    """Parse once what takes longest: botocore parses a megabyte of JSON for each client."""
    import boto3
    from botocore.loaders import JSONFileLoader

    JSONFileLoader.load_file = cache(JSONFileLoader.load_file)  # type: ignore[method-assign]
    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="us-east-1")  # noqa: S106
    for service in services:
        session.client(service)  # type: ignore[call-overload]


def exit_code(left: SystemExit) -> int:
    """Code of a process that leaves so; what is no number is written to standard error, as the interpreter does."""
    if left.code is None or isinstance(left.code, int):
        return (left.code or 0) & 0xFF
    sys.stderr.write(f"{left.code}\n")
    return 1


class _Forks:
    """One thread; forks are watched through file descriptors."""

    def __init__(self, listening: socket.socket, run: Run) -> None:
        self._selector = selectors.DefaultSelector()
        self._listening = listening
        self._run = run
        self._watch(listening, self._accept)

    def serve(self, parent: int) -> None:
        """Until the process that started this one is gone."""
        while os.getppid() == parent:
            for key, _ in self._selector.select(timeout=PARENT_SECONDS):
                act: Callable[[], None] = key.data
                act()

    def _watch(self, source: socket.socket | int, act: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, act)

    def _accept(self) -> None:
        asking, _ = self._listening.accept()
        head, fds, _, _ = socket.recv_fds(asking, LENGTH_BYTES, 2 + len(NAMESPACES))
        with asking.makefile("rb") as stream:
            order = stream.read(int.from_bytes(head, "big"))
        child = os.fork()
        if child == 0:
            _become(order, fds, self._run)
        for fd in fds:
            os.close(fd)
        pidfd = os.pidfd_open(child)
        self._watch(pidfd, lambda: self._ended(child, pidfd, asking))
        self._watch(asking, lambda: self._told(child, asking))

    def _told(self, child: int, asking: socket.socket) -> None:
        """A word is a polite request to end; silence means that the program which asked is gone."""
        word = b""
        with suppress(ConnectionError):
            word = asking.recv(1)
        if word:
            _signal(child, signal.SIGTERM)
        else:
            _signal(child, signal.SIGKILL)
            self._selector.unregister(asking)

    def _ended(self, child: int, pidfd: int, asking: socket.socket) -> None:
        _signal(child, signal.SIGKILL)  # what it left behind goes with it
        _, status = os.waitpid(child, 0)
        with suppress(OSError):
            asking.send(str(os.waitstatus_to_exitcode(status)).encode())
        with suppress(KeyError):
            self._selector.unregister(asking)
        self._selector.unregister(pidfd)
        os.close(pidfd)
        asking.close()


def _signal(child: int, number: signal.Signals) -> None:
    """To the fork's whole group; to the fork alone for a polite request, as a container's first process gets it."""
    with suppress(ProcessLookupError):
        (os.killpg if number is signal.SIGKILL else os.kill)(child, number)


def _become(text: bytes, fds: Sequence[int], run: Run) -> NoReturn:
    """In the fork: run the command, and leave without a way back."""
    code = _FAILED
    try:
        command, environment, folder = json.loads(text)
        os.setsid()
        _enter(fds[2:])
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        os.dup2(fds[0], 1)
        os.dup2(fds[1], 2)
        os.closerange(3, 256)
        os.chdir(folder)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = run(Order(command, environment))
    except SystemExit as left:
        code = exit_code(left)
    except BaseException:  # noqa: BLE001 - the boundary of a process
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _enter(namespaces: Sequence[int]) -> None:
    """See the files that the asking program sees. The user namespace comes first: it gives the right to the other."""
    for fd, own in zip(namespaces, NAMESPACES, strict=False):
        if os.fstat(fd).st_ino != Path(own).stat().st_ino and ctypes.CDLL(None, use_errno=True).setns(fd, 0) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {own} of the asking program")
