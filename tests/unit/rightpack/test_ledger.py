from __future__ import annotations

from dataclasses import replace

import pytest

from rightpack.errors import InternalError
from rightpack.ledger import TERMINAL, Ledger, Run, RunState, stamp
from tests.unit.rightpack.conftest import START

RUN = Run("training-2026-11-20-abc", "training", RunState.NEW, stamp(START), stamp(START), "s3://b/k", "v1")
ARN = "arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/e"


def test_a_run_is_claimed_once(ledger: Ledger) -> None:
    assert ledger.claim(RUN) == RUN
    assert ledger.claim(replace(RUN, trigger_version="v2")) == RUN


def test_only_one_caller_finishes_a_run(ledger: Ledger) -> None:
    ledger.claim(RUN)
    ledger.launched(RUN.run_id, ARN, now=START)
    won = [ledger.finish(RUN.run_id, RunState.FAILED, reason="x", now=START) for _ in range(4)]
    assert won == [True, False, False, False]


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_late_event_never_reopens_a_run(ledger: Ledger, state: RunState) -> None:
    ledger.claim(RUN)
    ledger.launched(RUN.run_id, ARN, now=START)
    ledger.finish(RUN.run_id, state, now=START)
    assert not ledger.in_progress(RUN.run_id, now=START)
    assert not ledger.launched(RUN.run_id, ARN, now=START)
    assert ledger.get(RUN.run_id).state is state


def test_a_retry_reopens_a_failed_run_and_forgets_its_reason(ledger: Ledger) -> None:
    ledger.claim(RUN)
    ledger.finish(RUN.run_id, RunState.FAILED, reason="no capacity", fault="capacity", now=START)
    assert ledger.resumed(RUN.run_id, now=START)
    found = ledger.get(RUN.run_id)
    assert (found.state, found.reason, found.fault) == (RunState.IN_PROGRESS, "", "")


def test_a_run_is_found_by_its_execution_and_by_its_pipeline(ledger: Ledger) -> None:
    ledger.claim(RUN)
    later = replace(RUN, run_id="training-2026-11-21-def", created_at=stamp(START.replace(hour=13)))
    ledger.claim(later)
    ledger.launched(RUN.run_id, ARN, now=START)
    by_execution = ledger.by_execution(ARN)
    assert by_execution is not None
    assert by_execution.run_id == RUN.run_id
    assert [run.run_id for run in ledger.recent("training")] == [later.run_id, RUN.run_id]
    assert [run.run_id for run in ledger.recent("training", limit=1)] == [later.run_id]


def test_an_unknown_run_is_named(ledger: Ledger) -> None:
    assert ledger.find("nothing") is None
    with pytest.raises(InternalError, match="nothing"):
        ledger.get("nothing")
