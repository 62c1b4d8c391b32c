"""Serve: score over HTTP, for batch transform and for anyone with a Parquet or CSV file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gunicorn.app.base import BaseApplication

from processing.artefact import Card, read_index
from processing.cores import cores
from processing.invocations import Application
from processing.job import Job, run_step
from processing.scoring.bundle import Bundle
from rightpack.errors import SettingsError

MOST_CONCURRENT: Final = 16
TIMEOUT_SECONDS: Final = 3700  # longer than the longest invocation timeout that a transform job can ask for


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """One gunicorn worker with a thread per core; the models are loaded before the first request is taken.

    Not preloaded in the parent: threads of LightGBM's runtime do not survive a fork.
    """

    def __init__(self, folder: Path, options: Mapping[str, Any]) -> None:
        self._folder, self._options = folder, options
        super().__init__()

    def load_config(self) -> None:
        """Hand our options to gunicorn; it reads no file and no environment of its own."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        """Make the application, in the worker."""
        return Application(Bundle.load(self._folder), concurrency=self._options["threads"])


def options_of(environment: Mapping[str, str], threads: int) -> dict[str, Any]:
    """How to serve: `SAGEMAKER_BIND_TO_PORT` (8080) on `RIGHTPACK_SERVE_HOST`, one thread per core.

    The platform calls from outside of the container, so every interface is the default; set 127.0.0.1 on a laptop.
    """
    host = environment.get("RIGHTPACK_SERVE_HOST", "0.0.0.0")  # noqa: S104  # see above
    port = environment.get("SAGEMAKER_BIND_TO_PORT", "8080")
    if not port.isdigit():
        raise SettingsError(f"SAGEMAKER_BIND_TO_PORT must be a port number, not {port!r}.")
    return {
        "bind": f"{host}:{port}",
        "workers": 1,
        "worker_class": "gthread",
        "threads": min(threads, MOST_CONCURRENT),
        "timeout": TIMEOUT_SECONDS,
        "graceful_timeout": 5,
        "keepalive": 30,
        "loglevel": "warning",
        "control_socket_disable": True,
        "proc_name": "rightpack-serve",
    }


def run(job: Job) -> None:
    """Serve until told to stop; DataError before the port is opened if the artefact's training never ended."""
    entries, _ = read_index(job.model)
    for entry in entries:
        Card.load(job.model / entry.directory)
    Server(job.model, options_of(job.environment, cores())).run()


def main() -> int:
    """Entry of the image's command `serve`."""
    return run_step(run)


if __name__ == "__main__":
    sys.exit(main())
