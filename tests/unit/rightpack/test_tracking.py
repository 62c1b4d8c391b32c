from __future__ import annotations

from typing import Any

import pytest

from rightpack.ledger import Ledger, Run, RunState, stamp
from rightpack.metrics import Metrics
from rightpack.notices import Notices
from rightpack.tracking import Tracker, fault_of
from tests.unit.rightpack.conftest import START, FakeClock, FakeCloudWatch, FakeSageMaker, FakeSns

ARN = "arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/e"
RUN = Run("training-2026-11-20-abc", "training", RunState.NEW, stamp(START), stamp(START), "s3://b/k", "v1")


@pytest.fixture
def tracker(sagemaker: FakeSageMaker, ledger: Ledger, metrics: Metrics, notices: Notices, clock: FakeClock) -> Tracker:
    ledger.claim(RUN)
    ledger.launched(RUN.run_id, ARN, now=START)
    stands(sagemaker, "Executing")
    return Tracker(sagemaker, ledger, metrics, notices, clock)


def stands(sagemaker: FakeSageMaker, status: str, **more: Any) -> None:
    sagemaker.executions[ARN] = {
        "PipelineExecutionDisplayName": RUN.run_id,
        "PipelineExecutionStatus": status,
        **more,
    }


def test_a_run_follows_its_execution_to_the_end(tracker: Tracker, sagemaker: FakeSageMaker) -> None:
    running = tracker.track(ARN)
    assert running is not None
    assert running.state is RunState.IN_PROGRESS
    stands(sagemaker, "Succeeded")
    done = tracker.track(ARN)
    assert done is not None
    assert done.state is RunState.COMPLETED


def test_a_failure_names_the_step_its_reason_and_whose_fault_and_is_told_once(
    tracker: Tracker, sagemaker: FakeSageMaker, sns: FakeSns, cloudwatch: FakeCloudWatch
) -> None:
    stands(sagemaker, "Failed", FailureReason="Step failure")
    sagemaker.messages = {"pipelines-e-Prepare-x": "ManifestError: part_3 is missing. Fix the data."}
    job = {"ProcessingJob": {"Arn": "arn:aws:sagemaker:us-east-1:1:processing-job/pipelines-e-Prepare-x"}}
    failed = {"StepName": "Prepare", "StepStatus": "Failed", "FailureReason": "AlgorithmError: , exit code: 1"}
    sagemaker.steps = [{**failed, "Metadata": job}]
    for _ in range(4):
        tracker.track(ARN)
    run = tracker.ledger.get(RUN.run_id)
    assert (run.state, run.fault) == (RunState.FAILED, "data")
    assert "part_3 is missing" in run.reason
    assert len(sns.messages) == 1
    assert "Prepare" in sns.messages[0][0]
    assert cloudwatch.total("RunFailed") == 1


def test_an_execution_that_the_launch_did_not_record_is_found_by_its_name(
    tracker: Tracker, sagemaker: FakeSageMaker, ledger: Ledger
) -> None:
    other = Run("training-2026-11-21-def", "training", RunState.NEW, stamp(START), stamp(START), "s3://b/k", "v2")
    ledger.claim(other)
    sagemaker.executions["arn:other"] = {
        "PipelineExecutionDisplayName": other.run_id,
        "PipelineExecutionStatus": "Succeeded",
    }
    tracker.track("arn:other")
    assert ledger.get(other.run_id).state is RunState.COMPLETED
    assert ledger.get(other.run_id).execution_arn == "arn:other"


def test_somebody_elses_execution_changes_nothing(tracker: Tracker, sagemaker: FakeSageMaker) -> None:
    sagemaker.executions["arn:theirs"] = {"PipelineExecutionStatus": "Failed"}
    assert tracker.track("arn:theirs") is None


def test_reconciling_finishes_what_no_event_told(
    tracker: Tracker, sagemaker: FakeSageMaker, cloudwatch: FakeCloudWatch
) -> None:
    stands(sagemaker, "Succeeded")
    assert tracker.reconcile() == {"tracked": 1}
    assert tracker.ledger.get(RUN.run_id).state is RunState.COMPLETED
    assert tracker.reconcile() == {"tracked": 0}
    assert cloudwatch.total("RunSucceeded") == 1


def test_the_age_of_the_last_success_grows_until_the_next(
    tracker: Tracker, sagemaker: FakeSageMaker, cloudwatch: FakeCloudWatch, clock: FakeClock
) -> None:
    stands(sagemaker, "Succeeded")
    tracker.track(ARN)
    clock.forward(hours=30)
    tracker.reconcile()
    ages = {d["Pipeline"]: v for name, v, d in cloudwatch.values if name == "HoursSinceLastSuccess"}
    assert ages["training"] == pytest.approx(30)
    assert ages["inference"] == 0.0


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("CapacityError: Unable to provision", "capacity"),
        ("AlgorithmError: ContractError: column weight_g is missing", "data"),
        ("InternalServerError:  We encountered", "platform"),
        ("something else", "ours"),
    ],
)
def test_a_reason_tells_whose_fault_it_was(reason: str, fault: str) -> None:
    assert fault_of(reason) == fault
