"""One tuning job as a client sees it: its record, its trials and its way through the states."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

from local_cloud.sagemaker.errors import LONGEST_REASON
from local_cloud.sagemaker.tuning.plan import Plan
from local_cloud.sagemaker.tuning.trials import Trial, ranked
from local_cloud.wire import Json

_STATUS = "HyperParameterTuningJobStatus"
_LONGEST_TOP = 50  # training jobs a pipeline step may refer to
_RETRYABLE = ("InternalServerError", "CapacityError")


class Tuning:
    """A tuning job; `changed(record)` is told of every new status. A stop reaches its trials through `stop`."""

    def __init__(self, record: Json, plan: Plan, changed: Callable[[Json], None]) -> None:
        self.name: str = record["HyperParameterTuningJobName"]
        self.arn: str = record["HyperParameterTuningJobArn"]
        self.plan = plan
        self.trials: list[Trial] = []
        self.done = threading.Event()
        self.wake = threading.Event()  #: set when its tuner has something to look at
        self._record = record
        self._changed = changed
        self._lock = threading.RLock()
        self._changed(copy.deepcopy(record))

    @property
    def status(self) -> str:
        """InProgress, Stopping, Completed, Failed or Stopped."""
        return str(self._record[_STATUS])

    @property
    def stopping(self) -> bool:
        """Whether somebody asked the tuning job to stop."""
        return self.status == "Stopping"

    def describe(self) -> Json:
        """Copy what Describe answers now."""
        with self._lock:
            record = copy.deepcopy(self._record)
            trials = list(self.trials)
        best = ranked(trials, self.plan)[:1]
        whole = {**record, **_counters(trials), **_consumed(trials)}
        return {**whole, "BestTrainingJob": best[0].summary()} if best else whole

    def top(self) -> list[Json]:
        """Summaries of its best training jobs, the best first: `TrainingJobSummaries` of a pipeline step."""
        return [trial.summary() for trial in ranked(self.trials, self.plan)[:_LONGEST_TOP]]

    def add(self, trial: Trial) -> None:
        """Note a training job that was started."""
        with self._lock:
            self.trials.append(trial)

    def request_stop(self, now: float) -> None:
        """Begin to stop; a tuning job that has ended stays as it is."""
        with self._lock:
            if self.status == "InProgress":
                self._enter("Stopping", now)
        self.wake.set()

    def finish(self, status: str, now: float, *, reason: str = "") -> None:
        """Enter a final status."""
        with self._lock:
            if self.done.is_set():
                return
            if reason:
                self._record["FailureReason"] = reason[:LONGEST_REASON]
            self._record["HyperParameterTuningEndTime"] = now
            self._enter(status, now)
            self.done.set()

    def _enter(self, status: str, now: float) -> None:
        self._record.update({_STATUS: status, "LastModifiedTime": now})
        self._changed(self.describe())


def _counters(trials: list[Trial]) -> Json:
    statuses = [_counted(trial) for trial in trials]
    objectives = [trial.objective_status for trial in trials]
    jobs = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
    return {
        "TrainingJobStatusCounters": {name: statuses.count(name) for name in jobs},
        "ObjectiveStatusCounters": {name: objectives.count(name) for name in ("Succeeded", "Pending", "Failed")},
    }


def _counted(trial: Trial) -> str:
    status = trial.job.status
    if status == "Failed":
        reason = trial.job.describe().get("FailureReason", "")
        return "RetryableError" if reason.startswith(_RETRYABLE) else "NonRetryableError"
    return "InProgress" if status == "Stopping" else status


def _consumed(trials: list[Trial]) -> Json:
    seconds = sum(trial.job.describe().get("TrainingTimeInSeconds", 0) for trial in trials)
    return {"ConsumedResources": {"RuntimeInSeconds": seconds}}
