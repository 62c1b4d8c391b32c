"""Thousands of submitted runs under transient failures: all end, none is launched twice, the ledger tells the truth.

The committed platform runs in the embedded cloud; only the training pipeline is replaced by one with a single cheap
step, whose call the service refuses with the given chance. Everything else is what an account would run: the file is
submitted by the command's own code, the functions start, retry and track.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rightpack.batch_file import BatchFile
from rightpack.batches import Batches
from rightpack.cli import faults, running
from rightpack.cli.embedded import embedded_cloud
from rightpack.cli.stage import Stage
from rightpack.cli.submitting import Submission
from rightpack.errors import InternalError
from rightpack.layout import TRIGGER_NAME, PipelineKind, drop_prefix
from rightpack.ledger import Run, RunState
from rightpack.run_jobs import RunJobs
from rightpack.trends import trends
from rightpack.trigger import DropData, Trigger

DATE = dt.date(2026, 11, 20)
PACKAGE_TYPE = "carton"
PARAMETERS = ("RunId", "BusinessDate", "PackageType", "DataUri", "ManifestUri", "ConfigUri", "ModelPackageGroupName")
POLL_SECONDS = 3.0
TICK_SECONDS = 30.0
READERS = 4
POLICY = {"first_wait_seconds": 0.0, "longest_wait_seconds": 5.0, "retries": 20}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and what of it is wrong."""

    facts: dict[str, Any]
    problems: list[str]


def definition(image: str, role: str) -> str:
    """A training pipeline of one step: it makes a model of no data."""
    parameters = [{"Name": name, "Type": "String"} for name in PARAMETERS]
    container = {"Image": image, "Environment": {"RUN": {"Get": "Parameters.RunId"}}}
    step = {
        "Name": "CreateCandidate",
        "Type": "Model",
        "Arguments": {"ExecutionRoleArn": role, "PrimaryContainer": container},
    }
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters, "Steps": [step]})


def prepare(stage: Stage) -> Run:
    """Put the cheap pipeline in place, and make the drop that the batch trains on; return the drop's own run."""
    layout, sagemaker = stage.layout, stage.client("sagemaker")
    name = layout.pipeline(PipelineKind.TRAINING)
    role = f"arn:aws:iam::{layout.account}:role/{layout.named('job')}"
    image = f"{layout.account}.dkr.ecr.{layout.region}.amazonaws.com/rightpack:1"
    sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition(image, role))
    prefix = drop_prefix(PipelineKind.TRAINING, DATE.isoformat(), "carton-1")
    uri = f"s3://{layout.data_bucket}/{prefix}data/"
    trigger = Trigger(PipelineKind.TRAINING, "weekly", DATE, DropData(uri, f"{uri}part_manifest"), PACKAGE_TYPE)
    stage.client("s3").put_object(
        Bucket=layout.data_bucket, Key=f"{prefix}{TRIGGER_NAME}", Body=trigger.to_json().encode()
    )
    return wait_for(lambda: next((run for run in stage.ledger.recent("training") if not run.open), None))


def wait_for(found: Callable[[], Run | None], *, seconds: float = 120.0) -> Run:
    """Ask until there is an answer."""
    deadline = time.monotonic() + seconds
    while (answer := found()) is None:
        if time.monotonic() > deadline:
            raise InternalError("The drop's own run has not ended.")
        time.sleep(0.2)
    return answer


def batch_file(runs: int) -> BatchFile:
    """A batch of `runs` seeds."""
    raw = {"package_types": [PACKAGE_TYPE], "seeds": runs, "settings": {"launching": POLICY}}
    return BatchFile.of(raw, name=f"submit-{runs}", trained=[PACKAGE_TYPE])


def until_ended(stage: Stage, batch: Run, seconds: float) -> Run:
    """Let the clock tick until the batch has ended, or `seconds` have passed."""
    batches = Batches(stage.ledger, lambda: dt.datetime.now(dt.UTC))
    deadline, ticked = time.monotonic() + seconds, 0.0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("Runs ended", total=batches.totals(batch).expected)
        while (found := stage.ledger.get(batch.run_id)).open and time.monotonic() < deadline:
            if time.monotonic() - ticked > TICK_SECONDS:
                running.nudge(stage)
                ticked = time.monotonic()
            time.sleep(POLL_SECONDS)
            progress.update(bar, completed=batches.totals(batch).ended)
    return found


def judge(stage: Stage, batch: Run, file: BatchFile, *, repeated: int) -> Verdict:
    """Compare the ledger with the executions that there are."""
    runs = stage.ledger.of_batch(batch.run_id)
    ids = {run.run_id for run in runs}
    sagemaker = stage.client("sagemaker")
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=stage.layout.pipeline(PipelineKind.TRAINING)
    )
    executions = [one for page in pages for one in page["PipelineExecutionSummaries"]]
    members = [one for one in executions if one["PipelineExecutionDisplayName"].partition("-try-")[0] in ids]
    launched = Counter(one["PipelineExecutionDisplayName"] for one in members)
    states = Counter(run.state.value for run in runs)
    succeeded = sum(one["PipelineExecutionStatus"] == "Succeeded" for one in members)
    problems = [f"The batch is {batch.state}."] if batch.state is not RunState.COMPLETED else []
    problems += [f"{len(runs)} runs, not {len(file.variants)}."] if len(runs) != len(file.variants) else []
    problems += [f"{run.run_id} is {run.state}." for run in runs if run.open]
    problems += [f"{name} was launched {count} times." for name, count in launched.items() if count > 1]
    problems += [f"{run.run_id} has no execution." for run in runs if run.display_name not in launched]
    problems += attempts_that_differ(stage, runs)
    if succeeded != states["Completed"]:
        problems.append(f"{succeeded} executions succeeded, the ledger says {states['Completed']}.")
    problems += [f"{repeated} runs were queued again by the same file."] if repeated else []
    facts = {"states": dict(states), "executions": len(members), "retries": sum(run.retries for run in runs)}
    return Verdict({**facts, "reason": batch.reason, "trends": trends(runs)}, problems)


def attempts_that_differ(stage: Stage, runs: list[Run]) -> list[str]:
    """Runs of which the ledger counts other retries than the service, whose step knows how often it was tried."""
    jobs = RunJobs(stage.client("sagemaker"))
    with ThreadPoolExecutor(READERS) as pool:
        steps = list(pool.map(lambda run: jobs.steps(run.execution_arn) if run.execution_arn else [], runs))
    tried = [sum(step.get("AttemptCount", 1) for step in of_one) for of_one in steps]
    return [
        f"{run.run_id} was tried {count} times, the ledger says {run.retries + 1}."
        for run, count in zip(runs, tried, strict=True)
        if count != run.retries + 1
    ]


def play(stage: Stage, runs: int, chance: float, seconds: float) -> Verdict:
    """Submit, wait, submit again, judge."""
    prepare(stage)
    arm(chance)
    file, submission = batch_file(runs), Submission.to(stage)
    began = time.monotonic()
    batch, _ = submission.submit(file)
    submitted = time.monotonic() - began
    before = len(stage.ledger.of_batch(batch.run_id))
    submission.submit(file)
    repeated = len(stage.ledger.of_batch(batch.run_id)) - before
    running.nudge(stage)
    ended = until_ended(stage, batch, seconds)
    found = judge(stage, ended, file, repeated=repeated)
    steps = RunJobs(stage.client("sagemaker"))
    sample = next((run for run in stage.ledger.of_batch(batch.run_id) if run.retries), None)
    found.facts["sample"] = [step["StepStatus"] for step in steps.steps(sample.execution_arn)] if sample else []
    found.facts["seconds"] = {"submit": round(submitted, 1), "all": round(time.monotonic() - began, 1)}
    open_after = Batches(stage.ledger, lambda: dt.datetime.now(dt.UTC)).totals(ended)
    found.facts["totals"] = open_after.words()
    return found


def arm(chance: float) -> None:
    """Refuse that share of the step's calls: for now the quota is used up."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "faults.toml"
        lines = ['kind = "limit"', 'service = "sagemaker"', 'operation = "CreateModel"', "count = 1000000"]
        file.write_text("\n".join(["[[fault]]", *lines, f"chance = {chance}", "seed = 7"]))
        faults.arm(file)


def told(facts: dict[str, Any]) -> str:
    """One line."""
    seconds = facts["seconds"]["all"]
    return f"{facts['totals']}, in {facts['executions']} executions and {facts['retries']} retries, {seconds:,.0f} s"


def main() -> int:
    """Run, write the facts, and return 0 where nothing is wrong."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=2000)
    options.add_argument("--chance", type=float, default=0.3)
    options.add_argument("--timeout", type=float, default=3600.0)
    options.add_argument("--json", type=Path, default=Path("out/submit-2000.json"))
    given = options.parse_args()
    with embedded_cloud("dev"):
        verdict = play(Stage.connect("dev"), given.runs, given.chance, given.timeout)
    facts = {"runs": given.runs, "verdict": "failed" if verdict.problems else "passed", "problems": verdict.problems}
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps({**facts, **verdict.facts}, indent=1, default=str) + "\n")
    print(f"{facts['verdict']}: {told(verdict.facts)}")  # noqa: T201 - a command's answer
    for problem in verdict.problems[:20]:
        print(problem)  # noqa: T201 - as above
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
