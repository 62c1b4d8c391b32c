"""One training job on several machines; each reads its own files of the rows.

Our own command learns the whole model on one machine and is refused: this is for a `steps.container` that divides the
work, finds the other machines in `/opt/ml/input/config/resourceconfig.json`, and leaves one model on the first of them.
"""

from __future__ import annotations

from typing import Final

from pipelines.training.architectures import SubGraph, Task
from pipelines.training.architectures.trainer import Wish, training

LEAST: Final = 2


def steps(task: Task) -> SubGraph:
    """Train on two machines, or as many as `steps.machines.Train` says."""
    return training(task, Wish(least_instances=LEAST), sharded=True)
