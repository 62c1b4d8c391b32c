from __future__ import annotations

from typing import Any

import pytest

from rightpack.causes import diagnose
from rightpack.ledger import Ledger, Run, RunState, stamp
from rightpack.refused_rows import kept_in
from rightpack.tracking import Tracker
from tests.unit.rightpack.conftest import START, FakeCloudWatch, FakeSageMaker, FakeSns

ARN = "arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/e"
RUN = Run("training-2026-11-20-abc", "training", RunState.NEW, stamp(START), stamp(START), "s3://b/k", "v1")


@pytest.fixture(autouse=True)
def _launched(sagemaker: FakeSageMaker, ledger: Ledger) -> None:
    ledger.claim(RUN)
    ledger.launched(RUN.run_id, ARN, now=START)
    stands(sagemaker, "Executing")


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
    assert (run.state, run.cause) == (RunState.FAILED, "data")
    assert "part_3 is missing" in run.reason
    assert len(sns.messages) == 1
    assert "Prepare" in sns.messages[0][0]
    assert cloudwatch.total("RunFailed") == 1


def test_a_drop_that_was_refused_whole_leads_to_its_reason(tracker: Tracker, sagemaker: FakeSageMaker) -> None:
    stands(sagemaker, "Failed", FailureReason="Step failure")
    kept = "s3://data/quarantine/drops/d/reason.json"
    sagemaker.messages = {"p-Prepare": f"DataError: no rows. {kept_in(kept)} Fix the data, then drop again."}
    job = {"ProcessingJob": {"Arn": "arn:aws:sagemaker:us-east-1:1:processing-job/p-Prepare"}}
    sagemaker.steps = [
        {"StepName": "Prepare", "StepStatus": "Failed", "FailureReason": "exit code: 1", "Metadata": job}
    ]
    tracker.track(ARN)
    run = tracker.ledger.get(RUN.run_id)
    assert (run.state, run.quarantine, run.rows_quarantined) == (RunState.FAILED, kept, 0)


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


def test_a_notice_has_the_steps_last_words(tracker: Tracker, sagemaker: FakeSageMaker, sns: FakeSns) -> None:
    stands(sagemaker, "Failed", FailureReason="DataError: x")
    sagemaker.steps = [{"StepName": "Load", "StepStatus": "Failed", "FailureReason": "DataError: x"}]
    tracker.track(ARN)
    assert "last words of Load" in sns.messages[0][1]


def test_a_held_model_is_told_with_what_to_do(tracker: Tracker, sagemaker: FakeSageMaker, sns: FakeSns) -> None:
    stands(sagemaker, "Succeeded")
    arn = "arn:aws:sagemaker:us-east-1:1:model-package/rightpack-dev-carton/7"
    sagemaker.steps = [
        {"StepName": "RegisterHeld", "StepStatus": "Succeeded", "Metadata": {"RegisterModel": {"Arn": arn}}}
    ]
    tracker.track(ARN)
    assert "waits for a person" in sns.messages[0][0]
    assert "rightpack approve /7" in sns.messages[0][1] or "/7" in sns.messages[0][1]


def test_an_execution_that_the_service_forgot_ends_its_run(tracker: Tracker, sagemaker: FakeSageMaker) -> None:
    sagemaker.executions.clear()
    run = tracker.track(ARN)
    assert run is not None
    assert (run.state, run.cause) == (RunState.FAILED, "platform")


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("CapacityError: Unable to provision", "capacity"),
        ("AlgorithmError: ContractError: column weight_g is missing", "data"),
        ("InternalServerError:  We encountered", "platform"),
        ("AlgorithmError: , exit code: 75", "platform"),
        ("DataError: row 3 says InternalServerError", "data"),
        ("ThrottlingException: Rate exceeded", "throttling"),
        ("ResourceLimitExceeded: the account-level service limit", "limit"),
        ("something else", "ours"),
    ],
)
def test_a_reason_tells_the_class_of_its_cause(reason: str, cause: str) -> None:
    assert diagnose(reason).cause == cause
