"""One execution of a pipeline: what it started with, where its steps stand, and who is told when that changes."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from local_cloud.sagemaker.definitions import Definition, Step
from local_cloud.sagemaker.errors import LONGEST_REASON, conflict
from local_cloud.sagemaker.events import Events
from local_cloud.sagemaker.graph import is_aftermath
from local_cloud.wire import Json

FINAL = frozenset({"Succeeded", "Failed", "Stopped", "CompletedWithFailures"})
FAILED_REASON = "Step failure: One or multiple steps failed."
_RUNNING = frozenset({"Executing", "Stopping"})
_RETRIED = frozenset({"Failed", "Stopped"})


class Stoppable(Protocol):
    """What a stop of the execution must reach: a job, or a callback that waits for its answer."""

    def request_stop(self, now: float) -> None:
        """Ask it to stop; must not wait for it to have stopped."""
        ...


@dataclass(frozen=True, slots=True)
class Started:
    """What an execution keeps of its start; later changes of the pipeline do not reach it."""

    id: str
    arn: str
    pipeline_name: str
    pipeline_arn: str
    version: int
    definition: Definition
    parameters: dict[str, Any]
    role: str
    members: Json  #: further members of DescribePipelineExecution


@dataclass(slots=True)
class StepRun:
    """A step that has begun. `result` is what `Steps.<name>` refers to once it succeeded."""

    step: Step
    started: float
    attempts: int = 0
    status: str = "Executing"
    ended: float | None = None
    reason: str = ""
    cached_from: str = ""
    reused_from: str = ""
    halted: bool = False
    metadata: Json = field(default_factory=dict)
    result: Json = field(default_factory=dict)

    def view(self) -> Json:
        """Entry of ListPipelineExecutionSteps."""
        optional: Json = {
            "StepDisplayName": self.step.body.get("DisplayName"),
            "StepDescription": self.step.body.get("Description"),
            "EndTime": self.ended,
            "FailureReason": self.reason[:LONGEST_REASON] or None,
            "CacheHitResult": _source(self.cached_from),
            "SelectiveExecutionResult": _source(self.reused_from),
        }
        return {
            "StepName": self.step.name,
            "StartTime": self.started,
            "StepStatus": self.status,
            "Metadata": copy.deepcopy(self.metadata),
            "AttemptCount": self.attempts,
            **{key: value for key, value in optional.items() if value is not None},
        }


class Execution:
    """State of an execution; every change goes through here, is announced, and wakes whoever waits."""

    def __init__(self, started: Started, *, events: Events, now: Callable[[], float], parallel: int) -> None:
        self.started = started
        self.stop = threading.Event()
        self.parallel = parallel
        self._events = events
        self._now = now
        self._created = self._modified = now()
        self._members = dict(started.members)
        self._status = "Executing"
        self._reason = ""
        self._runs: dict[str, StepRun] = {}
        self._attempts: dict[str, int] = {}
        self._followed: list[Stoppable] = []
        self._changed = threading.Condition(threading.RLock())
        self._announce(None)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what a stop would reach when the state of the cloud is kept."""
        return {**self.__dict__, "_followed": []}

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """Executing, Stopping, Stopped, Failed, CompletedWithFailures or Succeeded."""
        return self._status

    def view(self) -> Json:
        """Answer of DescribePipelineExecution."""
        with self._changed:
            view: Json = {
                **self._members,
                "PipelineArn": self.started.pipeline_arn,
                "PipelineExecutionArn": self.started.arn,
                "PipelineExecutionStatus": self._status,
                "PipelineVersionId": self.started.version,
                "RoleArn": self.started.role,
                "CreationTime": self._created,
                "LastModifiedTime": self._modified,
                "CreatedBy": {},
                "LastModifiedBy": {},
            }
            return {**view, "FailureReason": self._reason} if self._reason else view

    def runs(self) -> list[Json]:
        """Entries of ListPipelineExecutionSteps, in the order the steps began."""
        with self._changed:
            return [run.view() for run in self._runs.values()]

    def statuses(self) -> dict[str, str]:
        """Status of every step that has begun."""
        with self._changed:
            return {name: run.status for name, run in self._runs.items()}

    def halted(self) -> set[str]:
        """Failed steps whose job somebody stopped."""
        with self._changed:
            return {name for name, run in self._runs.items() if run.halted}

    def run_of(self, step: str) -> StepRun | None:
        """A step that has begun."""
        with self._changed:
            return self._runs.get(step)

    def results(self) -> dict[str, Json]:
        """Results of the steps that succeeded."""
        with self._changed:
            return {name: run.result for name, run in self._runs.items() if run.status == "Succeeded"}

    def variables(self) -> dict[str, str]:
        """Values of `Execution.*`."""
        return {
            "PipelineName": self.started.pipeline_name,
            "PipelineArn": self.started.pipeline_arn,
            "PipelineExecutionId": self.started.id,
            "PipelineExecutionArn": self.started.arn,
            "StartDateTime": _moment(self._created),
            "CurrentDateTime": _moment(self._now()),
        }

    def wait(self, timeout: float | None) -> bool:
        """Wait until the status is final; False when `timeout` seconds passed before."""
        with self._changed:
            return self._changed.wait_for(lambda: self._status in FINAL, timeout)

    # --- steps ------------------------------------------------------------------------------------------------------

    def begin(self, step: Step) -> StepRun:
        """Note that a step starts."""
        with self._changed:
            run = StepRun(step, self._now(), self._attempts.get(step.name, 0))
            self._runs[step.name] = run
            self._announce_step(run, "Starting")
            return run

    def reuse(self, step: Step, before: StepRun, source: str) -> None:
        """Take over a step that succeeded in the execution `source`, without running it."""
        with self._changed:
            run = replace(before, step=step, reused_from=source, metadata=copy.deepcopy(before.metadata))
            self._runs[step.name] = run

    def attempt(self, run: StepRun) -> None:
        """Count an attempt."""
        with self._changed:
            run.attempts += 1

    def note(self, run: StepRun, metadata: Json) -> None:
        """Keep the metadata of a step: the ARN of its job, its outcome."""
        with self._changed:
            run.metadata = metadata

    def follow(self, work: Stoppable) -> None:
        """Let a stop of the execution reach what it started."""
        with self._changed:
            self._followed.append(work)
            if self.stop.is_set():
                work.request_stop(self._now())

    def end(self, run: StepRun, status: str, *, result: Json | None = None, reason: str = "") -> None:
        """Enter the final status of a step."""
        with self._changed:
            previous = run.status
            run.status, run.reason, run.ended = status, reason, self._now()
            run.result = result or {}
            self._announce_step(run, previous)

    # --- the whole --------------------------------------------------------------------------------------------------

    def update(self, members: Json) -> None:
        """Change description, display name or parallelism."""
        with self._changed:
            self._members.update(members)
            self.parallel = members.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps", self.parallel)
            self._modified = self._now()

    def request_stop(self) -> None:
        """Begin to stop; raises `ConflictException` when there is nothing to stop."""
        with self._changed:
            if self._status == "Stopping":
                return
            if self._status in FINAL:
                raise conflict(
                    f"Pipeline execution {self.started.arn} is {self._status}; only an Executing one can be stopped."
                )
            self.stop.set()
            self._enter("Stopping")
            for run in self._runs.values():
                if run.status == "Executing":
                    run.status = "Stopping"
                    self._announce_step(run, "Executing")
            for work in self._followed:
                work.request_stop(self._now())

    def finish(self) -> None:
        """Enter the final status the steps amount to."""
        with self._changed:
            if self.stop.is_set():
                self._enter("Stopped")
            elif any(run.status != "Succeeded" for run in self._runs.values()):
                self._enter("CompletedWithFailures" if self._is_handled() else "Failed", FAILED_REASON)
            else:
                self._enter("Succeeded")

    def break_off(self, reason: str) -> None:
        """Fail for a fault of the local cloud itself."""
        with self._changed:
            if self._status not in FINAL:
                self._enter("Failed", reason)

    def cut_off(self, reason: str) -> None:
        """End together with its steps, as nothing runs any more that could end them."""
        with self._changed:
            if self._status in FINAL:
                return
            status = "Stopped" if self._status == "Stopping" else "Failed"
            for run in self._runs.values():
                if run.status in _RUNNING:
                    self.end(run, status, reason=reason)
            self._enter(status, reason)

    def begin_retry(self) -> None:
        """Forget the steps that did not succeed and execute again; raises `ConflictException` for any other state."""
        with self._changed:
            if self._status not in _RETRIED:
                state = f"Pipeline execution {self.started.arn} is {self._status}"
                raise conflict(f"{state}; only a Failed or Stopped one can be retried.")
            self._attempts.update({name: run.attempts for name, run in self._runs.items()})
            self._runs = {name: run for name, run in self._runs.items() if self._outlives_retry(run)}
            self._followed.clear()
            self.stop.clear()
            self._enter("Executing")

    def _is_handled(self) -> bool:
        """Whether every step that went wrong was followed by one that waited for just that, and succeeded."""
        wrong = {run.step.name for run in self._runs.values() if run.status != "Succeeded"}
        handled = {name for run in self._runs.values() if run.status == "Succeeded" for name in run.step.triggers}
        return wrong <= handled

    def _outlives_retry(self, run: StepRun) -> bool:
        return run.status == "Succeeded" and not is_aftermath(self.started.definition, run.step)

    def _enter(self, status: str, reason: str = "") -> None:
        previous, self._status = self._status, status
        self._reason = reason
        self._modified = self._now()
        self._announce(previous)
        self._changed.notify_all()

    def _announce(self, previous: str | None) -> None:
        ended = self._modified if self._status in FINAL else None
        self._events.execution(self.view(), previous, ended)

    def _announce_step(self, run: StepRun, previous: str) -> None:
        self._modified = self._now()
        self._events.step(self.view(), run.view(), run.step.type, previous)


def _source(arn: str) -> Json | None:
    return {"SourcePipelineExecutionArn": arn} if arn else None


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
