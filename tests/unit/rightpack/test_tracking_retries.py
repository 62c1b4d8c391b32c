"""A run whose execution was retried on purpose is open again."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from rightpack.ledger import Ledger, Run, RunState, stamp
from rightpack.tracking import Tracker
from tests.unit.rightpack.conftest import START, FakeSageMaker

ARN = "arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/e"
RUN = Run("training-2026-11-20-abc", "training", RunState.NEW, stamp(START), stamp(START), "s3://b/k", "v1")
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def ended(sagemaker: FakeSageMaker, ledger: Ledger, tracker: Tracker) -> dict[str, Any]:
    """A run that the ledger saw fail, and the tracker that may hear of it again."""
    ledger.claim(RUN)
    ledger.launched(RUN.run_id, ARN, now=START)
    ledger.finish(RUN.run_id, RunState.FAILED, reason="why", now=START)
    return {"tracker": tracker, "sagemaker": sagemaker}


def heard(ended: dict[str, Any], status: str, changed: dt.datetime) -> Run:
    ended["sagemaker"].executions[ARN] = {
        "PipelineExecutionDisplayName": RUN.run_id,
        "PipelineExecutionStatus": status,
        "LastModifiedTime": changed,
    }
    run: Run = ended["tracker"].track(ARN)
    return run


def test_an_execution_that_runs_again_opens_its_run(ended: dict[str, Any]) -> None:
    run = heard(ended, "Executing", START + MINUTE)

    assert (run.state, run.reason) == (RunState.IN_PROGRESS, "")


def test_a_success_after_a_retry_counts_even_if_its_start_was_not_heard_of(ended: dict[str, Any]) -> None:
    assert heard(ended, "Succeeded", START + MINUTE).state is RunState.COMPLETED


def test_an_answer_from_before_the_end_opens_nothing(ended: dict[str, Any]) -> None:
    run = heard(ended, "Executing", START - MINUTE)

    assert (run.state, run.reason) == (RunState.FAILED, "why")


def test_the_same_end_told_again_changes_nothing(ended: dict[str, Any]) -> None:
    assert heard(ended, "Failed", START + MINUTE).reason == "why"
