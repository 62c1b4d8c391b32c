"""A generated shop on an embedded cloud whose training pipeline has run once, with the default parameters."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.decisions.shop import Shop
from processing.artefact import unpack
from processing.columns import PRODUCT
from processing.features.raw import RawColumns
from processing.scoring.bundle import Bundle
from processing.statistics.metrics import Ranked
from rightpack.cli import upload, waiting, weeks
from rightpack.cli.config import Chosen
from rightpack.cli.experiments import embedded_stage
from rightpack.cli.records import copy_prefix
from rightpack.cli.stage import Stage
from rightpack.errors import InternalError

TIMEOUT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Ground:
    """Where searches run: the stage, the pipeline's own training as Describe tells it, and products to judge by.

    `unseen` are those that fit the package type and that Prepare did not hand to training.
    """

    stage: Stage
    package_type: str
    default: dict[str, Any]
    unseen: Shop

    def judge(self, training_job: str) -> float:
        """ROC-AUC of a training job's model on the unseen products, by their true damage."""
        job = self.stage.client("sagemaker").describe_training_job(TrainingJobName=training_job)
        with tempfile.TemporaryDirectory() as scratch:
            archive = Path(scratch) / "model.tar.gz"
            copy_prefix(self.stage, job["ModelArtifacts"]["S3ModelArtifacts"], archive)
            bundle = Bundle.load(unpack(archive, Path(scratch) / "model"))
        scores = bundle.scorers[0].columns(RawColumns(self.unseen.table, "the unseen products"))[self.package_type]
        place = [t.name for t in self.unseen.types].index(self.package_type)
        truth = (self.unseen.damage[:, place] <= self.stage.settings.labels.damage_limit).astype(np.float64)
        return float(Ranked.of(truth, scores).metrics(np.ones(len(truth)))["roc_auc"])


@contextmanager
def ground(seed: int, products: int, package_type: str) -> Iterator[Ground]:
    """Generate, load, prepare and train with the defaults, by the training pipeline itself."""
    with embedded_stage(Chosen("dev")) as stage:
        upload.migrate(stage)
        shop = weeks.catalogue(stage.settings, seed=seed, products=products)
        with tempfile.TemporaryDirectory() as scratch:
            weeks.load_week(stage, weeks.write_week(shop, 0, Path(scratch), stage.settings))
        date = weeks.last_day(shop, 0).isoformat()
        event = {"pipeline": "training", "mode": "weekly", "package_types": [package_type], "business_date": date}
        [run] = waiting.await_runs(stage, waiting.request_drops(stage, event), timeout=TIMEOUT_SECONDS)
        if not run.execution_arn:
            raise InternalError(f"The training pipeline did not run: {run}")
        default = _training(stage, run.execution_arn)
        everything = Shop.of(seed, products, stage.settings.package_types)
        yield Ground(stage, package_type, default, _unseen(everything, _seen(stage, default), package_type))


def _training(stage: Stage, execution: str) -> dict[str, Any]:
    sagemaker = stage.client("sagemaker")
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)["PipelineExecutionSteps"]
    arns = [step["Metadata"]["TrainingJob"]["Arn"] for step in steps if "TrainingJob" in step.get("Metadata", {})]
    return dict(sagemaker.describe_training_job(TrainingJobName=arns[0].rpartition("/")[2]))


def _seen(stage: Stage, training: dict[str, Any]) -> pa.Array:
    """Products of the channel `train`."""
    sources = {c["ChannelName"]: c["DataSource"]["S3DataSource"]["S3Uri"] for c in training["InputDataConfig"]}
    with tempfile.TemporaryDirectory() as scratch:
        copy_prefix(stage, sources["train"], Path(scratch))
        files = sorted(Path(scratch).rglob("*.parquet"))
        return pa.concat_tables([pq.read_table(file, columns=[PRODUCT]) for file in files])[PRODUCT].combine_chunks()


def _unseen(everything: Shop, seen: pa.Array, package_type: str) -> Shop:
    place = [t.name for t in everything.types].index(package_type)
    known = pc.is_in(everything.table[PRODUCT], value_set=seen).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(everything.offer().fits[:, place] & ~known)
    counts, damage = everything.counts.take(rows), everything.damage[rows]
    return Shop(everything.types, everything.table.take(pa.array(rows)), counts, damage)
