"""Records of runs: what an experiment was given, what each job was asked, and the objects that it read and wrote.

An embedded cloud ends with the command that started it, so a record keeps everything that comparing runs and repeating
a step need. Of a run in an account only what is judged is copied; the rest stays in its buckets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from rightpack.cli import facts
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.layout import split_uri
from rightpack.ledger import Run
from rightpack.settings import Settings
from rightpack.settings.building import nearest

RUN: Final = "run.json"
EXPERIMENT: Final = "experiment.json"
KINDS: Final = ("Processing", "Training", "Transform")
JUDGED: Final = (("Prepare", "labels"), ("ScoreValidation", ""), ("Evaluate", "evaluation"), ("Evaluate", "config"))


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One step's job: its kind and what Describe says of it; of a transform's model, its container."""

    step: str
    kind: str
    request: Mapping[str, Any]

    @property
    def inputs(self) -> dict[str, str]:
        """S3 URIs of inputs or channels by name."""
        if self.kind == "Processing":
            return {i["InputName"]: i["S3Input"]["S3Uri"] for i in self.request.get("ProcessingInputs", ())}
        if self.kind == "Training":
            sources = {c["ChannelName"]: c["DataSource"]["S3DataSource"] for c in self.request["InputDataConfig"]}
            return {name: source["S3Uri"] for name, source in sources.items()}
        data = {"data": self.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]}
        model = self.request.get("PrimaryContainer", {}).get("ModelDataUrl")
        return {**data, "model": model} if model else data

    @property
    def outputs(self) -> dict[str, str]:
        """S3 URIs of outputs by name; training and transform jobs have one without a name."""
        if self.kind == "Processing":
            outputs = self.request.get("ProcessingOutputConfig", {}).get("Outputs", ())
            return {o["OutputName"]: o["S3Output"]["S3Uri"] for o in outputs}
        if self.kind == "Training":
            model = self.request.get("ModelArtifacts", {}).get("S3ModelArtifacts")
            return {"": model} if model else {}
        return {"": self.request["TransformOutput"]["S3OutputPath"]}


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run's folder: `run.json`, and copies of objects in `s3/<bucket>/<key>`.

    `others` are steps without a job of ours, by name, with their kinds.
    """

    folder: Path
    facts: Mapping[str, Any]
    jobs: Mapping[str, JobRecord]
    others: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> RunRecord:
        """Read a record."""
        raw = json.loads((folder / RUN).read_text())
        jobs = {name: JobRecord(**job) for name, job in raw["jobs"].items()}
        return cls(folder, raw["facts"], jobs, raw.get("others", {}))

    def place(self, uri: str) -> Path:
        """Where the copy of an object or prefix lies, if there is one."""
        bucket, key = split_uri(uri)
        return self.folder / "s3" / bucket / key

    def uri(self, step: str, name: str) -> str:
        """URI of a step's input or output; KeyError if the step did not run or has none of that name."""
        job = self.jobs[step]
        return {**job.inputs, **job.outputs}[name]

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """What Evaluate found; None if the run did not come so far."""
        if "Evaluate" not in self.jobs:
            return None
        file = self.place(self.uri("Evaluate", "evaluation")) / "evaluation.json"
        return dict(json.loads(file.read_text())) if file.exists() else None

    @property
    def settings(self) -> Settings:
        """Resolved settings of the run."""
        return Settings.from_json((self.place(self.uri("Evaluate", "config")) / "settings.json").read_text())

    def table(self, step: str, name: str = "") -> pa.Table:
        """All Parquet rows of an input or output that was copied."""
        folder = self.place(self.uri(step, name))
        return pa.concat_tables(
            [pq.read_table(p) for p in sorted(folder.rglob("*")) if p.suffix in {".parquet", ".out"}]
        )


def save(stage: Stage, run: Run, folder: Path, *, whole: bool) -> RunRecord:
    """Record a run; `whole` copies every object that its jobs read or wrote, otherwise only what is judged."""
    steps = _steps(stage, run.execution_arn) if run.execution_arn else []
    jobs = {job.step: job for job in _jobs(stage, steps)}
    others = {step["StepName"]: next(iter(step.get("Metadata", {})), "") for step in steps}
    others = {name: kind for name, kind in others.items() if name not in jobs}
    found = facts.run_facts(stage, run)
    folder.mkdir(parents=True, exist_ok=True)
    record = RunRecord(folder, found, jobs, others)
    for uri in sorted(_everything(record) if whole else _judged(record)):
        copy_prefix(stage, uri, record.place(uri))
    if whole:
        _copy_source(stage, record)
    raw = {name: {"step": job.step, "kind": job.kind, "request": job.request} for name, job in jobs.items()}
    (folder / RUN).write_text(json.dumps({"facts": found, "jobs": raw, "others": others}, indent=1, default=str))
    return record


def _steps(stage: Stage, execution_arn: str) -> list[dict[str, Any]]:
    listing = stage.client("sagemaker").get_paginator("list_pipeline_execution_steps")
    pages = listing.paginate(PipelineExecutionArn=execution_arn)
    return [step for page in pages for step in page["PipelineExecutionSteps"]]


def _jobs(stage: Stage, steps: list[dict[str, Any]]) -> Iterator[JobRecord]:
    sagemaker = stage.client("sagemaker")
    for step in steps:
        for kind in KINDS:
            arn = step.get("Metadata", {}).get(f"{kind}Job", {}).get("Arn")
            if arn:
                describe = getattr(sagemaker, f"describe_{kind.lower()}_job")
                answer = describe(**{f"{kind}JobName": arn.rpartition("/")[2]})
                answer.pop("ResponseMetadata", None)
                if kind == "Transform":
                    answer |= _container(sagemaker, answer["ModelName"])
                yield JobRecord(step["StepName"], kind, json.loads(json.dumps(answer, default=str)))


def _container(sagemaker: Any, model: str) -> dict[str, Any]:
    """The container of a transform's model; nothing where the model has been deleted."""
    try:
        return {"PrimaryContainer": sagemaker.describe_model(ModelName=model).get("PrimaryContainer", {})}
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in {"ValidationException", "ResourceNotFound"}:
            raise
        return {}


def _everything(record: RunRecord) -> set[str]:
    return {uri for job in record.jobs.values() for uri in (*job.inputs.values(), *job.outputs.values())}


def _judged(record: RunRecord) -> set[str]:
    return {record.uri(step, name) for step, name in JUDGED if step in record.jobs}


def _copy_source(stage: Stage, record: RunRecord) -> None:
    """Code of an architecture from outside, which Train fetches itself."""
    for job in record.jobs.values():
        file = record.place(job.inputs["config"]) / "settings.json" if "config" in job.inputs else None
        if file and file.exists():
            source = Settings.from_json(file.read_text()).training.source
            if source:
                copy_prefix(stage, source, record.place(source))
            return


def copy_prefix(stage: Stage, uri: str, target: Path) -> int:
    """Download an object, or all below a prefix, to `target`; return how many there were.

    A single object takes the place of `target`, or lies in it under its own name if that is a folder.
    """
    bucket, prefix = split_uri(uri)
    s3, copied = stage.client("s3"), 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", ()):
            inner = found["Key"].removeprefix(prefix)
            if inner and not prefix.endswith("/") and not inner.startswith("/"):
                continue  # another object whose name begins alike
            own = target / found["Key"].rpartition("/")[2] if target.is_dir() else target
            place = target / inner.lstrip("/") if inner else own
            place.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, found["Key"], str(place))
            copied += 1
    return copied


def find(folder: Path, name: str) -> dict[str, RunRecord]:
    """Recorded runs called `name`, an experiment or a run id, by package type; SettingsError with the nearest name."""
    for place in (folder / name, Path(name)):
        if (place / EXPERIMENT).exists():
            return _by_type([RunRecord.open(run.parent) for run in sorted(place.glob(f"*/{RUN}"))])
    found = [RunRecord.open(run.parent) for run in sorted(folder.glob(f"*/{name}/{RUN}"))]
    if not found:
        known = sorted(
            {p.parent.name for p in folder.glob(f"*/{EXPERIMENT}")} | {p.parent.name for p in folder.glob(f"*/*/{RUN}")}
        )
        hint = nearest(name, known) if known else " `rightpack train` makes the first."
        raise SettingsError(f"There is no experiment or run {name!r} in {folder}.{hint}")
    return _by_type(found[:1])


def _by_type(records: list[RunRecord]) -> dict[str, RunRecord]:
    return {str(record.facts["package_type"] or record.facts["pipeline"]): record for record in records}
