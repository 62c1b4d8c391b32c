"""One training job that learns the whole model, whatever algorithm the settings name."""

from __future__ import annotations

from pipelines.training.architectures import SubGraph, Task
from pipelines.training.architectures.trainer import Wish, training


def steps(task: Task) -> SubGraph:
    """Train on one machine; a container of one's own also on as many as `steps.machines.Train` says."""
    return training(task, Wish())
