"""Scoring over HTTP, as batch transform does it, against the same bodies scored without HTTP."""

from __future__ import annotations

import http.client
import io
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.speed.catalogue import settings
from benchmarks.speed.products import Models, table
from benchmarks.speed.ratios import WALL, Ratio, alternating, quotients
from processing.artefact import ARCHIVE, unpack
from processing.invocations import PARQUET, Application
from processing.scoring.bundle import Bundle
from processing.tables import encode

BODIES: Final = 8
ROWS: Final = 60_000  # about six megabytes of Parquet
START_SECONDS: Final = 60.0


def measure(models: Models, folder: Path, runs: int) -> list[Ratio]:
    """The ratio; both ways must give the same bytes."""
    archive = models.artefact(folder, settings()) / ARCHIVE
    bodies = [encode(table(31, ROWS, ROWS * at)) for at in range(BODIES)]
    with tempfile.TemporaryDirectory(prefix="rightpack-") as scratch, _serving(archive, Path(scratch)) as port:
        direct = partial(_all, _without_http(archive, Path(scratch)), bodies)
        over_http = partial(_all, partial(_post, port), bodies)
        equal = over_http() == direct()
        slow, plain = alternating([over_http, direct], runs, WALL)
    figures = {"http_seconds": slow, "direct_seconds": plain, "rows": ROWS * BODIES, "body_bytes": len(bodies[0])}
    found = quotients(slow, plain) if equal else ()
    why = "" if equal else "the answers differ"
    return [Ratio("transform over HTTP", found, 1.25, at_least=False, figures=figures, why=why)]


def _all(answer: Callable[[bytes], bytes], bodies: Sequence[bytes]) -> list[bytes]:
    """As many at once as there are cores, as the container asks of batch transform."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(answer, bodies))


def _without_http(archive: Path, scratch: Path) -> Callable[[bytes], bytes]:
    application = Application(Bundle.load(unpack(archive, scratch / "direct")))

    def answer(body: bytes) -> bytes:
        environment = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/invocations",
            "CONTENT_TYPE": PARQUET,
            "HTTP_ACCEPT": PARQUET,
            "wsgi.input": io.BytesIO(body),
        }
        return b"".join(application(environment, lambda status, headers: (status, headers)))

    return answer


def _post(port: int, body: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", "/invocations", body, {"Content-Type": PARQUET, "Accept": PARQUET})
    return connection.getresponse().read()


@contextmanager
def _serving(archive: Path, scratch: Path) -> Iterator[int]:
    """The product's own server in a process of its own."""
    root = scratch / "ml"
    unpack(archive, root / "model")
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = int(found.getsockname()[1])
    environment = {
        **os.environ,
        "RIGHTPACK_ML_ROOT": str(root),
        "RIGHTPACK_SERVE_HOST": "127.0.0.1",
        "SAGEMAKER_BIND_TO_PORT": str(port),
    }
    with subprocess.Popen([sys.executable, "-m", "processing.serve"], env=environment) as server:
        try:
            _wait_for(port)
            yield port
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/ping")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"the server did not answer on port {port}")
