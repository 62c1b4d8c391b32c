"""A run whose execution was retried on purpose is open again."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
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


@pytest.fixture
def retried(ledger: Ledger) -> dt.datetime:
    """A run whose failure was seen, and whose retry the ledger wrote down a minute late."""
    ledger.claim(RUN)
    ledger.launched(RUN.run_id, ARN, now=START)
    seen = replace(ledger.get(RUN.run_id), failed_at=stamp(START))
    ledger.to_retry(seen, reason="x", cause="platform", until=START, now=START)
    ledger.retried(ledger.get(RUN.run_id), now=START + MINUTE)
    return START + MINUTE / 2


def test_an_end_that_came_before_its_retry_was_written_down_counts_at_once(
    retried: dt.datetime, tracker: Tracker, sagemaker: FakeSageMaker
) -> None:
    ended = {"tracker": tracker, "sagemaker": sagemaker}

    assert heard(ended, "Succeeded", retried).state is RunState.COMPLETED


def test_a_second_failure_before_the_retry_was_written_down_is_another_one(
    retried: dt.datetime, tracker: Tracker, sagemaker: FakeSageMaker
) -> None:
    sagemaker.steps = [{"StepName": "Train", "StepStatus": "Failed", "FailureReason": "InternalServerError"}]
    ended = {"tracker": tracker, "sagemaker": sagemaker}

    assert [heard(ended, "Failed", START).retries, heard(ended, "Failed", retried).retries] == [1, 2]


def test_a_failure_that_is_tried_again_while_it_is_looked_into_is_no_end(
    tracker: Tracker, sagemaker: FakeSageMaker, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.claim(RUN)
    ledger.launched(RUN.run_id, ARN, now=START)
    steps = sagemaker.get_paginator

    def after_another_has_tried_again(name: str) -> FakeSageMaker:
        seen = replace(ledger.get(RUN.run_id), failed_at=stamp(START))
        if not seen.retries:
            ledger.to_retry(seen, reason="x", cause="limit", until=START, now=START)
            ledger.retried(ledger.get(RUN.run_id), now=START)
        return steps(name)  # none of them is failed any more

    monkeypatch.setattr(sagemaker, "get_paginator", after_another_has_tried_again)
    ended = {"tracker": tracker, "sagemaker": sagemaker}

    run = heard(ended, "Failed", START)

    assert (run.state, run.retries, run.queue) == (RunState.IN_PROGRESS, 1, "in-flight")
    assert heard(ended, "Succeeded", START + MINUTE).state is RunState.COMPLETED
