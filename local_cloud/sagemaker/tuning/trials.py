"""One training job of a tuning job: what it was given, what it reports while it runs, and how it ended."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from local_cloud.sagemaker.job import Job
from local_cloud.sagemaker.metric_log import Reading
from local_cloud.sagemaker.tuning.plan import Plan
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Json

_FEWEST_BEFORE = 3  # earlier jobs that must have come as far before one is stopped for being worse


class Trial:
    """A training job and the objective values it has logged, in their order."""

    def __init__(self, job: Job, hyperparameters: dict[str, str], plan: Plan, workspace: Workspace) -> None:
        self.job = job
        self.values: list[float] = []
        self._final: tuple[float | None] | None = None  # known once the job has ended
        self._hyperparameters = hyperparameters
        self._plan = plan
        self._reading = Reading(plan.metric)
        self._logs = _Logs(workspace)

    def new_values(self) -> Iterator[float]:
        """Yield objective values logged since the last call."""
        for line in self._logs.new_lines():
            for value in self._reading.values(line):
                self.values.append(value)
                yield value

    @property
    def objective(self) -> float | None:
        """The final objective: the last value, once the job completed or was stopped; None when there is none."""
        if self._final is None and self.job.done.is_set():
            self._final = (self._last_value(),)
        return self._final[0] if self._final else None

    def _last_value(self) -> float | None:
        if self.job.status == "Failed":
            return None
        held = self.job.describe().get("FinalMetricDataList", [])
        named = (item["Value"] for item in held if item["MetricName"] == self._plan.metric["Name"])
        return next(named, None)

    @property
    def objective_status(self) -> str:
        """Pending while the job runs, then Succeeded or Failed."""
        if not self.job.done.is_set():
            return "Pending"
        return "Failed" if self.objective is None else "Succeeded"

    def summary(self) -> Json:
        """Entry of ListTrainingJobsForHyperParameterTuningJob."""
        record = self.job.describe()
        kept = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime")
        shown = {key: record[key] for key in (*kept, "TrainingJobStatus", "FailureReason") if key in record}
        value = self.objective
        metric = {
            "Type": "Maximize" if self._plan.maximize else "Minimize",
            "MetricName": self._plan.metric["Name"],
            "Value": value,
        }
        final = {} if value is None else {"FinalHyperParameterTuningJobObjectiveMetric": metric}
        return {
            **shown,
            "TunedHyperParameters": self._hyperparameters,
            "ObjectiveStatus": self.objective_status,
            **final,
        }


def ranked(trials: Sequence[Trial], plan: Plan) -> list[Trial]:
    """Trials with an objective, the best first; those that completed before those that were stopped."""
    valued = [(trial, value) for trial in trials if (value := trial.objective) is not None]
    sign = -1 if plan.maximize else 1
    valued.sort(key=lambda item: (item[0].job.status != "Completed", sign * item[1]))
    return [trial for trial, _ in valued]


def worse_than_others(trial: Trial, others: Sequence[Trial], plan: Plan) -> bool:
    """The service's rule of early stopping, after the newest value of a trial.

    It is stopped when that is worse than the median, over earlier jobs that came as far, of their running averages.
    """
    reached = len(trial.values)
    averages = [statistics.fmean(other.values[:reached]) for other in others if len(other.values) >= reached]
    if len(averages) < _FEWEST_BEFORE:
        return False
    return plan.better(statistics.median(averages), trial.values[-1])


class _Logs:
    """Reads what the containers of a job have written since it was read before, whole lines only."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._read: dict[Path, int] = {}

    def new_lines(self) -> Iterator[str]:
        for host in self._workspace.every_host():
            if not host.log.exists():
                continue
            with host.log.open("rb") as file:
                file.seek(self._read.get(host.log, 0))
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read[host.log] = self._read.get(host.log, 0) + len(whole) + len(newline)
            yield from whole.decode("utf-8", errors="replace").splitlines()
