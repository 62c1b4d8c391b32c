"""Tracking: what an execution's state means for its run; told by events, asked for by the reconciler.

SageMaker's events are best effort and may come twice, late, out of order or never, so an event is only a reason to ask
the service: how does this execution stand now? The answer moves the run by a conditional write, once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rightpack.causes import Cause, Diagnosis
from rightpack.ledger import RETRY, Ledger, Run, RunState, Telling, stamp
from rightpack.notices import HELD_STEP, Outbox
from rightpack.refused_rows import where_kept
from rightpack.run_jobs import RunJobs
from rightpack.settings import Launching
from rightpack.starting import Starter, ended_unstarted

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

STATES: Final = {
    "Succeeded": RunState.COMPLETED,
    "CompletedWithFailures": RunState.FAILED,
    "Failed": RunState.FAILED,
    "Stopped": RunState.STOPPED,
}
GONE: Final = frozenset({"ResourceNotFound", "ResourceNotFoundException"})
# How long an answer may be older than the retry that it knows nothing of.
LAG: Final = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Tracker:
    """Keeps the ledger true to the service; built once per Lambda environment."""

    sagemaker: SageMakerClient
    starter: Starter
    outbox: Outbox
    jobs: RunJobs
    now: Callable[[], dt.datetime]

    @property
    def ledger(self) -> Ledger:
        """The run table."""
        return self.starter.ledger

    def track(self, execution_arn: str) -> Run | None:
        """Bring the run of an execution up to date; None if no run of ours started it."""
        try:
            execution = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution_arn)
        except self.sagemaker.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            return self._lost(execution_arn)
        run = self._run_of(execution_arn, execution)
        if run is None or run.execution_arn != execution_arn:
            return run
        if _was_retried(run, execution):
            self.ledger.resumed(run.run_id, now=self.now())
            run = self.ledger.get(run.run_id)
        if run.open and not self._is_stale(run, execution):
            self._move(run, execution)
        return self._told(run.run_id)

    def _move(self, run: Run, execution: Mapping[str, Any]) -> None:
        status = execution["PipelineExecutionStatus"]
        state = STATES.get(status)
        if state in (RunState.FAILED, RunState.STOPPED) and run.queue == RETRY:
            return  # that end is known, and what follows is planned
        if state is None:
            self.ledger.in_progress(run.run_id, now=self.now())
        elif state is RunState.FAILED:
            self._failed(run, execution)
        else:
            self._end(run, state, reason=run.reason if state is RunState.STOPPED else "", failed_at=_changed(execution))

    def _failed(self, run: Run, execution: Mapping[str, Any]) -> None:
        """Go on by itself where that can help: on other machines, or later; else the run has failed."""
        why = self.jobs.diagnose(run.execution_arn, execution.get("FailureReason", ""))
        if why.cause is Cause.CAPACITY or why.never:
            policy = Launching.from_json(run.policy)
            if run.parameters and run.relaunches < policy.fallbacks:
                self.ledger.relaunch(run, reason=why.reason, cause=why.cause, now=self.now())
                return
        if why.transient and not self.starter.given_up(run, why):
            until = self.starter.next_try(run, run.retries)
            seen = replace(run, failed_at=_changed(execution))
            self.ledger.to_retry(seen, reason=why.reason, cause=why.cause, until=until, now=self.now())
        else:
            step, at = why.step or "the pipeline", _changed(execution)
            self._end(run, RunState.FAILED, reason=why.reason, cause=why.cause, step=step, failed_at=at)

    def _end(self, run: Run, state: RunState, *, reason: str, failed_at: str, cause: str = "", step: str = "") -> None:
        account = self.jobs.account(run.execution_arn)
        held = account.registered_by == HELD_STEP
        facts = {**account.facts(), "step": step or (HELD_STEP if held else ""), "failed_at": failed_at}
        if refused := where_kept(reason):
            facts["quarantine"] = refused
        if state is RunState.FAILED:  # while it was looked into, somebody else may have seen it and tried again
            self.ledger.failed(run, reason=reason, cause=cause, now=self.now(), **facts)
        else:
            self.ledger.finish(run.run_id, state, reason=reason, cause=cause, now=self.now(), **facts)

    def _run_of(self, execution_arn: str, execution: Mapping[str, Any]) -> Run | None:
        """The display name is the run id; it is there even while the launch has not been recorded yet."""
        name = execution.get("PipelineExecutionDisplayName", "")
        run = self.ledger.find(name.partition("-try-")[0]) if name else None
        if run is None:
            return self.ledger.by_execution(execution_arn)
        if run.execution_arn or run.display_name != name:
            return run
        if run.state is RunState.NEW and self.ledger.launched(run.run_id, execution_arn, now=self.now()):
            return self.ledger.get(run.run_id)
        if ended_unstarted(run) and execution["PipelineExecutionStatus"] == "Executing":
            self.starter.stop(execution_arn)  # its run ended while the start was under way
        return self.ledger.get(run.run_id)

    def _lost(self, execution_arn: str) -> Run | None:
        """The service no longer knows an execution that has not ended for us."""
        run = self.ledger.by_execution(execution_arn)
        if run is None or not run.open:
            return run
        why = Diagnosis(Cause.PLATFORM, False, f"SageMaker no longer knows the execution {execution_arn}.")
        self.starter.fail(run, why)
        return self._told(run.run_id)

    def _is_stale(self, run: Run, execution: Mapping[str, Any]) -> bool:
        """Whether the answer is the end that was seen before the retry; the service's own clock tells them apart."""
        if run.queue == RETRY or STATES.get(_status(execution)) not in (RunState.FAILED, RunState.STOPPED):
            return False
        known = bool(run.failed_at) and _changed(execution) <= run.failed_at
        return known and self.now() - dt.datetime.fromisoformat(run.updated_at) < LAG

    def _told(self, run_id: str) -> Run:
        run = self.ledger.get(run_id)
        if run.notice != Telling.DUE:
            return run
        self.outbox.tell(run)
        return self.ledger.get(run_id)


def _status(execution: Mapping[str, Any]) -> str:
    return str(execution["PipelineExecutionStatus"])


def _changed(execution: Mapping[str, Any]) -> str:
    """When an execution changed last, by the service's clock; empty if it does not say."""
    moment: dt.datetime | None = execution.get("LastModifiedTime")
    return stamp(moment) if moment else ""


def _was_retried(run: Run, execution: Mapping[str, Any]) -> bool:
    """Whether an execution lives again after the ledger saw it end: somebody called RetryPipelineExecution.

    An answer that is older than the ledger's entry says nothing: it may have been on its way while the run ended.
    """
    if run.state not in (RunState.FAILED, RunState.STOPPED):
        return False
    if STATES.get(_status(execution)) is run.state:
        return False
    changed: dt.datetime = execution["LastModifiedTime"]
    return changed > dt.datetime.fromisoformat(run.updated_at)
