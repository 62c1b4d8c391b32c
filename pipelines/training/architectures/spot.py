"""One training job on spot machines, which may be taken away; what it has learned so far outlasts that.

Checkpoints lie below the name of the job that prepared the rows: a training of the same rows goes on from them, even in
a later execution, and one of other rows never meets them. The step cache compares that place too.
"""

from __future__ import annotations

from typing import Final

from sagemaker.core.workflow.functions import Join

from pipelines.placeholders import Placeholder
from pipelines.training.architectures import SubGraph, Task
from pipelines.training.architectures.trainer import Wish, training

CHECKPOINT_ROUNDS: Final = "CHECKPOINT_ROUNDS"


def steps(task: Task) -> SubGraph:
    """Train where and when machines are left over, for at most `steps.wait_for_spot_seconds` longer than allowed."""
    root = f"s3://{Placeholder.ARTEFACT_BUCKET.stand_in}/runs/training/checkpoints"
    checkpoints = Join(on="/", values=[root, task.prepare.properties.ProcessingJobName])
    every = {CHECKPOINT_ROUNDS: str(task.steps.checkpoint_rounds)}  # `processing.checkpoints` keeps them
    return training(
        task, Wish(wait_seconds=task.steps.wait_for_spot_seconds, checkpoints=checkpoints, environment=every)
    )
