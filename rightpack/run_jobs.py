"""What a run's steps did: which jobs ran, how long, on how many machines, and what the last of them said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from rightpack.causes import Diagnosis, diagnose
from rightpack.refused_rows import NONE_REFUSED, RefusedRows, refused_rows, told_by

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

KINDS: Final = ("Processing", "Training", "Transform")
REPORTS: Final = ("evaluation", "report")  # outputs that hold report.html
REPORT_NAME: Final = "report.html"
LOG_LINES: Final = 15
LOG_BYTES: Final = 4000
GONE: Final = frozenset({"ResourceNotFoundException", "ResourceNotFound"})


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One step as the ledger keeps it; `instance_seconds` are what is paid for, seconds times machines."""

    step: str
    kind: str
    state: str
    job: str = ""
    seconds: float = 0.0
    instance_type: str = ""
    instances: int = 0
    instance_seconds: float = 0.0
    attempts: int = 1
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """What is written down of an execution that has ended."""

    jobs: tuple[JobRecord, ...]
    report: str = ""
    model: str = ""
    registered_by: str = ""
    refused: RefusedRows = NONE_REFUSED

    @property
    def instance_seconds(self) -> float:
        """All machines' seconds together."""
        return round(sum(job.instance_seconds for job in self.jobs), 3)

    def facts(self) -> dict[str, object]:
        """Attributes of a run's record; those that are empty leave what is there."""
        jobs = json.dumps([{k: v for k, v in asdict(job).items() if v} for job in self.jobs])
        found = {"jobs": jobs, "report": self.report, "model": self.model, "instance_seconds": self.instance_seconds}
        found |= {"quarantine": self.refused.file, "rows_quarantined": self.refused.rows}
        return {key: value for key, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class RunJobs:
    """Reads an execution's steps and jobs, and with `s3` what they say of rows that could not be used."""

    sagemaker: SageMakerClient
    s3: S3Client | None = None

    def steps(self, execution_arn: str) -> list[dict[str, Any]]:
        """Steps of an execution, the first one first."""
        pages = self.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=execution_arn, SortOrder="Ascending"
        )
        return [dict(step) for page in pages for step in page["PipelineExecutionSteps"]]

    def account(self, execution_arn: str) -> Account:
        """What the execution did."""
        jobs, report, model, registered_by = [], "", "", ""
        told: dict[str, str] = {}
        for step in self.steps(execution_arn):
            kind, described = self._describe(step)
            jobs.append(_record(step, kind, described))
            report = _report(described) or report
            told |= told_by(described) if step["StepStatus"] == "Succeeded" else {}
            arn = step.get("Metadata", {}).get("RegisterModel", {}).get("Arn", "")
            model, registered_by = (arn, step["StepName"]) if arn else (model, registered_by)
        refused = refused_rows(self.s3, told) if self.s3 else NONE_REFUSED
        return Account(tuple(jobs), report, model, registered_by, refused)

    def diagnose(self, execution_arn: str, otherwise: str) -> Diagnosis:
        """Why an execution failed: by its first failed step, else by `otherwise`, the words of the execution itself."""
        for step in self.steps(execution_arn):
            if step["StepStatus"] == "Failed":
                _, described = self._describe(step)
                said = described.get("ExitMessage", "")
                found = diagnose(f"{said} {step.get('FailureReason', otherwise)}".strip(), step["StepName"])
                # A job's own words are for people; the platform's hold no more than its exit code.
                return Diagnosis(found.cause, found.transient, said or found.reason, found.step, found.never)
        return diagnose(otherwise)

    def _describe(self, step: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Kind of a step's job and what Describe says of it; of a cache hit that is another run's job."""
        for kind, name in _job_names(step):
            if "CacheHitResult" in step:
                return kind, {}
            describe = getattr(self.sagemaker, f"describe_{kind.lower()}_job")
            return kind, dict(describe(**{f"{kind}JobName": name}))
        return "", {}


@dataclass(frozen=True, slots=True)
class JobLogs:
    """The last lines of a failed step's log."""

    logs: Any
    jobs: RunJobs

    def last_words(self, execution_arn: str, step_name: str) -> str:
        """Last lines of the step's newest log stream; empty if it has none."""
        for step in self.jobs.steps(execution_arn) if execution_arn and step_name else ():
            if step["StepName"] == step_name:
                return next((self._tail(kind, name) for kind, name in _job_names(step)), "")
        return ""

    def _tail(self, kind: str, job: str) -> str:
        group = f"/aws/sagemaker/{kind}Jobs"
        try:
            streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
            if not streams:
                return ""
            stream = max(streams, key=lambda one: one.get("lastEventTimestamp", 0))["logStreamName"]
            events = self.logs.get_log_events(
                logGroupName=group, logStreamName=stream, limit=LOG_LINES, startFromHead=False
            )["events"]
        except self.logs.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            return ""
        return "\n".join(event["message"].rstrip() for event in events)[-LOG_BYTES:]


def _job_names(step: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        arn = step.get("Metadata", {}).get(f"{kind}Job", {}).get("Arn", "")
        if arn:
            yield kind, arn.rpartition("/")[2]


def _record(step: Mapping[str, Any], kind: str, described: Mapping[str, Any]) -> JobRecord:
    cluster = _cluster(kind, described)
    started, ended = (described.get(f"{kind}{edge}Time") for edge in ("Start", "End"))
    seconds = (ended - started).total_seconds() if started and ended else 0.0
    machines = int(cluster.get("InstanceCount", 0))
    paid = float(described.get("BillableTimeInSeconds", seconds)) * machines
    return JobRecord(
        step=step["StepName"],
        kind=kind or next(iter(step.get("Metadata", {})), ""),
        state=step["StepStatus"],
        job=str(described.get(f"{kind}JobName", "")),
        seconds=round(seconds, 3),
        instance_type=cluster.get("SelectedInstanceType") or cluster.get("InstanceType", ""),
        instances=machines,
        instance_seconds=round(paid, 3),
        attempts=int(step.get("AttemptCount", 1) or 1),
        cached="CacheHitResult" in step,
    )


def _cluster(kind: str, described: Mapping[str, Any]) -> Mapping[str, Any]:
    if kind == "Processing":
        resources: Mapping[str, Any] = described.get("ProcessingResources", {})
        return dict(resources.get("ClusterConfig", {}))
    found: Mapping[str, Any] = described.get({"Training": "ResourceConfig"}.get(kind, "TransformResources"), {})
    return found


def _report(described: Mapping[str, Any]) -> str:
    outputs = described.get("ProcessingOutputConfig", {}).get("Outputs", [])
    uris = [o["S3Output"]["S3Uri"] for o in outputs if o["OutputName"] in REPORTS]
    return f"{uris[0].rstrip('/')}/{REPORT_NAME}" if uris else ""
