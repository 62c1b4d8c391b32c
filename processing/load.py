"""Load: bring a run's predictions and recommendations into the warehouse, exactly once.

The rows go from S3 to Redshift directly; this job only reads manifests and runs one transaction.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import dataclass
from typing import Any

from processing.job import Job, Record, manifest_of, parse_arguments, run_step
from processing.warehouse import transport
from rightpack.errors import ManifestError
from rightpack.layout import Metric, PipelineKind, split_uri
from rightpack.loader import Loader, RunLoad, StagedFiles, UsedModel
from rightpack.manifest import StepManifest, parse_files
from rightpack.metrics import Metrics
from rightpack.settings import Settings


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the pipeline tells this step."""

    run_id: str
    business_date: str
    predictions_manifest: str
    recommendations_manifest: str


def load(job: Job, arguments: Arguments) -> dict[str, Any]:
    """Load the run and return its audit row.

    Raises:
        ManifestError: the manifests and what the step before said disagree; nothing was loaded, and an alarm tells.
    """
    metrics = Metrics(job.client("cloudwatch"), job.layout.stage)
    try:
        audit, rows = _load(job, arguments)
    except ManifestError:
        metrics.put({Metric.LOAD_MISMATCH: 1}, Pipeline=PipelineKind.INFERENCE.value)
        raise
    metrics.put({Metric.ROWS_LOADED: rows}, Pipeline=PipelineKind.INFERENCE.value)
    return audit


def _load(job: Job, arguments: Arguments) -> tuple[dict[str, Any], int]:
    settings = job.settings(job.input("config"))
    report = job.input("report")
    said, record = manifest_of(report), Record("Load")
    record.read("report", report)
    run = RunLoad(
        run_id=arguments.run_id,
        business_date=dt.date.fromisoformat(arguments.business_date),
        predictions=_staged(job, arguments.predictions_manifest, said, "predictions"),
        recommendations=_staged(job, arguments.recommendations_manifest, said, "recommendations"),
        models=[UsedModel(**model) for model in json.loads((report / "summary.json").read_text())["models"]],
    )
    audit = _loader(job, settings).load(run)
    output = job.output("load")
    (output / "load.json").write_text(json.dumps(audit, indent=1, default=str))
    record.wrote("load", output, run.predictions.rows)
    record.save(output)
    return audit, run.predictions.rows + run.recommendations.rows


def _loader(job: Job, settings: Settings) -> Loader:
    way = transport(settings, job.layout, job.client)
    return Loader(way, schema=settings.warehouse.schema, role=job.layout.warehouse_role_arn)


def _staged(job: Job, uri: str, said: StepManifest, name: str) -> StagedFiles:
    """The COPY manifest at `uri`, after checking its rows against what the step before says it wrote."""
    bucket, key = split_uri(uri)
    text = job.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    rows = sum(entry.record_count or 0 for entry in parse_files(text, uri))
    written = next((artefact.rows for artefact in said.outputs if artefact.name == name), None)
    if rows != written:
        raise ManifestError(f"{uri} lists {rows} rows of {name}; step {said.step} wrote {written}.")
    return StagedFiles(uri, rows)


def main() -> int:
    """Entry of the step."""
    return run_step(_run)


def _run(job: Job) -> None:
    load(job, parse_arguments(Arguments, sys.argv[1:], "load"))


if __name__ == "__main__":
    sys.exit(main())
