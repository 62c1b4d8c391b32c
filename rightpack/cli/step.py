"""`rightpack step`: one step of a recorded run again, on this machine, from the inputs that it had."""

from __future__ import annotations

import json as jsonlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from processing.job import ROOT_VARIABLE
from rightpack.cli import output
from rightpack.cli.config import Chosen, Files, Json, Sets, StageName
from rightpack.cli.experiments import FOLDER, Experiments, embedded_stage
from rightpack.cli.lookup import recorded
from rightpack.cli.records import EXPERIMENT, JobRecord, RunRecord, copy_prefix
from rightpack.cli.stage import Stage
from rightpack.errors import DataError, SettingsError
from rightpack.settings import Settings, combined, merge
from rightpack.settings.building import build, nearest

PYTHON = ("python", "-m")
WHOLE = ("$", "None")  # filters and joins of a transform that do nothing


def step(
    run: Annotated[str, typer.Argument(help="Run id, or an experiment of one run.")],
    name: Annotated[str, typer.Argument(metavar="STEP", help="Name of the step, e.g. Evaluate.")],
    config: Files = None,
    set_: Sets = None,
    experiments: Experiments = FOLDER,
    out: Annotated[Path, typer.Option(help="Folder for the job's files.")] = Path("out/steps"),
    stage: StageName = "dev",
    json: Json = "",
) -> None:
    """Run one step again from a run's inputs, with today's code and, if you like, other settings."""
    output.leave_stdout_to([json])
    record = _one(recorded(run, experiments, stage), run)
    job = _job(record, name)
    chosen = Chosen.of(stage, config, set_)
    root = (out / record.facts["id"] / name).resolve()
    shutil.rmtree(root, ignore_errors=True)
    with _place(record, chosen) as connected:
        bring(job, root, connected)
        if chosen.layers:
            _resettle(root, job, chosen)
        code = _execute(job, root)
    _say(job, root, code, json)


def _one(found: Mapping[str, RunRecord], name: str) -> RunRecord:
    if len(found) != 1:
        runs = ", ".join(f"{record.facts['id']} ({kind})" for kind, record in found.items())
        raise SettingsError(f"{name} has several runs; name one of {runs}.")
    return next(iter(found.values()))


def _job(record: RunRecord, name: str) -> JobRecord:
    able = [step for step, job in record.jobs.items() if not _obstacle(job)]
    if name in able:
        return record.jobs[name]
    run = record.facts["id"]
    if name in record.jobs:
        raise SettingsError(f"Step {name!r} of {run} cannot be repeated: {_obstacle(record.jobs[name])}.")
    if name in record.others:
        kind = record.others[name] or "waiting"
        raise SettingsError(
            f"Step {name!r} of {run} cannot be repeated: it is a {kind} step, which runs no single job. "
            f"These can be: {', '.join(sorted(able))}."
        )
    raise SettingsError(f"{run} has no step {name!r}.{nearest(name, able)}")


def _obstacle(job: JobRecord) -> str:
    """Why a job cannot be repeated here; nothing where it can."""
    if job.kind == "Processing":
        return "" if module_of(job) else "its command is none of this project's modules"
    if job.kind == "Training":
        own = job.request["AlgorithmSpecification"].get("ContainerEntrypoint")
        return "it starts a command of its own image" if own else ""
    given = job.request["TransformInput"]
    if "model" not in job.inputs:
        return "the record does not say which model it scored with, or that is gone; record the run again"
    processed = {key: value for key, value in job.request.get("DataProcessing", {}).items() if value not in WHOLE}
    cut = processed or given.get("SplitType", "None") != "None"
    return "it cuts, filters or joins records, and only whole files are scored here" if cut else ""


def module_of(job: JobRecord) -> list[str]:
    """Module and arguments of a Python step; nothing for other jobs."""
    if job.kind == "Training":
        return ["processing.train"]
    if job.kind == "Transform":
        types = {
            "--content-type": job.request["TransformInput"].get("ContentType"),
            "--accept": job.request["TransformOutput"].get("Accept"),
        }
        return ["processing.score_files", *(part for flag, kind in types.items() if kind for part in (flag, kind))]
    asked = job.request.get("AppSpecification", {})
    entry = asked.get("ContainerEntrypoint", [])
    return [*entry[2:], *asked.get("ContainerArguments", [])] if tuple(entry[:2]) == PYTHON else []


@contextmanager
def _place(record: RunRecord, chosen: Chosen) -> Iterator[Stage]:
    """Where the step's own requests go: the cloud that the run was on, or one that has the run's objects again."""
    if not _is_whole(record):
        yield Stage.connect(chosen.stage)
        return
    with output.console.status("Starting the embedded cloud"), embedded_stage(Chosen(chosen.stage)) as connected:
        s3, base = connected.client("s3"), record.folder / "s3"
        for file in sorted(p for p in base.rglob("*") if p.is_file()):
            bucket, _, key = file.relative_to(base).as_posix().partition("/")
            s3.upload_file(str(file), bucket, key)
        yield connected


def _is_whole(record: RunRecord) -> bool:
    note = record.folder.parent / EXPERIMENT
    return note.exists() and jsonlib.loads(note.read_text())["on"] == "local"


def bring(job: JobRecord, root: Path, stage: Stage) -> None:
    """Lay the job's inputs where it looks for them; DataError if one is gone."""
    base = root / ("input/data" if job.kind == "Training" else "processing/input")
    for name, uri in job.inputs.items():
        target = base / name
        target.mkdir(parents=True, exist_ok=True)
        if not copy_prefix(stage, uri, target):
            raise DataError(f"Input {name!r} of {job.step} is not there any more: {uri}")
    for folder in ("config", "output", "model"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "config" / "processingjobconfig.json").write_text(jsonlib.dumps(job.request))
    if job.kind == "Training":
        (root / "input" / "config").mkdir(parents=True, exist_ok=True)
        given = jsonlib.dumps(job.request.get("HyperParameters", {}))
        (root / "input" / "config" / "hyperparameters.json").write_text(given)


def _resettle(root: Path, job: JobRecord, chosen: Chosen) -> None:
    """Lay other settings over those that the run had."""
    file = root / ("input/data" if job.kind == "Training" else "processing/input") / "config" / "settings.json"
    if not file.exists():
        raise SettingsError(f"Step {job.step} reads no settings.")
    before = jsonlib.loads(file.read_text())
    types = {row["name"]: {k: v for k, v in row.items() if k != "name"} for row in before["package_types"]}
    merged = merge({**before, "package_types": types}, combined(chosen.layers))
    rows = [{"name": name, **values} for name, values in merged["package_types"].items()]
    file.write_text(build(Settings, {**merged, "package_types": rows}).to_json())


def _execute(job: JobRecord, root: Path) -> int:
    environment = {**os.environ, **job.request.get("Environment", {}), ROOT_VARIABLE: str(root)}
    command = [sys.executable, "-m", *module_of(job)]
    return subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode


def _say(job: JobRecord, root: Path, code: int, json: str) -> None:
    folder = root / ("model" if job.kind == "Training" else "processing/output")
    files = [
        {"file": str(p.relative_to(root)), "bytes": p.stat().st_size} for p in sorted(folder.rglob("*")) if p.is_file()
    ]
    words = next((p.read_text() for p in (root / "output" / n for n in ("message", "failure")) if p.exists()), "")
    facts: dict[str, Any] = {"step": job.step, "exit_code": code, "message": words, "folder": root, "files": files}
    if json:
        output.write_json(facts, json)
    if json != "-":
        if files:
            output.rows_table(f"{job.step} wrote", files)
        output.console.print(words or f"Done; everything is in {root}", markup=False)
    raise typer.Exit(0 if code == 0 else 1)
