from __future__ import annotations

from dataclasses import replace

import pytest

from rightpack.errors import InternalError
from rightpack.ledger import LEGAL, TERMINAL, Ledger, Run, RunState, Telling, stamp
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
    if state is not RunState.REFUSED:
        ledger.launched(RUN.run_id, ARN, now=START)
    assert ledger.finish(RUN.run_id, state, now=START)
    assert not ledger.in_progress(RUN.run_id, now=START)
    assert not ledger.launched(RUN.run_id, ARN, now=START)
    assert ledger.get(RUN.run_id).state is state


def test_a_retry_reopens_a_failed_run_and_forgets_its_reason(ledger: Ledger) -> None:
    ledger.claim(RUN)
    ledger.finish(RUN.run_id, RunState.FAILED, reason="no capacity", cause="capacity", now=START)
    assert ledger.resumed(RUN.run_id, now=START)
    found = ledger.get(RUN.run_id)
    assert (found.state, found.reason, found.cause) == (RunState.IN_PROGRESS, "", "")


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


@pytest.mark.parametrize("before", list(RunState))
@pytest.mark.parametrize("after", list(RunState))
def test_every_transition_is_legal_or_refused(ledger: Ledger, before: RunState, after: RunState) -> None:
    ledger.claim(replace(RUN, state=before))
    moved = {
        RunState.NEW: lambda: ledger.relaunch(RUN, reason="", cause="", now=START, anew=before in TERMINAL),
        RunState.LAUNCHED: lambda: ledger.launched(RUN.run_id, ARN, now=START),
        RunState.IN_PROGRESS: lambda: (
            ledger.resumed(RUN.run_id, now=START) or ledger.in_progress(RUN.run_id, now=START)
        ),
    }.get(after, lambda: ledger.finish(RUN.run_id, after, now=START))()
    assert ledger.get(RUN.run_id).state is (after if moved else before)
    assert not moved or after in LEGAL[before]


def test_a_failure_that_two_observers_see_is_counted_once(ledger: Ledger) -> None:
    ledger.claim(RUN)
    ledger.launched(RUN.run_id, ARN, now=START)
    seen = ledger.get(RUN.run_id)
    won = [ledger.to_retry(seen, reason="x", cause="platform", until=START, now=START) for _ in range(3)]
    assert won == [True, False, False]
    assert ledger.get(RUN.run_id).retries == 1


def test_only_open_work_has_a_queue(ledger: Ledger) -> None:
    ledger.claim(replace(RUN, queue=RUN.waiting))
    assert [run.run_id for run in ledger.queued("new/scheduled")] == [RUN.run_id]
    ledger.launched(RUN.run_id, ARN, now=START)
    assert [run.run_id for run in ledger.queued("in-flight")] == [RUN.run_id]
    ledger.finish(RUN.run_id, RunState.FAILED, now=START)
    [due] = ledger.queued("notice")
    assert ledger.mark(due, Telling.SENT, [Telling.DUE], now=START)
    assert not any(ledger.queued(queue) for queue in ("new/scheduled", "in-flight", "notice"))


def test_a_record_from_before_classes_of_cause_keeps_whose_fault_it_was(ledger: Ledger) -> None:
    ledger.claim(RUN)
    ledger.finish(RUN.run_id, RunState.FAILED, now=START, fault="data")
    assert ledger.get(RUN.run_id).cause == "data"


def test_of_a_batch_and_of_what_runs_no_more_is_read_than_asked_for(ledger: Ledger) -> None:
    for number, batch in enumerate(("", "a", "a")):
        run = replace(RUN, run_id=f"r{number}", created_at=f"2026-11-20T00:00:0{number}", batch=batch)
        ledger.claim(replace(run, queue=run.waiting))
    assert (ledger.in_flight(), ledger.states_of_batch("a")) == ([], [RunState.NEW, RunState.NEW])
    for number in range(3):
        ledger.launched(f"r{number}", f"{ARN}{number}", now=START)
    ledger.finish("r2", RunState.COMPLETED, now=START)
    assert (ledger.in_flight(), ledger.in_flight(1)) == (["", "a"], [""])
    assert sorted(ledger.states_of_batch("a")) == [RunState.COMPLETED, RunState.LAUNCHED]
    assert [run.run_id for run in ledger.history("training", scheduled=True)] == ["r0"]
