"""What happened, as plain data: runs, models, counts, alarms. The same facts feed tables and `--json`."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from rightpack import hands
from rightpack.cli.stage import Stage
from rightpack.cli.trainings import trainings
from rightpack.errors import SettingsError
from rightpack.layout import PipelineKind, split_uri
from rightpack.ledger import Run, stamp
from rightpack.trends import trends as trends_of
from rightpack.warehouse import statements


def runs(stage: Stage, *, limit: int = 1000) -> list[dict[str, Any]]:
    """Runs of every pipeline and what people changed in the registry, oldest first, each with its steps."""
    found = [
        run for kind in (*PipelineKind, hands.PIPELINE, "unknown") for run in stage.ledger.recent(str(kind), limit)
    ]
    return [run_facts(stage, run) for run in sorted(found, key=lambda run: run.created_at)]


def one_run(stage: Stage, run_id: str) -> dict[str, Any]:
    """One run by its id, with its trainings' figures and rules; SettingsError if the ledger does not know it."""
    found = stage.ledger.find(run_id)
    if found is None:
        raise SettingsError(f"There is no run {run_id!r} in stage {stage.layout.stage}; `rightpack runs` lists them.")
    return {**run_facts(stage, found), "trainings": trainings(stage, found.execution_arn)}


def trends(stage: Stage, *, weeks: int) -> dict[str, Any]:
    """Trends of all runs of the last `weeks`."""
    since = stamp(dt.datetime.now(dt.UTC) - dt.timedelta(weeks=weeks))
    kinds = (*PipelineKind, "unknown")
    return trends_of(run for kind in kinds for run in stage.ledger.history(str(kind), since=since))


def run_facts(stage: Stage, run: Run) -> dict[str, Any]:
    """One run: what it was for, how it ended, seconds in all and by step."""
    steps = list(_steps(stage, run.execution_arn)) if run.execution_arn else []
    started = dt.datetime.fromisoformat(run.created_at)
    ended = dt.datetime.fromisoformat(run.updated_at)
    return {
        "id": run.run_id,
        "pipeline": run.pipeline,
        "mode": run.mode,
        "business_date": run.business_date,
        "package_type": run.package_type or None,
        "status": run.state.value,
        "reason": run.reason,
        "cause": run.cause or None,
        "attempts": run.attempts,
        "batch": run.batch or None,
        "artefacts": artefacts(run),
        "report": run.report or None,
        "instance_seconds": run.instance_seconds,
        "rows_quarantined": run.rows_quarantined,
        "who": run.who or None,
        "seconds": round((ended - started).total_seconds(), 2),
        "execution": run.execution_arn,
        "steps": steps,
    }


def artefacts(run: Run) -> dict[str, str]:
    """What a run has left behind, by what it is; `quarantine` lists the rows that it could not use."""
    found = {"report": run.report, "model": run.model, "quarantine": run.quarantine}
    return {name: uri for name, uri in found.items() if uri}


def _steps(stage: Stage, execution_arn: str) -> Iterable[dict[str, Any]]:
    pages = (
        stage.client("sagemaker")
        .get_paginator("list_pipeline_execution_steps")
        .paginate(PipelineExecutionArn=execution_arn, SortOrder="Ascending")
    )
    for page in pages:
        for step in page["PipelineExecutionSteps"]:
            started, ended = step.get("StartTime"), step.get("EndTime")
            yield {
                "name": step["StepName"],
                "status": step["StepStatus"],
                "seconds": round((ended - started).total_seconds(), 2) if started and ended else None,
                "reason": step.get("FailureReason", ""),
                "cached": "CacheHitResult" in step,
            }


def output_uri(stage: Stage, execution_arn: str, step: str, output: str = "") -> str:
    """S3 URI of a step's output: a processing output by name, or a transform's only one; KeyError if there is none."""
    sagemaker = stage.client("sagemaker")
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=execution_arn)
    found = {s["StepName"]: s.get("Metadata", {}) for page in pages for s in page["PipelineExecutionSteps"]}[step]
    if "TransformJob" in found:
        name = found["TransformJob"]["Arn"].rpartition("/")[2]
        return str(sagemaker.describe_transform_job(TransformJobName=name)["TransformOutput"]["S3OutputPath"])
    name = found["ProcessingJob"]["Arn"].rpartition("/")[2]
    job = sagemaker.describe_processing_job(ProcessingJobName=name)
    uris = {o["OutputName"]: o["S3Output"]["S3Uri"] for o in job["ProcessingOutputConfig"]["Outputs"]}
    return str(uris[output])


def models(stage: Stage) -> list[dict[str, Any]]:
    """Every registered version, oldest first within its group; `serving` marks what inference uses."""
    facts = []
    for group in stage.registry.groups(stage.layout.named("")):
        champion = stage.registry.champion(group)
        for package in sorted(stage.registry.versions(group), key=lambda p: p.version):
            facts.append(
                {
                    "group": group,
                    "version": package.version,
                    "status": package.status,
                    "serving": champion is not None and champion.arn == package.arn,
                    "business_date": package.metadata.get("business-date", ""),
                    "reason": package.reason,
                    "who": package.changed_by or "the gate",
                    "report": package.metadata.get("report", ""),
                    "statistics": package.statistics_uri,
                    "arn": package.arn,
                }
            )
    return facts


def counts(stage: Stage) -> dict[str, int]:
    """Rows in the warehouse, and predictions that fall although the pack is stronger (there must be none)."""
    names = ("row_counts", "order_violations")
    rows = [row for name in names for row in stage.data_api.rows(statements(name, schema=stage.schema)[0])]
    return {name: int(value) for row in rows for name, value in row.items()}


def mix(stage: Stage) -> list[dict[str, Any]]:
    """How many products each package type is recommended for, weakest protection first."""
    return stage.data_api.rows(statements("recommendation_mix", schema=stage.schema)[0])


def digests(stage: Stage, found: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Sha256 of every model archive in `found` and of all predictions: the same seed gives the same digests."""
    s3, kept = stage.client("s3"), {}
    for model in found:
        bucket, key = split_uri(stage.registry.describe(model["arn"]).model_data_url)
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        kept[f"{model['group']}/{model['version']}"] = hashlib.sha256(body).hexdigest()
    rows = stage.data_api.rows(statements("all_predictions", schema=stage.schema)[0])
    return {**kept, "predictions": hashlib.sha256(json.dumps(rows).encode()).hexdigest()}


def alarms(stage: Stage) -> list[dict[str, str]]:
    """Alarms that are ringing, with what CloudWatch says about why."""
    pages = stage.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=stage.layout.named(""))
    return [
        {"name": alarm["AlarmName"], "state": alarm["StateValue"], "reason": alarm.get("StateReason", "")}
        for page in pages
        for alarm in page["MetricAlarms"]
        if alarm["StateValue"] == "ALARM"
    ]
