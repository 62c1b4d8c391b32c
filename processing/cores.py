"""How many processors this process may keep busy: in a container that is less than the machine has."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

from rightpack.settings import Training

QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")  # of the container: "<microseconds in each period, or max> <period>"


def cores(quota: Path = QUOTA) -> int:
    """At least 1: what the scheduler lets us use, and no more than the container's share of time, rounded up."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        most, period = quota.read_text().split()
        share = math.ceil(int(most) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return usable  # no quota, or no such file
    return max(1, min(usable, share))


def threads_of(training: Training) -> int:
    """How many threads a training takes: as many as its settings say, or one per core."""
    return training.threads or cores()
