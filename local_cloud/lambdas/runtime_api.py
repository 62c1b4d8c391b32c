"""The Lambda Runtime API of one execution environment: the process asks here for work and answers here."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from local_cloud.server import Server


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event for the function; `deadline` in epoch milliseconds."""

    request_id: str
    arn: str
    payload: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the answer, or the error document if `failed`; `died` if the process is gone."""

    body: bytes
    failed: bool = False
    died: bool = False


class RuntimeApi:
    """Serve one process. `ready` is set once its code is loaded and it asks for the first event."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._server = Server(self._serve)
        self._server.start()

    @property
    def address(self) -> str:
        """Value of AWS_LAMBDA_RUNTIME_API."""
        return self._server.url.removeprefix("http://")

    def offer(self, invocation: Invocation) -> None:
        """Hand out an event to the next request for one."""
        self._events.put(invocation)

    def close(self) -> None:
        """Hang up."""
        self._events.put(None)
        self._server.stop()

    def _serve(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.endswith("/invocation/next"):
            return self._next(start)
        body = environ["wsgi.input"].read()
        if path.endswith("/init/error"):
            self.replies.put(Reply(body, failed=True, died=True))
            self.ready.set()
        else:
            self.replies.put(Reply(body, failed=path.endswith("/error")))
        start("202 Accepted", [("Content-Length", "0")])
        return []

    def _next(self, start: Callable[..., Any]) -> Iterable[bytes]:
        self.ready.set()
        invocation = self._events.get()
        if invocation is None:
            start("410 Gone", [("Content-Length", "0")])
            return []
        headers = [
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(invocation.deadline)),
            ("Lambda-Runtime-Invoked-Function-Arn", invocation.arn),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(invocation.payload))),
        ]
        start("200 OK", headers)
        return [invocation.payload]
