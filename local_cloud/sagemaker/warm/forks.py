"""The warm process: it imports what steps import, listens, and forks itself for every command that it is asked to run.

A fork has its own environment, credentials, working folder, output, and the namespaces of the program that asked; it
dies with that program, whoever kills it. Nothing here starts a thread: threads do not survive a fork.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from local_cloud.sagemaker.warm.asking import LENGTH_BYTES, NAMESPACES

SERVICES = ("s3", "sagemaker", "redshift-data", "cloudwatch", "dynamodb", "sts")
PARENT_SECONDS = 1.0
_FAILED = 70


def main(address: str) -> None:
    """Import, listen, fork."""
    _import()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{address}.new")
    listening.listen(64)
    Path(f"{address}.new").rename(address)
    gc.collect()
    gc.freeze()  # forks share what is never collected
    _Forks(listening).serve(parent=os.getppid())


def _import() -> None:
    """Every module of the image that is no program on its own account, and what steps import late."""
    package = importlib.import_module("processing")
    for folder in ("", ".architectures"):
        inside = importlib.import_module(f"processing{folder}") if folder else package
        for found in pkgutil.iter_modules(inside.__path__):
            if not found.ispkg and not found.name.startswith("_"):
                importlib.import_module(f"processing{folder}.{found.name}")
    for name in ("lightgbm", "pandas", "pyarrow.parquet", "gunicorn.workers.gthread", "jinja2"):
        importlib.import_module(name)
    _remember_service_models()


def _remember_service_models() -> None:
    """Parse once what takes longest: botocore parses a megabyte of JSON for each client."""
    import boto3
    from botocore.loaders import JSONFileLoader

    JSONFileLoader.load_file = cache(JSONFileLoader.load_file)  # type: ignore[method-assign]
    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="us-east-1")  # noqa: S106
    for service in SERVICES:
        session.client(service)  # type: ignore[call-overload]


class _Forks:
    """One thread; forks are watched through file descriptors."""

    def __init__(self, listening: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._listening = listening
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
            _become(json.loads(order), fds)
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


def _become(order: Sequence[Any], fds: Sequence[int]) -> NoReturn:
    """In the fork: run the command, and leave without a way back."""
    code = _FAILED
    try:
        program, arguments, environment, folder = order
        os.setsid()
        _enter(fds[2:])
        os.dup2(fds[0], 1)
        os.dup2(fds[1], 2)
        os.closerange(3, 256)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = _run(program, arguments)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
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


def _run(program: str, arguments: Sequence[str]) -> int:
    if program != "python":
        sys.argv = [program, *arguments]
        return int(importlib.import_module(f"processing.{program}").main() or 0)
    module, *rest = arguments[1:]
    sys.argv = [module, *rest]
    warnings.filterwarnings("ignore", message=".*found in sys.modules.*")
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
