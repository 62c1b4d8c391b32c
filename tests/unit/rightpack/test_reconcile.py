"""The reconciler and the queue: nothing lost, nothing twice, whoever dies between which two calls."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from rightpack.ages import Ages
from rightpack.dispatch import Dispatcher
from rightpack.layout import PipelineKind
from rightpack.ledger import BATCHES, Ledger, Run, RunState, stamp
from rightpack.notices import Outbox
from rightpack.reconcile import Reconciler
from rightpack.settings import Launching
from rightpack.tracking import Tracker
from tests.unit.rightpack.conftest import (
    POLICY,
    START,
    FakeClock,
    FakeCloudWatch,
    FakeSageMaker,
    FakeSns,
    client_error,
)

SMALL = "service limit 'ml.m5.xlarge for processing job usage' is 0 Instances, with current utilization of 0 Instances"
WORDS = "ResourceLimitExceeded: The account-level " + SMALL + " and a request delta of 1 Instances."
NEVER = client_error("ResourceLimitExceeded", f"The account-level {SMALL} and a request delta of 1 Instances.")


def run_of(number: int, *, batch: str = "", policy: Launching = POLICY, kind: str = "training") -> Run:
    """A run that waits for its start; later numbers came later."""
    moment = stamp(START + dt.timedelta(seconds=number))
    run_id = f"{kind}-2026-11-20-{batch or 'run'}{number:03}"
    run = Run(
        run_id,
        kind,
        RunState.NEW,
        moment,
        moment,
        "s3://b/k",
        "v1",
        token=hashlib.sha256(run_id.encode()).hexdigest(),
        batch=batch,
    )
    return replace(
        run,
        queue=run.waiting,
        parameters=json.dumps({"RunId": run_id}),
        policy=policy.to_json(),
        package_type="carton",
        mode="weekly",
    )


def queue(ledger: Ledger, *runs: Run) -> None:
    for run in runs:
        ledger.claim(run)


def end(sagemaker: FakeSageMaker, run: Run, status: str, reason: str = "", clock: FakeClock | None = None) -> None:
    sagemaker.executions[run.execution_arn] |= {"PipelineExecutionStatus": status, "FailureReason": reason}
    if clock:
        sagemaker.executions[run.execution_arn]["LastModifiedTime"] = clock()


def batch(ledger: Ledger, name: str, expected: int) -> None:
    moment = stamp(START)
    parameters = json.dumps({"expected": expected})
    ledger.claim(
        Run(name, "batch", RunState.IN_PROGRESS, moment, moment, parameters=parameters, queue=BATCHES, variant=name)
    )


# --- the queue ------------------------------------------------------------------------------------------------------


def test_no_more_runs_are_started_than_may_run(
    ledger: Ledger, dispatcher: Dispatcher, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, *(run_of(i) for i in range(6)))
    assert dispatcher.fill() == [run_of(i).run_id for i in range(4)]
    assert dispatcher.fill() == []
    assert sagemaker.starts == 4


def test_many_who_fill_slots_at_once_start_different_runs_and_few_each(
    ledger: Ledger, dispatcher: Dispatcher, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, *(run_of(i) for i in range(4)))
    tried = [run_of(2).run_id, run_of(3).run_id]
    assert dispatcher.fill(most=2, turn=6) == tried
    assert dispatcher.fill(most=2, turn=7) == [run_of(1).run_id, run_of(0).run_id]
    assert (dispatcher.fill(most=2, turn=8), sagemaker.starts) == ([], 4)


def test_batches_leave_room_for_scheduled_runs_and_take_turns(ledger: Ledger, dispatcher: Dispatcher) -> None:
    batch(ledger, "a", 9)
    batch(ledger, "b", 9)
    queue(ledger, *(run_of(i, batch="a") for i in range(5)), *(run_of(i, batch="b") for i in range(5)))
    assert [run_id.rpartition("-")[2] for run_id in dispatcher.fill()] == ["a000", "b000", "a001"]
    queue(ledger, run_of(9))
    assert [run_id.rpartition("-")[2] for run_id in dispatcher.fill()] == ["run009"]


def test_when_the_account_has_no_slot_left_the_queue_waits_without_counting_tries(
    ledger: Ledger, dispatcher: Dispatcher, sagemaker: FakeSageMaker
) -> None:
    sagemaker.quota = 2
    queue(ledger, *(run_of(i) for i in range(4)))
    assert len(dispatcher.fill()) == 3
    assert sagemaker.starts == 2
    assert {run.tries for run in ledger.recent("training")} == {0}


def test_throttling_is_waited_out_for_hours_and_then_final(
    ledger: Ledger, dispatcher: Dispatcher, sagemaker: FakeSageMaker, clock: FakeClock
) -> None:
    from tests.unit.rightpack.conftest import client_error

    sagemaker.refuse = lambda: client_error("ThrottlingException", "Rate exceeded")
    queue(ledger, run_of(1))
    for _ in range(60):
        dispatcher.fill()
        clock.forward(minutes=30)
    found = ledger.get(run_of(1).run_id)
    assert (found.state, found.cause) == (RunState.FAILED, "throttling")
    assert 45 <= found.tries <= 49  # a day of half hours


def test_waiting_time_is_that_of_the_oldest_scheduled_run(
    reconciler: Reconciler, ledger: Ledger, sagemaker: FakeSageMaker, clock: FakeClock, cloudwatch: FakeCloudWatch
) -> None:
    sagemaker.executions["somebody's"] = {"PipelineExecutionStatus": "Executing"}
    sagemaker.quota = 1
    queue(ledger, run_of(0), run_of(1, batch="a"))
    clock.forward(hours=5)
    reconciler.reconcile()
    assert cloudwatch.total("LaunchWaitSeconds") == 5 * 3600


# --- machines -------------------------------------------------------------------------------------------------------


def test_without_a_machine_of_one_type_the_run_goes_on_with_the_next_then_waits(
    ledger: Ledger, dispatcher: Dispatcher, tracker: Tracker, sagemaker: FakeSageMaker, clock: FakeClock
) -> None:
    queue(ledger, run_of(1))
    types = []
    for _ in range(3):
        dispatcher.fill()
        run = ledger.get(run_of(1).run_id)
        parameters = {p["Name"]: p["Value"] for p in sagemaker.executions[run.execution_arn]["PipelineParameters"]}
        types.append(parameters.get("TrainingInstanceType"))
        end(sagemaker, run, "Failed", "CapacityError: Unable to provision requested ML compute capacity.")
        tracker.track(run.execution_arn)
    assert types == [None, "ml.m5.4xlarge", "ml.c5.4xlarge"]
    waiting = ledger.get(run.run_id)
    assert (waiting.state, waiting.queue, waiting.cause) == (RunState.IN_PROGRESS, "retry", "capacity")
    assert dispatcher.fill() == []
    clock.forward(seconds=61)
    assert dispatcher.fill() == [run.run_id]
    assert sagemaker.retries == [run.execution_arn]


def test_an_event_of_an_earlier_execution_does_not_touch_a_run_that_was_launched_anew(
    ledger: Ledger, dispatcher: Dispatcher, tracker: Tracker, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, run_of(1))
    dispatcher.fill()
    first = ledger.get(run_of(1).run_id)
    end(sagemaker, first, "Failed", "CapacityError: no")
    tracker.track(first.execution_arn)
    tracker.track(first.execution_arn)  # while it is New again
    assert ledger.get(first.run_id).state is RunState.NEW
    dispatcher.fill()
    tracker.track(first.execution_arn)
    assert ledger.get(first.run_id).state is RunState.LAUNCHED
    assert sagemaker.starts == 2


def test_a_quota_of_zero_is_told_apart_and_final_once_no_other_type_is_left(
    ledger: Ledger, dispatcher: Dispatcher, tracker: Tracker, sagemaker: FakeSageMaker, sns: FakeSns
) -> None:
    only = Launching(concurrent=4, reserved=1, processing_instances=("ml.a.b",), training_instances=("ml.a.b",))
    queue(ledger, run_of(1, policy=only))
    dispatcher.fill()
    run = ledger.get(run_of(1).run_id)
    end(sagemaker, run, "Failed", WORDS)
    tracker.track(run.execution_arn)
    ended = ledger.get(run.run_id)
    assert (ended.state, ended.cause) == (RunState.FAILED, "limit")
    assert "quota 'ml.m5.xlarge for processing job usage' is 0 and the run needs 1" in ended.reason
    assert "Service Quotas" in sns.messages[0][1]


def test_a_platform_failure_is_retried_as_often_as_the_policy_says_and_told_once(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, clock: FakeClock, sns: FakeSns
) -> None:
    queue(ledger, run_of(1))
    reconciler.reconcile()
    run = ledger.get(run_of(1).run_id)
    for _ in range(8):
        clock.forward(hours=1)
        if run.execution_arn in sagemaker.running():
            end(sagemaker, run, "Failed", "InternalServerError: We encountered an internal error.", clock)
        reconciler.reconcile()
    ended = ledger.get(run.run_id)
    assert (ended.state, ended.cause, ended.retries, ended.attempts) == (RunState.FAILED, "platform", 3, 4)
    assert len(sagemaker.retries) == 3
    assert len(sns.messages) == 1


# --- who dies between which two calls -------------------------------------------------------------------------------


def test_a_starter_that_dies_before_writing_the_answer_down_starts_nothing_twice(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, run_of(1))
    sagemaker.die_after = "start"
    with pytest.raises(KeyboardInterrupt):
        reconciler.dispatcher.fill()
    assert ledger.get(run_of(1).run_id).state is RunState.NEW
    reconciler.reconcile()
    assert ledger.get(run_of(1).run_id).state in (RunState.LAUNCHED, RunState.IN_PROGRESS)
    assert sagemaker.starts == 1


def test_a_run_whose_start_was_never_tried_is_started_by_the_reconciler(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, run_of(1))
    assert reconciler.reconcile()["tried"] == 1
    assert sagemaker.starts == 1


def test_a_retry_whose_answer_was_lost_is_asked_for_again_and_done_once(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, clock: FakeClock
) -> None:
    queue(ledger, run_of(1))
    reconciler.reconcile()
    run = ledger.get(run_of(1).run_id)
    end(sagemaker, run, "Failed", "InternalServerError", clock)
    reconciler.reconcile()
    clock.forward(seconds=61)
    sagemaker.die_after = "retry"
    with pytest.raises(KeyboardInterrupt):
        reconciler.dispatcher.fill()
    reconciler.reconcile()
    found = ledger.get(run.run_id)
    assert (found.retries, found.queue) == (1, "in-flight")
    assert len(sagemaker.retries) == 1


def test_a_stale_failed_answer_after_a_retry_is_not_another_failure(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, clock: FakeClock
) -> None:
    queue(ledger, run_of(1))
    reconciler.reconcile()
    run = ledger.get(run_of(1).run_id)
    end(sagemaker, run, "Failed", "InternalServerError", clock)
    reconciler.reconcile()
    clock.forward(seconds=61)
    reconciler.dispatcher.fill()
    sagemaker.executions[run.execution_arn]["PipelineExecutionStatus"] = "Failed"  # as it stood before the retry
    reconciler.tracker.track(run.execution_arn)
    assert ledger.get(run.run_id).retries == 1
    clock.forward(minutes=6)  # by now it is an answer
    reconciler.tracker.track(run.execution_arn)
    assert ledger.get(run.run_id).retries == 2


def failed(ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker) -> Run:
    queue(ledger, run_of(1))
    reconciler.reconcile()
    run = ledger.get(run_of(1).run_id)
    end(sagemaker, run, "Failed", "DataError: x")
    return run


def test_a_teller_that_dies_before_it_tells_is_made_up_for_after_the_lease(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, clock: FakeClock, sns: FakeSns
) -> None:
    run = failed(ledger, reconciler, sagemaker)
    ledger.finish(run.run_id, RunState.FAILED, reason="DataError: x", now=clock())  # and then it died
    reconciler.reconcile()
    assert len(sns.messages) == 1
    reconciler.reconcile()
    assert len(sns.messages) == 1


def test_a_teller_that_dies_after_telling_tells_once_more_and_no_more(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, clock: FakeClock, sns: FakeSns
) -> None:
    run = failed(ledger, reconciler, sagemaker)
    sns.die_after = True
    with pytest.raises(KeyboardInterrupt):
        reconciler.tracker.track(run.execution_arn)
    reconciler.reconcile()
    assert len(sns.messages) == 1  # the lease still runs
    clock.forward(minutes=6)
    for _ in range(3):
        reconciler.reconcile()
    assert len(sns.messages) == 2


def test_a_notice_that_could_not_be_sent_is_sent_by_the_next_pass(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, sns: FakeSns, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = failed(ledger, reconciler, sagemaker)
    with monkeypatch.context() as patch:
        patch.setattr(sns, "publish", _refuse)
        with pytest.raises(OSError, match="no"):
            reconciler.tracker.track(run.execution_arn)
    reconciler.reconcile()
    assert len(sns.messages) == 1


def _refuse(**_message: str) -> None:
    raise OSError("no")


def test_racing_tellers_tell_once(ledger: Ledger, outbox: Outbox, sns: FakeSns, clock: FakeClock) -> None:
    queue(ledger, run_of(1))
    ledger.finish(run_of(1).run_id, RunState.FAILED, now=clock())
    seen = ledger.get(run_of(1).run_id)
    assert [outbox.tell(seen) for _ in range(3)] == [True, False, False]
    assert len(sns.messages) == 1


def test_an_execution_that_starts_while_its_run_is_cancelled_is_stopped(
    ledger: Ledger, dispatcher: Dispatcher, sagemaker: FakeSageMaker, clock: FakeClock
) -> None:
    queue(ledger, run_of(1))
    seen = ledger.get(run_of(1).run_id)
    ledger.finish(seen.run_id, RunState.STOPPED, now=clock())
    dispatcher.starter.start(seen)
    assert sagemaker.running() == []
    assert ledger.get(seen.run_id).state is RunState.STOPPED


def test_of_two_who_start_a_run_at_once_the_refused_one_does_not_end_it(
    ledger: Ledger, dispatcher: Dispatcher, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, run_of(1))
    seen = ledger.get(run_of(1).run_id)
    dispatcher.starter.start(seen)
    sagemaker.refuse = lambda: NEVER
    dispatcher.starter.start(seen)
    assert ledger.get(seen.run_id).state is RunState.LAUNCHED


def test_of_two_who_retry_a_run_at_once_the_refused_one_does_not_end_it(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, clock: FakeClock
) -> None:
    queue(ledger, run_of(1))
    reconciler.reconcile()
    end(sagemaker, ledger.get(run_of(1).run_id), "Failed", "InternalServerError", clock)
    reconciler.reconcile()
    seen = ledger.get(run_of(1).run_id)
    starter = reconciler.dispatcher.starter
    starter.retry(seen)
    sagemaker.refuse = lambda: NEVER
    starter.retry(seen)
    assert ledger.get(seen.run_id).state is RunState.IN_PROGRESS


def test_an_execution_that_starts_while_its_run_is_refused_for_good_is_stopped(
    ledger: Ledger, dispatcher: Dispatcher, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, run_of(1))
    seen = ledger.get(run_of(1).run_id)
    sagemaker.refuse = lambda: NEVER
    dispatcher.starter.start(seen)
    sagemaker.refuse = lambda: None
    dispatcher.starter.start(seen)
    assert sagemaker.starts == 1
    assert sagemaker.running() == []
    assert ledger.get(seen.run_id).state is RunState.FAILED


def test_an_execution_of_a_cancelled_run_that_nobody_heard_of_is_found_and_stopped(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, clock: FakeClock
) -> None:
    queue(ledger, run_of(1))
    sagemaker.die_after = "start"
    with pytest.raises(KeyboardInterrupt):
        reconciler.dispatcher.fill()
    ledger.finish(run_of(1).run_id, RunState.STOPPED, now=clock())
    assert reconciler.reconcile()["orphans"] == 1
    assert sagemaker.running() == []


def shaped(run: Run) -> Run:
    """The same run on a pipeline that a team has shaped by its settings."""
    return replace(run, shape="1a2b3c4d")


def test_a_run_of_a_shape_is_started_and_started_anew_on_its_own_pipeline(
    ledger: Ledger, dispatcher: Dispatcher, tracker: Tracker, sagemaker: FakeSageMaker
) -> None:
    queue(ledger, shaped(run_of(1)))
    for _ in range(2):
        dispatcher.fill()
        run = ledger.get(run_of(1).run_id)
        end(sagemaker, run, "Failed", "CapacityError: Unable to provision requested ML compute capacity.")
        tracker.track(run.execution_arn)
    assert {one["PipelineName"] for one in sagemaker.executions.values()} == {"rightpack-dev-training-1a2b3c4d"}
    assert len(sagemaker.executions) == 2


def test_a_lost_execution_of_a_shaped_pipeline_is_found_and_stopped_too(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, clock: FakeClock
) -> None:
    queue(ledger, shaped(run_of(1)))
    sagemaker.die_after = "start"
    with pytest.raises(KeyboardInterrupt):
        reconciler.dispatcher.fill()
    ledger.finish(run_of(1).run_id, RunState.STOPPED, now=clock())
    assert reconciler.reconcile()["orphans"] == 1
    assert sagemaker.running() == []


# --- events ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [2, 2, 2], [0], []])
def test_duplicate_late_reordered_and_lost_events_change_nothing(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, sns: FakeSns, order: list[int]
) -> None:
    run = failed(ledger, reconciler, sagemaker)
    for _ in order:  # whatever an event says, it is only a reason to ask
        reconciler.tracker.track(run.execution_arn)
    reconciler.reconcile()
    ended = ledger.get(run.run_id)
    assert (ended.state, ended.cause, ended.queue) == (RunState.FAILED, "data", "")
    assert len(sns.messages) == 1


def test_one_run_that_cannot_be_asked_about_does_not_stop_the_others(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(ledger, run_of(1), run_of(2))
    reconciler.reconcile()
    first, second = ledger.queued("in-flight")
    describe = sagemaker.describe_pipeline_execution
    end(sagemaker, second, "Succeeded")

    def sometimes(*, PipelineExecutionArn: str) -> dict[str, Any]:
        if PipelineExecutionArn == first.execution_arn:
            raise OSError("no route")
        return describe(PipelineExecutionArn=PipelineExecutionArn)

    monkeypatch.setattr(sagemaker, "describe_pipeline_execution", sometimes)
    with pytest.raises(ExceptionGroup, match="not complete"):
        reconciler.reconcile()
    assert ledger.get(second.run_id).state is RunState.COMPLETED


def test_the_age_of_the_last_success_grows_until_the_next_and_batches_do_not_count(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, cloudwatch: FakeCloudWatch, clock: FakeClock
) -> None:
    queue(ledger, run_of(1))
    reconciler.reconcile()
    end(sagemaker, ledger.get(run_of(1).run_id), "Succeeded")
    reconciler.reconcile()
    ledger.claim(replace(run_of(2, batch="a"), state=RunState.COMPLETED))
    clock.forward(hours=30)
    reconciler.reconcile()
    assert ages(cloudwatch)["training", "weekly"] == pytest.approx(30)
    assert cloudwatch.total("RunSucceeded") == 1


def ages(cloudwatch: FakeCloudWatch) -> dict[tuple[str, str], float]:
    """The newest age of each schedule."""
    found = [(d, value) for name, value, d in cloudwatch.values if name == "HoursSinceLastSuccess"]
    return {(d["Pipeline"], d["Mode"]): value for d, value in found}


def test_a_schedule_that_has_never_run_ages_from_the_first_look_on(
    reconciler: Reconciler, cloudwatch: FakeCloudWatch, clock: FakeClock
) -> None:
    reconciler.reconcile()
    assert set(ages(cloudwatch).values()) == {0.0}
    clock.forward(hours=200)
    reconciler.reconcile()
    assert set(ages(cloudwatch).values()) == {200.0}


def test_a_schedule_whose_runs_only_fail_ages_from_the_first_look_on(
    ledger: Ledger, reconciler: Reconciler, sagemaker: FakeSageMaker, cloudwatch: FakeCloudWatch, clock: FakeClock
) -> None:
    reconciler.reconcile()
    clock.forward(hours=100)
    ledger.claim(replace(run_of(1), state=RunState.FAILED, created_at=stamp(clock()), queue=""))
    clock.forward(hours=100)
    reconciler.reconcile()
    assert ages(cloudwatch)["training", "weekly"] == pytest.approx(200)


def test_a_success_that_is_too_long_ago_to_be_found_does_not_make_a_schedule_young(
    ledger: Ledger, reconciler: Reconciler, cloudwatch: FakeCloudWatch, clock: FakeClock
) -> None:
    reconciler.reconcile()
    ledger.claim(replace(run_of(1), state=RunState.COMPLETED, queue=""))
    clock.forward(days=70)
    reconciler.reconcile()
    assert ages(cloudwatch)["training", "weekly"] == pytest.approx(70 * 24)


def test_a_daily_unload_without_a_new_product_has_done_its_work_and_a_training_without_a_label_has_not(
    ledger: Ledger, reconciler: Reconciler, cloudwatch: FakeCloudWatch, clock: FakeClock
) -> None:
    reconciler.reconcile()
    clock.forward(hours=20)
    Ages(ledger).nothing_to_do(PipelineKind.INFERENCE, "daily", now=clock())
    Ages(ledger).nothing_to_do(PipelineKind.TRAINING, "weekly", now=clock())
    clock.forward(hours=4)
    reconciler.reconcile()
    assert ages(cloudwatch)["inference", "daily"] == pytest.approx(4)
    assert ages(cloudwatch)["inference", "monthly"] == pytest.approx(24)
    assert ages(cloudwatch)["training", "weekly"] == pytest.approx(24)
