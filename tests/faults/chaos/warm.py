"""A warm image: the programs of the job image, forked from a process that has imported everything already.

Steps of a small drop spend their time importing pandas and its kin. The programs in
`folder/bin` hand their command, environment and output to one process, which forks it. What runs is the same code; it
dies with the little program that asked for it, whoever kills that.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

STEPS = ("prepare", "train", "evaluate", "prepare_inference", "bundle", "recommend", "load", "monitor", "serve")
START_SECONDS = 120.0
_CLIENT = """#!{python} -ISs
import json, os, signal, socket, sys
asked = socket.socket(socket.AF_UNIX)
asked.connect({address!r})
signal.signal(signal.SIGTERM, lambda *_: asked.send(b"T"))
order = json.dumps([os.path.basename(sys.argv[0]), sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
socket.send_fds(asked, [len(order).to_bytes(8, "big")], [1, 2])
asked.sendall(order)
code = int(asked.recv(16) or b"70")
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != 9 else None
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class WarmImage:
    """The image's programs below `folder`; a context manager that starts and ends their process."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self._address = folder / "warm.sock"
        self._log = folder / "warm.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> WarmImage:
        self.bin.mkdir(parents=True, exist_ok=True)
        for name in ("python", "train", "serve"):
            program = self.bin / name
            program.write_text(_CLIENT.format(python=sys.executable, address=str(self._address)))
            program.chmod(0o755)
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "tests.faults.chaos.warm", str(self._address)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._address.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The warm image did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def running(self) -> int:
        """How many programs run now; those that have ended and were not collected yet do not count."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children") if self._process else None
        return len(children.read_text().split()) if children else 0

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def main(address: str) -> None:
    """Import, listen, fork."""
    _import()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{address}.new")
    listening.listen(64)
    Path(f"{address}.new").rename(address)
    gc.collect()
    gc.freeze()
    _Forks(listening).serve(parent=os.getppid())


def _import() -> None:
    for step in STEPS:
        importlib.import_module(f"processing.{step}")
    for name in ("lightgbm", "boto3", "botocore.session", "gunicorn.workers.gthread", "pyarrow.parquet", "jinja2"):
        importlib.import_module(name)
    for path in Path("processing/architectures").glob("[a-z]*.py"):
        importlib.import_module(f"processing.architectures.{path.stem}")
    _remember_service_models("s3", "sagemaker", "redshift-data", "cloudwatch", "dynamodb", "lambda", "sts")


def _remember_service_models(*services: str) -> None:
    """botocore parses a megabyte of JSON for each client; a fork finds it parsed."""
    import boto3
    from botocore.loaders import JSONFileLoader

    JSONFileLoader.load_file = cache(JSONFileLoader.load_file)  # type: ignore[method-assign]
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    for service in services:
        session.client(service)  # type: ignore[call-overload]


class _Forks:
    """One thread; children are watched through file descriptors."""

    def __init__(self, listening: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._listening = listening
        self._selector.register(listening, selectors.EVENT_READ, (self._accept, ()))

    def serve(self, parent: int) -> None:
        while os.getppid() == parent:
            for key, _ in self._selector.select(timeout=1.0):
                act, arguments = key.data
                act(*arguments)

    def _accept(self) -> None:
        asking, _ = self._listening.accept()
        head, fds, _, _ = socket.recv_fds(asking, 8, 2)
        size, order = int.from_bytes(head, "big"), b""
        while len(order) < size:
            order += asking.recv(size - len(order))
        child = os.fork()
        if child == 0:
            _become(json.loads(order), fds)
        for fd in fds:
            os.close(fd)
        pidfd = os.pidfd_open(child)
        self._selector.register(pidfd, selectors.EVENT_READ, (self._ended, (child, pidfd, asking)))
        self._selector.register(asking, selectors.EVENT_READ, (self._told, (child, asking)))

    def _told(self, child: int, asking: socket.socket) -> None:
        word = b""
        with suppress(ConnectionError):
            word = asking.recv(1)
        with suppress(ProcessLookupError):
            if word:
                os.kill(child, signal.SIGTERM)
            else:
                os.killpg(child, signal.SIGKILL)
        if not word:
            self._selector.unregister(asking)

    def _ended(self, child: int, pidfd: int, asking: socket.socket) -> None:
        with suppress(ProcessLookupError):  # what it left behind goes with it
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        with suppress(OSError):
            asking.send(str(os.waitstatus_to_exitcode(status)).encode())
        with suppress(KeyError):
            self._selector.unregister(asking)
        self._selector.unregister(pidfd)
        os.close(pidfd)
        asking.close()


def _become(order: list[Any], fds: list[int]) -> None:
    """In the child: run the command, and leave without a way back."""
    code = 70
    try:
        program, arguments, environment, folder = order
        os.setsid()
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
    except BaseException:  # noqa: BLE001 - the boundary of the process
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(program: str, arguments: list[str]) -> int:
    if program != "python":
        sys.argv = [program, *arguments]
        return int(importlib.import_module(f"processing.{program}").main() or 0)
    option, module, *rest = arguments
    assert option == "-m", arguments
    sys.argv = [module, *rest]
    warnings.filterwarnings("ignore", message=".*found in sys.modules.*")
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
