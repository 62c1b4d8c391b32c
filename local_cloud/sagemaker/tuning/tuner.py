"""Drives one tuning job: starts training jobs, follows what they report, stops the hopeless ones, knows the end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from local_cloud.sagemaker.job import Job
from local_cloud.sagemaker.tuning.plan import training_request
from local_cloud.sagemaker.tuning.search import Proposal, Search
from local_cloud.sagemaker.tuning.trials import Trial, ranked, worse_than_others
from local_cloud.sagemaker.tuning.tuning import Tuning
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Json

_POLL = 0.05  # seconds between looks at the logs of running training jobs
_PATIENCE = 5  # training jobs without any success before a tuning job gives up
_NONE_SUCCEEDED = (
    "No training job succeeded after {count} attempts. Please take a look at the training job failures to get more "
    "details."
)
_NO_OBJECTIVE = (
    "No objective metrics found after running {count} training jobs. Please ensure that the custom algorithm is "
    "emitting the objective metric as defined by the regular expression provided."
)


@dataclass(frozen=True, slots=True)
class Machinery:
    """What a tuner needs of the local cloud: to start a training job, to find its folder, and the time."""

    start: Callable[[Json], Job]
    workspace: Callable[[Job], Workspace]
    now: Callable[[], float]


class Tuner:
    """Runs a tuning job to its end, in the thread that calls `run`."""

    def __init__(self, tuning: Tuning, request: Json, machinery: Machinery) -> None:
        self._tuning = tuning
        self._plan = tuning.plan
        self._request = request
        self._machinery = machinery
        self._search = Search(tuning.plan)
        self._running: list[tuple[Trial, Proposal]] = []
        self._ended: list[Trial] = []
        self._deadline = None if self._plan.runtime is None else time.monotonic() + self._plan.runtime

    def run(self) -> None:
        """Start and follow training jobs until there is nothing left to do, then enter the final status."""
        while True:
            self._start_more()
            if not self._running:
                break
            self._tuning.wake.wait(self._pause())
            self._tuning.wake.clear()
            self._follow()
            self._collect()
            if self._over():
                self._stop_running()
        status, reason = self._outcome()
        self._tuning.finish(status, self._machinery.now(), reason=reason)

    # --- starting ---------------------------------------------------------------------------------------------------

    def _start_more(self) -> None:
        while not self._over() and len(self._running) < self._plan.parallel:
            if len(self._tuning.trials) >= self._plan.most_jobs:
                return
            self._start(self._search.propose())

    def _start(self, proposal: Proposal) -> None:
        name = trial_name(self._tuning.name, proposal.number + 1)
        members = {"TuningJobArn": self._tuning.arn, "Tags": self._request.get("Tags", [])}
        job = self._machinery.start({**training_request(self._request, proposal.hyperparameters, name), **members})
        trial = Trial(job, proposal.hyperparameters, self._plan, self._machinery.workspace(job))
        self._tuning.add(trial)
        self._running.append((trial, proposal))
        job.when_done(self._tuning.wake.set)

    # --- following --------------------------------------------------------------------------------------------------

    def _pause(self) -> float | None:
        """Seconds until the next look; None where the end of a training job is all there is to wait for."""
        if self._watching:
            return _POLL
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic()) + _POLL

    @property
    def _watching(self) -> bool:
        return self._plan.early_stopping or self._plan.resources is not None

    def _follow(self) -> None:
        for trial, proposal in self._running if self._watching else ():
            for value in trial.new_values():
                stop = self._search.report(proposal, len(trial.values), value)
                if self._plan.early_stopping:
                    stop = worse_than_others(trial, self._ended, self._plan)
                if stop:
                    trial.job.request_stop(self._machinery.now())
                    break

    def _collect(self) -> None:
        for trial, proposal in list(self._running):
            if trial.job.done.is_set():
                self._running.remove((trial, proposal))
                list(trial.new_values())  # those since the last look: later trials are measured against all of them
                self._ended.append(trial)
                self._search.tell(proposal, trial.objective, stopped=trial.job.status == "Stopped")

    def _stop_running(self) -> None:
        for trial, _ in self._running:
            trial.job.request_stop(self._machinery.now())

    # --- ending -----------------------------------------------------------------------------------------------------

    def _over(self) -> bool:
        """Whether no further training job starts although there may be some left."""
        late = self._deadline is not None and time.monotonic() >= self._deadline
        return late or self._tuning.stopping or self._hopeless() or self._satisfied()

    def _hopeless(self) -> bool:
        return len(self._ended) >= _PATIENCE and not ranked(self._ended, self._plan)

    def _satisfied(self) -> bool:
        """Whether a completion criterion is met: the target, or enough training jobs that improved nothing."""
        best, since = None, 0
        for trial in self._ended:
            value = trial.objective
            since += 1
            if value is not None and (best is None or self._plan.better(value, best)):
                best, since = value, 0
        target, patience = self._plan.target, self._plan.patience
        reached = best is not None and target is not None and not self._plan.better(target, best)
        return reached or (patience is not None and since >= patience)

    def _outcome(self) -> tuple[str, str]:
        if self._tuning.stopping:
            return "Stopped", ""
        if ranked(self._ended, self._plan):
            return "Completed", ""
        count = len(self._ended)
        if any(trial.job.status == "Completed" for trial in self._ended):
            return "Failed", _NO_OBJECTIVE.format(count=count)
        return ("Failed", _NONE_SUCCEEDED.format(count=count)) if count else ("Completed", "")


def trial_name(tuning: str, number: int) -> str:
    """Name of the training job `number`, from 1: `<tuning>-001-<8 hexadecimal digits>`, always the same."""
    digest = hashlib.sha256(f"{tuning}/{number}".encode()).hexdigest()
    return f"{tuning}-{number:03d}-{digest[:8]}"
