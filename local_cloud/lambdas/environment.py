"""One execution environment: a warm process that runs one invocation at a time, with the function's own environment."""

from __future__ import annotations

import io
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_cloud.account import ACCOUNT, REGION
from local_cloud.children import Children
from local_cloud.clock import Clock
from local_cloud.faults.processes import ProcessFaults
from local_cloud.lambdas import moved_clock
from local_cloud.lambdas.runtime_api import Invocation, Reply, RuntimeApi
from local_cloud.lambdas.warm_runtime import ENVIRONMENT, WarmRuntime

_INIT_SECONDS = 60.0  # AWS allows 10; a cold laptop needs longer and a limit on imports is tested elsewhere
_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Function:
    """What an environment is made for; another value of any field needs another process."""

    name: str
    arn: str
    role: str
    handler: str
    timeout: int
    memory: int
    variables: tuple[tuple[str, str], ...]
    code_sha: str
    log_group: str
    ahead: int = 0  # seconds by which its clock differs from the machine's

    @classmethod
    def of(cls, record: Any, *, ahead: float = 0.0) -> Function:
        """Read moto's record of a function, to run it with a clock that is ahead."""
        return cls(
            name=record.function_name,
            arn=record.function_arn,
            role=record.role,
            handler=record.handler,
            timeout=int(record.timeout),
            memory=int(record.memory_size),
            variables=tuple(sorted((name, str(value)) for name, value in record.environment_vars.items())),
            code_sha=record.code_sha_256,
            log_group=record.logs_group_name,
            ahead=round(ahead),
        )


@dataclass(frozen=True, slots=True)
class Result:
    """A finished invocation: answer or error document, and what was written to stdout and stderr meanwhile."""

    request_id: str
    body: bytes
    failed: bool
    log: list[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Machine:
    """What environments need of the cloud: where to work, what to link, how to start, whose credentials to use."""

    root: Path
    runtime: Path
    url: str
    children: Children
    credentials: Callable[[str, str], dict[str, str]]
    faults: ProcessFaults = field(default_factory=ProcessFaults)
    clock: Clock = field(default_factory=Clock)


class Environment:
    """A process for `function`, whose zip is `code`; a fork of the process `warm` where that is given."""

    def __init__(self, function: Function, code: bytes, machine: Machine, warm: WarmRuntime | None = None) -> None:
        self.function, self._children, self._faults = function, machine.children, machine.faults
        self.stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"
        self._api = RuntimeApi()
        folder, home = _unpack(function.code_sha, code, machine.root), machine.root / function.name
        home.mkdir(parents=True, exist_ok=True)
        self._log_path = home / f"{self.stream[-12:]}.log"
        self._log_position = 0
        variables = _variables(function, folder, machine)
        with self._log_path.open("wb") as log:
            self._process = machine.children.spawn(
                _command(function, warm),
                cwd=folder,
                env=variables | {"AWS_LAMBDA_LOG_STREAM_NAME": self.stream} | self._where(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._faults.desk.knows_caller(variables["AWS_ACCESS_KEY_ID"], self._kill)
        threading.Thread(target=self._watch, name=f"watch-{function.name}", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it can take another event."""
        return self._process.poll() is None

    def invoke(self, payload: bytes, request_id: str) -> Result:
        """Run one event to its end, its timeout or the death of the process."""
        started = time.monotonic()
        reply = self._reply(request_id, payload)
        if reply.died:
            self.close()
        return Result(request_id, reply.body, reply.failed, self._new_lines(), time.monotonic() - started)

    def close(self) -> None:
        """End the process."""
        self._kill()
        self._api.close()  # not before: the runtime's client crashes where its next event is refused

    def _kill(self) -> None:
        self._children.kill(self._process)

    def _where(self) -> dict[str, str]:
        return {"AWS_LAMBDA_RUNTIME_API": self._api.address}

    def _reply(self, request_id: str, payload: bytes) -> Reply:
        if not self._api.ready.wait(_INIT_SECONDS):
            return _died("Sandbox.Timedout", f"The function did not load within {_INIT_SECONDS:.0f} seconds")
        limit = self.function.timeout
        deadline = int((time.time() + limit) * 1000)
        self._api.offer(Invocation(request_id, self.function.arn, payload, deadline))
        self._faults.function_invoked(self.function.name, self._kill)
        try:
            return self._api.replies.get(timeout=limit)
        except queue.Empty:
            return _died("Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {limit:.2f} seconds")

    def _watch(self) -> None:
        code = self._process.wait()
        tail = self._log_path.read_text(errors="replace")[-_TAIL:] if self._log_path.exists() else ""
        self._api.replies.put(_died("Runtime.ExitError", f"Runtime exited with status {code}. {tail}".strip()))
        self._api.ready.set()

    def _new_lines(self) -> list[str]:
        with self._log_path.open("rb") as log:
            log.seek(self._log_position)
            new = log.read()
        self._log_position += len(new)
        return new.decode(errors="replace").splitlines()


def _died(kind: str, message: str) -> Reply:
    return Reply(json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True, died=True)


def _unpack(code_sha: str, code: bytes, root: Path) -> Path:
    """Where a zip lies unpacked: once, however many functions it is of, so that they compile it once, too."""
    folder = root / ".code" / code_sha.replace("/", "_")[:16]
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="unpacking-", dir=folder.parent))
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        archive.extractall(fresh)
    try:
        fresh.rename(folder)  # whole or not at all: several environments may start at once
    except OSError:
        shutil.rmtree(fresh)
    return folder


def _command(function: Function, warm: WarmRuntime | None) -> list[str]:
    """A clock is moved before anything is imported, so that such an environment starts cold."""
    if warm and not function.ahead:
        return warm.command(function.handler)
    program = ("-m", "awslambdaric") if not function.ahead else (str(Path(moved_clock.__file__)),)
    return [sys.executable, "-S", *program, function.handler]


def _variables(function: Function, folder: Path, machine: Machine) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(machine.root / function.name),
        **ENVIRONMENT,
        "PYTHONPATH": f"{folder}:{machine.runtime}",
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python",
        "AWS_ACCOUNT_ID": ACCOUNT,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": machine.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LOCAL_CLOUD_SECONDS_AHEAD": str(function.ahead),
        **machine.credentials(function.role, function.name),
        **dict(function.variables),
    }
