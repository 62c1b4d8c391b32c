"""The model server of a batch transform: started, pinged until it is ready, asked over HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from local_cloud.sagemaker.container import Container
from local_cloud.sagemaker.errors import JobFailedError
from local_cloud.wire import Json

PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
#: A container may listen on every interface; a process of this machine must not.
HOST_VARIABLE = "RIGHTPACK_SERVE_HOST"
LOOPBACK = "127.0.0.1"
_PING_TIMEOUT = 2.0
_BETWEEN_PINGS = 0.05
_LONGEST_QUOTE = 300


def free_port() -> int:
    """Find a loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A serving container that listens on `port` of this machine."""

    container: Container
    port: int

    def wait_until_ready(self, timeout: float) -> None:
        """Ping until the answer is 200; raises `JobFailedError` when the server ends or `timeout` seconds pass."""
        deadline = time.monotonic() + timeout
        while not self._pinged():
            if not self.container.running:
                raise JobFailedError("AlgorithmError: the model server ended before it answered /ping; see its log.")
            if time.monotonic() > deadline:
                raise JobFailedError(
                    f"AlgorithmError: Model container failed to respond to ping within {timeout:g} seconds."
                )
            time.sleep(_BETWEEN_PINGS)

    def execution_parameters(self) -> Json:
        """Ask the server for its own MaxPayloadInMB and so on; empty when it has no opinion."""
        try:
            status, body = self._ask("GET", "/execution-parameters", timeout=_PING_TIMEOUT)
            found = json.loads(body) if status == http.HTTPStatus.OK else {}
        except (OSError, http.client.HTTPException, ValueError):
            return {}  # the endpoint is optional
        return found if isinstance(found, dict) else {}

    def invoke(self, body: bytes, headers: Mapping[str, str], *, timeout: float, retries: int) -> bytes:
        """Send one payload; a server error or a lost connection is tried again `retries` times.

        Raises `JobFailedError`: ClientError for a refusal (4xx), AlgorithmError for anything the server broke.
        """
        problem = ""
        for _ in range(retries + 1):
            try:
                status, answer = self._ask("POST", "/invocations", body, headers, timeout=timeout)
            except (OSError, http.client.HTTPException) as error:
                problem = f"no answer from /invocations ({type(error).__name__}: {error})"
                continue
            if status == http.HTTPStatus.OK:
                return answer
            problem = f"Bad HTTP status received from algorithm: {status} {_quoted(answer)}"
            if status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                raise JobFailedError(f"ClientError: {problem}")
        raise JobFailedError(f"AlgorithmError: {problem}, after {retries + 1} attempts")

    def _pinged(self) -> bool:
        try:
            status, _ = self._ask("GET", "/ping", timeout=_PING_TIMEOUT)
        except (OSError, http.client.HTTPException):
            return False
        return status == http.HTTPStatus.OK

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float,
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def _quoted(answer: bytes) -> str:
    return answer[:_LONGEST_QUOTE].decode("utf-8", errors="replace").strip()
