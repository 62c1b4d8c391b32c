"""Settings of the local SageMaker; every default suits a laptop, tests replace the clock."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from local_cloud.faults.processes import ProcessFaults


def _package_folder() -> tuple[Path, ...]:
    return (Path(__file__).resolve().parents[2],)


def _cpu_count() -> int:
    return os.cpu_count() or 1


def _pause(stop: threading.Event, seconds: float) -> None:
    stop.wait(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the local SageMaker runs. Times are seconds.

    `image_path` are the folders put on `PYTHONPATH` of every job: the content of every image, whatever its URI.
    `bind_mounts` None finds out at start whether jobs can get a real `/opt/ml`; False forces the fallback.
    `checkpoint_seconds` lie between two copies of a training job's checkpoints to S3.
    `warm` lets jobs that run the product's own programs start as forks of a process that has imported everything.
    `pause(stop, seconds)` waits between retries and returns early once `stop` is set.
    """

    image_path: tuple[Path, ...] = field(default_factory=_package_folder)
    max_parallel_jobs: int = field(default_factory=_cpu_count)
    max_executions: int = 20
    stop_grace: float = 120.0
    ping_timeout: float = 240.0
    bind_mounts: bool | None = None
    now: Callable[[], float] = time.time
    pause: Callable[[threading.Event, float], None] = _pause
    faults: ProcessFaults = field(default_factory=ProcessFaults)
    warm: bool = True
    checkpoint_seconds: float = 0.2
