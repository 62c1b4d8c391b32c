"""Tracking: pipeline executions move their runs through the ledger, told by events and made right by a reconciler.

SageMaker's events are best effort and may come twice, late or never, so both ways end in the same question to the
service: how does this execution stand now?
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightpack.errors import Fault
from rightpack.layout import Metric, PipelineKind
from rightpack.ledger import Ledger, Run, RunState
from rightpack.metrics import Metrics
from rightpack.notices import Notices

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

STATES: Final = {
    "Succeeded": RunState.COMPLETED,
    "CompletedWithFailures": RunState.FAILED,
    "Failed": RunState.FAILED,
    "Stopped": RunState.STOPPED,
}
FAULT_WORDS: Final = (
    ("CapacityError", Fault.CAPACITY),
    ("ResourceLimitExceeded", Fault.CAPACITY),
    ("ThrottlingException", Fault.PLATFORM),
    ("InternalServerError", Fault.PLATFORM),
    ("ManifestError", Fault.DATA),
    ("ContractError", Fault.DATA),
    ("DataError", Fault.DATA),
    ("SettingsError", Fault.SETTINGS),
)


@dataclass(frozen=True, slots=True)
class Tracker:
    """Keeps the ledger true to the service; built once per Lambda environment."""

    sagemaker: SageMakerClient
    ledger: Ledger
    metrics: Metrics
    notices: Notices
    now: Callable[[], dt.datetime]

    def track(self, execution_arn: str) -> Run | None:
        """Bring the run of an execution up to date; None if no run of ours started it."""
        execution = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution_arn)
        run = self._run_of(execution_arn, execution.get("PipelineExecutionDisplayName", ""))
        if run is None:
            return None
        status = execution["PipelineExecutionStatus"]
        if _was_retried(run, execution):
            self.ledger.resumed(run.run_id, now=self.now())
        if status in STATES:
            self._finish(self.ledger.get(run.run_id), STATES[status], execution.get("FailureReason", ""))
        else:
            self.ledger.in_progress(run.run_id, now=self.now())
        return self.ledger.get(run.run_id)

    def _run_of(self, execution_arn: str, display_name: str) -> Run | None:
        """The display name is the run id; it is there even while the launch has not been recorded yet."""
        run = self.ledger.find(display_name) if display_name else None
        if run is not None and run.state is RunState.NEW:
            self.ledger.launched(run.run_id, execution_arn, now=self.now())
        return run or self.ledger.by_execution(execution_arn)

    def _finish(self, run: Run, state: RunState, reason: str) -> None:
        step = "the pipeline"
        if state is RunState.FAILED:
            step, reason = self._failed_step(run.execution_arn, reason)
        fault = fault_of(reason) if state is RunState.FAILED else ""
        if not self.ledger.finish(run.run_id, state, reason=reason, fault=fault, now=self.now()):
            return
        if state is RunState.COMPLETED:
            self.metrics.put({Metric.RUN_SUCCEEDED: 1}, Pipeline=run.pipeline)
        elif state is RunState.FAILED:
            self.metrics.put({Metric.RUN_FAILED: 1}, Pipeline=run.pipeline)
            self.notices.failed(run, step, reason)

    def _failed_step(self, execution_arn: str, reason: str) -> tuple[str, str]:
        steps = self.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=execution_arn, SortOrder="Ascending"
        )
        for page in steps:
            for step in page["PipelineExecutionSteps"]:
                if step["StepStatus"] == "Failed":
                    return step["StepName"], self._words(step) or step.get("FailureReason", reason)
        return "the pipeline", reason

    def _words(self, step: Any) -> str:
        """What a processing job said itself; the step's failure reason holds no more than its exit code."""
        arn = step.get("Metadata", {}).get("ProcessingJob", {}).get("Arn", "")
        if not arn:
            return ""
        job = self.sagemaker.describe_processing_job(ProcessingJobName=arn.rpartition("/")[2])
        return job.get("ExitMessage", "")

    def reconcile(self) -> dict[str, Any]:
        """Ask about every run that is still open, and record how long ago each pipeline last succeeded."""
        tracked = 0
        for kind in PipelineKind:
            runs = self.ledger.recent(kind.value)
            for run in runs:
                if run.open and run.execution_arn:
                    self.track(run.execution_arn)
                    tracked += 1
            self.metrics.put({Metric.HOURS_SINCE_SUCCESS: self._hours_since_success(runs)}, Pipeline=kind.value)
        return {"tracked": tracked}

    def _hours_since_success(self, runs: list[Run]) -> float:
        """Hours since the newest success, or since the oldest run that is known where nothing has succeeded yet."""
        ended = [run.updated_at for run in runs if run.state is RunState.COMPLETED]
        begun = [run.created_at for run in runs]
        since = max(ended, default=min(begun, default=""))
        return (self.now() - dt.datetime.fromisoformat(since)).total_seconds() / 3600 if since else 0.0


def _was_retried(run: Run, execution: Mapping[str, Any]) -> bool:
    """Whether an execution lives again after the ledger saw it end: somebody called RetryPipelineExecution.

    An answer that is older than the ledger's entry says nothing: it may have been on its way while the run ended.
    """
    if run.state not in (RunState.FAILED, RunState.STOPPED):
        return False
    if STATES.get(execution["PipelineExecutionStatus"]) is run.state:
        return False
    changed: dt.datetime = execution["LastModifiedTime"]
    return changed > dt.datetime.fromisoformat(run.updated_at)


def fault_of(reason: str) -> str:
    """Whose fault a step's failure reason speaks of; ours where it says nothing known."""
    return next((fault.value for words, fault in FAULT_WORDS if words in reason), Fault.OURS.value)
