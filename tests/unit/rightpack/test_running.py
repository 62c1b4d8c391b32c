"""What a person does with runs: stop, go on, repeat."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from rightpack.cli import running
from rightpack.errors import SettingsError
from rightpack.ledger import Ledger, RunState
from rightpack.reconcile import Reconciler
from tests.unit.rightpack.conftest import LAYOUT, FakeSageMaker, FakeSns
from tests.unit.rightpack.test_reconcile import end, queue, run_of


@dataclass
class FakeStage:
    ledger: Ledger
    sagemaker: FakeSageMaker
    layout: Any = LAYOUT
    nudges: list[dict[str, Any]] = field(default_factory=list)

    def client(self, name: str) -> Any:
        return self.sagemaker if name == "sagemaker" else self

    def invoke(self, **call: Any) -> None:
        self.nudges.append(call)


@pytest.fixture
def stage(ledger: Ledger, sagemaker: FakeSageMaker) -> Any:
    return FakeStage(ledger, sagemaker)


def test_a_run_that_waits_is_stopped_and_never_starts(
    stage: Any, ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, sns: FakeSns
) -> None:
    queue(ledger, run_of(1))
    assert running.stop_run(stage, run_of(1), who="me", why="not now").state is RunState.STOPPED
    reconciler.reconcile()
    assert sagemaker.starts == 0
    assert "stopped by me" in sns.messages[0][1]
    with pytest.raises(SettingsError, match="has ended already"):
        running.stop_run(stage, ledger.get(run_of(1).run_id), who="me", why="")


def test_a_run_that_runs_is_asked_to_stop_and_its_record_says_who_did(
    stage: Any, ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, run_of(1))
    reconciler.reconcile()
    running.stop_run(stage, ledger.get(run_of(1).run_id), who="me", why="wrong data")
    assert sagemaker.running() == []
    reconciler.reconcile()
    stopped = ledger.get(run_of(1).run_id)
    assert (stopped.state, stopped.who, stopped.reason) == (RunState.STOPPED, "me", "wrong data")


def test_a_failed_run_goes_on_where_it_ended_and_an_old_event_does_not_end_it_again(
    stage: Any, ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, run_of(1))
    reconciler.reconcile()
    run = ledger.get(run_of(1).run_id)
    end(sagemaker, run, "Failed", "DataError: x")
    reconciler.reconcile()
    failed = ledger.get(run.run_id)
    assert ledger.reopened(failed, now=reconciler.tracker.now())
    reconciler.tracker.track(run.execution_arn)  # the event that told of the failure, once more
    reconciler.reconcile()
    assert sagemaker.retries == [run.execution_arn]
    assert ledger.get(run.run_id).state is RunState.IN_PROGRESS


def test_a_repeated_run_has_the_next_number_the_same_drop_and_a_token_of_its_own(
    stage: Any, ledger: Ledger, sagemaker: FakeSageMaker, reconciler: Reconciler
) -> None:
    queue(ledger, run_of(1))
    reconciler.reconcile()
    first, second = (running.repeat(stage, ledger.get(run_of(1).run_id)) for _ in range(2))
    assert [first.run_id, second.run_id] == [f"{run_of(1).run_id}-r1", f"{run_of(1).run_id}-r2"]
    assert first.trigger_uri == run_of(1).trigger_uri
    assert json.loads(first.parameters)["RunId"] == first.run_id
    reconciler.reconcile()
    assert sagemaker.starts == 3


def test_dates_to_fill_are_in_order() -> None:
    assert running._dates("2026-11-19", "2026-11-21") == ["2026-11-19", "2026-11-20", "2026-11-21"]
    with pytest.raises(SettingsError, match="before"):
        running._dates("2026-11-19", "2026-11-18")
