"""What is not run again: a cached re-run of the training pipeline, and a failed one that goes on where it failed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from rightpack.cache_reasons import Verdict, explain_cache
from rightpack.cli import explain_cache as command
from rightpack.cli import facts
from rightpack.cli.stage import Stage
from rightpack.layout import split_uri
from rightpack.ledger import Run, RunState
from rightpack.registry import Outcome
from tests.e2e.test_cycle import ended, put_again, registered
from tests.e2e.waiting import until

TIMES = Path(__file__).resolve().parents[2] / "out" / "resume.json"
JOBS = ("ProcessingJob", "TrainingJob", "TransformJob", "TuningJob")
CACHED = {"Prepare", "Train", "ScoreValidation", "Evaluate"}


def steps_of(stage: Stage, run: Run) -> dict[str, dict[str, Any]]:
    pages = stage.client("sagemaker").get_paginator("list_pipeline_execution_steps")
    found = pages.paginate(PipelineExecutionArn=run.execution_arn)
    return {step["StepName"]: step for page in found for step in page["PipelineExecutionSteps"]}


def jobs_of(steps: dict[str, dict[str, Any]]) -> dict[str, str]:
    """ARN of the job of every step that has one."""
    named = ((name, kind, step["Metadata"]) for name, step in steps.items() for kind in JOBS)
    return {name: metadata[kind]["Arn"] for name, kind, metadata in named if kind in metadata}


def started_for(stage: Stage, run: Run) -> set[str]:
    """Names of all jobs that were started for an execution: its id is in their names, a hit leaves none."""
    execution = run.execution_arn.rsplit("/", 1)[-1]
    sagemaker = stage.client("sagemaker")
    found: set[str] = set()
    for kind in ("processing", "training", "transform"):
        pages = sagemaker.get_paginator(f"list_{kind}_jobs").paginate(NameContains=execution)
        title = kind.capitalize()
        found |= {job[f"{title}JobName"] for page in pages for job in page[f"{title}JobSummaries"]}
    return found


def rerun(stage: Stage, trained: Run, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Run:
    """A run once more: the same drop, announced anew."""
    run = ended(stage, put_again(stage, trained, change).run_id)
    assert run.state is RunState.COMPLETED, run.reason
    return run


@pytest.fixture(scope="module")
def judged(stage: Stage, trained: Run) -> Run:
    """The training run, judged as the registry stands: other tests may have approved other models since the first."""
    return rerun(stage, trained)


@pytest.fixture(scope="module")
def again(stage: Stage, judged: Run) -> Run:
    """The training run once more, after nothing has changed."""
    return rerun(stage, judged)


def test_a_cached_rerun_starts_no_job_and_registers_the_same_verdict(stage: Stage, judged: Run, again: Run) -> None:
    steps = steps_of(stage, again)
    before, after = jobs_of(steps_of(stage, judged)), jobs_of(steps)

    assert {name for name, step in steps.items() if "CacheHitResult" in step} == CACHED
    assert after == before
    assert started_for(stage, again) == set()
    first, second = registered(stage, judged), registered(stage, again)
    assert (second.status, second.reason) == (first.status, first.reason) == ("Approved", first.reason)
    assert second.model_data_url == first.model_data_url
    found = facts.run_facts(stage, again)
    seconds = {"in all": found["seconds"], **{step["name"]: step["seconds"] for step in found["steps"]}}
    TIMES.parent.mkdir(exist_ok=True)
    TIMES.write_text(json.dumps({"cached re-run of training, seconds": seconds}, indent=1))


def test_a_new_champion_has_the_rerun_judged_again_and_nothing_else_done(
    stage: Stage, trained: Run, again: Run
) -> None:
    def other(body: dict[str, Any]) -> None:
        body["settings"].update(split={"validation_share": 0.33})

    champion = registered(stage, rerun(stage, trained, other))
    run = rerun(stage, again)

    assert champion.status == "Approved"
    assert {name for name, step in steps_of(stage, run).items() if "CacheHitResult" in step} == CACHED - {"Evaluate"}
    evaluation = json.loads(read(stage, output_uri(stage, run, "Evaluate", "evaluation") + "/evaluation.json"))
    assert evaluation["champion"]["arn"] == champion.arn


def test_what_a_person_changes_has_the_rerun_judged_again(stage: Stage, again: Run) -> None:
    touched(stage, rerun(stage, again))

    run = rerun(stage, again)

    assert {name for name, step in steps_of(stage, run).items() if "CacheHitResult" in step} == CACHED - {"Evaluate"}


def touched(stage: Stage, run: Run) -> None:
    """Have a person reject the version of a run."""
    package = registered(stage, run)
    stage.registry.set_status(package.arn, Outcome.REJECTED, "Glass broke in it.", now=dt.datetime.now(dt.UTC))


def read(stage: Stage, uri: str) -> bytes:
    bucket, key = split_uri(uri)
    return bytes(stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def test_the_cache_explains_itself(stage: Stage, again: Run) -> None:
    sagemaker = stage.client("sagemaker")

    hit = explain_cache(sagemaker, again.execution_arn, "Train")
    off = explain_cache(sagemaker, again.execution_arn, "CreateCandidate")

    assert hit.verdict is Verdict.HIT
    earlier = hit.other
    assert off.verdict is Verdict.OFF
    app = typer.Typer()
    app.command()(command.explain_cache)
    said = CliRunner().invoke(app, [again.run_id, "Train"])
    assert said.exit_code == 0, said.output
    assert f"Train hit: it took the result of {earlier}." in said.output.replace("\n", "")


def test_other_settings_are_named_as_the_reason_of_a_miss(stage: Stage, trained: Run) -> None:
    def other(body: dict[str, Any]) -> None:
        body["settings"].update(inference={"rows_per_file": 778})

    run = ended(stage, put_again(stage, trained, other).run_id)
    found = explain_cache(stage.client("sagemaker"), run.execution_arn, "Prepare")

    assert found.verdict is Verdict.CHANGED
    assert [item.path for item in found.differences] == ["ProcessingInputs['config'].S3Input.S3Uri"]


@contextmanager
def missing(stage: Stage, uri: str) -> Iterator[None]:
    """Take the objects below a URI away, and put them back."""
    s3 = stage.client("s3")
    bucket, prefix = split_uri(uri)
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
    held = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    for key in held:
        s3.delete_object(Bucket=bucket, Key=key)
    try:
        yield
    finally:
        for key, body in held.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)


def output_uri(stage: Stage, run: Run, step: str, output: str) -> str:
    name = jobs_of(steps_of(stage, run))[step].rsplit("/", 1)[-1]
    job = stage.client("sagemaker").describe_processing_job(ProcessingJobName=name)
    outputs = {item["OutputName"]: item["S3Output"]["S3Uri"] for item in job["ProcessingOutputConfig"]["Outputs"]}
    return str(outputs[output])


def test_a_run_that_failed_in_evaluate_goes_on_there_and_runs_nothing_before_it_again(
    stage: Stage, trained: Run
) -> None:
    touched(stage, rerun(stage, trained))  # otherwise the verdict would come from the cache
    with missing(stage, output_uri(stage, trained, "Prepare", "labels")):
        failed = ended(stage, put_again(stage, trained).run_id)
        before = steps_of(stage, failed)
    assert failed.state is RunState.FAILED
    assert {name for name, step in before.items() if step["StepStatus"] == "Failed"} == {"Evaluate"}
    started = started_for(stage, failed)

    stage.client("sagemaker").retry_pipeline_execution(PipelineExecutionArn=failed.execution_arn)
    resumed: Run = until(lambda: _completed(stage, failed.run_id))

    after = steps_of(stage, resumed)
    earlier = before.keys() - {"Evaluate"}
    assert resumed.execution_arn == failed.execution_arn
    assert {name: after[name] for name in earlier} == {name: before[name] for name in earlier}
    assert after["Evaluate"]["AttemptCount"] == before["Evaluate"]["AttemptCount"] + 1
    assert started_for(stage, resumed) - started == {jobs_of(after)["Evaluate"].rsplit("/", 1)[-1]}
    assert registered(stage, resumed).status == "Approved"


def _completed(stage: Stage, run_id: str) -> Run | None:
    run = stage.ledger.find(run_id)
    return run if run is not None and run.state is RunState.COMPLETED else None
