"""Rows of a drop that a run could not use: kept among its artefacts, counted once, and nothing breaks without them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rightpack.layout import Metric
from rightpack.ledger import Ledger, Run, RunState, stamp
from rightpack.notices import Outbox
from rightpack.run_jobs import RunJobs
from rightpack.starting import Starter
from rightpack.tracking import Tracker
from tests.unit.rightpack.conftest import LAYOUT, START, FakeClock, FakeCloudWatch, FakeS3, FakeSageMaker, FakeSns

ARN = "arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/e"
RUN = Run("inference-2026-11-20-abc", "inference", RunState.NEW, stamp(START), stamp(START), "s3://b/k", "v1")
LIST = "s3://data/quarantine/drops/inference/2026-11-20/d/rows.parquet"
SAID = {"rows": 3, "of": 90, "reasons": [], "file": LIST}


class FakeJobs(FakeSageMaker):
    """Every processing job has the outputs `profile` and `report` below a folder of its own."""

    def describe_processing_job(self, *, ProcessingJobName: str) -> dict[str, Any]:  # type: ignore[override]
        step = ProcessingJobName.split("-")[2]
        names = {"Prepare": ("features", "profile"), "Recommend": ("report",)}.get(step, ())
        outputs = [{"OutputName": n, "S3Output": {"S3Uri": f"s3://{LAYOUT.artefact_bucket}/e/{n}"}} for n in names]
        return {"ProcessingJobName": ProcessingJobName, "ProcessingOutputConfig": {"Outputs": outputs}}


@pytest.fixture
def sagemaker() -> FakeSageMaker:
    return FakeJobs()


@pytest.fixture
def tracker(sagemaker: FakeSageMaker, starter: Starter, outbox: Outbox, s3: FakeS3, clock: FakeClock) -> Tracker:
    return Tracker(sagemaker, starter, outbox, RunJobs(sagemaker, s3), clock)


def step(name: str, status: str = "Succeeded", **more: Any) -> dict[str, Any]:
    arn = f"arn:aws:sagemaker:us-east-1:1:processing-job/pipelines-e-{name}-x"
    return {"StepName": name, "StepStatus": status, "Metadata": {"ProcessingJob": {"Arn": arn}}, **more}


def ended(tracker: Tracker, sagemaker: FakeSageMaker, steps: list[dict[str, Any]], status: str = "Succeeded") -> Run:
    """The record of the run after its execution has ended, and was looked at twice."""
    tracker.ledger.claim(RUN)
    tracker.ledger.launched(RUN.run_id, ARN, now=START)
    sagemaker.steps = steps
    sagemaker.executions[ARN] = {
        "PipelineExecutionDisplayName": RUN.run_id,
        "PipelineExecutionStatus": status,
        "FailureReason": "DataError: x",
    }
    for _ in range(2):
        tracker.track(ARN)
    return tracker.ledger.get(RUN.run_id)


def put(s3: FakeS3, output: str, name: str, said: object) -> None:
    s3.put_object(Bucket=LAYOUT.artefact_bucket, Key=f"e/{output}/{name}", Body=json.dumps(said).encode())


def test_the_list_of_refused_rows_is_kept_with_the_run_and_their_number_counted_once(
    tracker: Tracker, sagemaker: FakeSageMaker, s3: FakeS3, cloudwatch: FakeCloudWatch
) -> None:
    put(s3, "profile", "profile.json", {"quarantine": SAID})
    run = ended(tracker, sagemaker, [step("Prepare"), step("Recommend")])
    assert (run.state, run.quarantine, run.rows_quarantined) == (RunState.COMPLETED, LIST, 3)
    assert run.report == f"s3://{LAYOUT.artefact_bucket}/e/report/report.html"
    assert [found for found in cloudwatch.values if found[0] == Metric.ROWS_QUARANTINED] == [
        ("RowsQuarantined", 3.0, {"Stage": "dev", "Pipeline": "inference"})
    ]


def test_of_a_cached_prepare_the_report_tells(tracker: Tracker, sagemaker: FakeSageMaker, s3: FakeS3) -> None:
    put(s3, "report", "summary.json", {"quarantine": SAID})
    cached = step("Prepare", CacheHitResult={"SourcePipelineExecutionArn": "arn:other"})
    assert ended(tracker, sagemaker, [cached, step("Recommend")]).quarantine == LIST


def test_a_run_that_fails_later_names_its_refused_rows_in_the_notice(
    tracker: Tracker, sagemaker: FakeSageMaker, s3: FakeS3, sns: FakeSns
) -> None:
    put(s3, "profile", "profile.json", {"quarantine": SAID})
    run = ended(tracker, sagemaker, [step("Prepare"), step("Recommend", "Failed")], "Failed")
    assert (run.state, run.rows_quarantined) == (RunState.FAILED, 3)
    assert f"Rows refused: 3, see {LIST}" in sns.messages[0][1]


@pytest.mark.parametrize("said", [None, [], {}, {"quarantine": None}, {"quarantine": 7}, {"quarantine": {"rows": "x"}}])
def test_a_profile_that_does_not_tell_keeps_no_run_from_ending(
    tracker: Tracker, sagemaker: FakeSageMaker, s3: FakeS3, cloudwatch: FakeCloudWatch, said: object
) -> None:
    put(s3, "profile", "profile.json", said)
    run = ended(tracker, sagemaker, [step("Prepare")])
    assert (run.state, run.quarantine, run.rows_quarantined) == (RunState.COMPLETED, "", 0)
    assert cloudwatch.total("RowsQuarantined") == 0


def test_neither_does_one_that_is_gone_or_cut_short(tracker: Tracker, sagemaker: FakeSageMaker, s3: FakeS3) -> None:
    assert ended(tracker, sagemaker, [step("Prepare")]).state is RunState.COMPLETED
    s3.put_object(Bucket=LAYOUT.artefact_bucket, Key="e/profile/profile.json", Body=b'{"quarantine": {"ro')
    assert RunJobs(sagemaker, s3).account(ARN).refused.rows == 0


def test_a_ledger_without_refused_rows_reads_as_before(ledger: Ledger) -> None:
    ledger.claim(RUN)
    assert (ledger.get(RUN.run_id).rows_quarantined, ledger.get(RUN.run_id).quarantine) == (0, "")
