"""From a trigger object to the first step at work: S3 event, EventBridge, SQS, Lambda, StartPipelineExecution, Prepare.

The committed templates run in the embedded cloud. That Prepare's process has begun is seen by the first thing it does:
it reads its settings, and the file system notes when. The drop has no manifest, so that it then ends at once.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path
from typing import Final

from benchmarks.speed.ratios import Ratio
from rightpack.cli.embedded import Embedded, embedded_cloud
from rightpack.cli.stage import Stage
from rightpack.layout import TRIGGER_NAME, PipelineKind, drop_prefix
from rightpack.trigger import DropData, Trigger, TriggerObject

MOST_MILLISECONDS: Final = 250.0
DATE: Final = dt.date(2026, 11, 20)
BYTES: Final = 1_000_000
LOOK_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 300.0
REST_SECONDS: Final = 1.0  # what a run leaves to do after its end shall not disturb the next


def measure(runs: int) -> list[Ratio]:
    """Milliseconds from the put of the trigger until Prepare is `Executing` and its process has begun."""
    with embedded_cloud("dev") as cloud:
        stage = Stage.connect("dev")
        first = _start(cloud, stage, 0)  # functions load, and the warm process imports
        taken = tuple(_start(cloud, stage, number) for number in range(1, runs + 1))
    figures = {"first_milliseconds": round(first, 1), "milliseconds": [round(one, 1) for one in taken]}
    name = "trigger object to first step running, milliseconds"
    return [Ratio(name, taken, MOST_MILLISECONDS, at_least=False, figures=figures)]


def _start(cloud: Embedded, stage: Stage, number: int) -> float:
    s3, bucket = stage.client("s3"), stage.layout.data_bucket
    prefix = drop_prefix(PipelineKind.TRAINING, DATE.isoformat(), f"carton-{number}")
    uri = f"s3://{bucket}/{prefix}data/"
    trigger = Trigger(PipelineKind.TRAINING, "weekly", DATE, DropData(uri, f"{uri}part_manifest"), "carton")
    s3.put_object(Bucket=bucket, Key=f"{prefix}data/part_0000.parquet", Body=os.urandom(BYTES))
    before = _jobs(cloud.root)
    key = f"{prefix}{TRIGGER_NAME}"
    began = time.time()
    put = s3.put_object(Bucket=bucket, Key=key, Body=trigger.to_json().encode())
    _await_end(stage, TriggerObject(bucket, key, put.get("VersionId") or put["ETag"]).run_id)
    (folder,) = _jobs(cloud.root) - before
    return 1e3 * (_begun(folder) - began)


def _begun(job: Path) -> float:
    """When a job's process read its settings; where the file system does not tell, when it last said something."""
    settings = (job / "ml" / "processing" / "input" / "config" / "settings.json").stat()
    return settings.st_atime if settings.st_atime > settings.st_mtime else (job / "log.txt").stat().st_mtime


def _await_end(stage: Stage, run_id: str) -> None:
    """Wait for the run's end, and check that what was looked at is its first and only step."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (run := stage.ledger.find(run_id)) is None or run.open:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{run_id} is still {run.state if run else 'unknown'}")
        time.sleep(LOOK_SECONDS)
    sagemaker = stage.client("sagemaker")
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=run.execution_arn)["PipelineExecutionSteps"]
    if [step["StepName"] for step in steps] != ["Prepare"]:
        raise RuntimeError(f"{run_id} has begun otherwise: {steps}")
    time.sleep(REST_SECONDS)


def _jobs(root: Path) -> set[Path]:
    return set((root / "sagemaker" / "jobs" / "processing").glob("*"))
