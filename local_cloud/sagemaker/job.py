"""One processing, training or transform job: its kind, its record and its way through the states."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from local_cloud.sagemaker.container import Container
from local_cloud.sagemaker.errors import LONGEST_REASON, JobStoppedError
from local_cloud.wire import Json


class JobKind(StrEnum):
    """The kinds of jobs; names of members, ARNs and log groups derive from the value."""

    PROCESSING = "Processing"
    TRAINING = "Training"
    TRANSFORM = "Transform"

    @property
    def resource(self) -> str:
        """Resource part of the ARN."""
        return f"{self.lower()}-job"

    @property
    def log_group(self) -> str:
        """Log group of the containers."""
        return f"/aws/sagemaker/{self}Jobs"

    def field(self, suffix: str) -> str:
        """Member called e.g. `ProcessingJobName` for `Name`."""
        return f"{self}Job{suffix}"


class Job:
    """A job and what Describe answers about it. `changed(kind, record)` is told of every new status, in order."""

    def __init__(self, kind: JobKind, record: Json, changed: Callable[[str, Json], None]) -> None:
        self.kind = kind
        self.name: str = record[kind.field("Name")]
        self.arn: str = record[kind.field("Arn")]
        self.done = threading.Event()
        self._record = record
        self._changed = changed
        self._containers: list[Container] = []
        self._listeners: list[Callable[[], None]] = []
        self._begun = False
        self._killed = False
        self._lock = threading.RLock()
        self._changed(kind, copy.deepcopy(record))

    def __getstate__(self) -> dict[str, Any]:
        """Leave processes out, and who waits for them, when the state of the cloud is kept."""
        return {**self.__dict__, "_containers": [], "_listeners": []}

    @property
    def status(self) -> str:
        """InProgress, Stopping, Completed, Failed or Stopped."""
        return str(self._record[self.kind.field("Status")])

    @property
    def stopping(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self.status == "Stopping"

    def describe(self) -> Json:
        """Copy what Describe answers now."""
        with self._lock:
            return copy.deepcopy(self._record)

    def update(self, now: float, **members: Any) -> None:
        """Set members of the record without a change of status."""
        with self._lock:
            self._record.update(members, LastModifiedTime=now)

    def secondary(self, now: float, status: str) -> None:
        """Enter a secondary status; training jobs have them, the others ignore this."""
        with self._lock:
            if self.kind is not JobKind.TRAINING:
                return
            transitions = self._record.setdefault("SecondaryStatusTransitions", [])
            if transitions:
                transitions[-1].setdefault("EndTime", now)
            transitions.append({"Status": status, "StartTime": now, "StatusMessage": status})
            self.update(now, SecondaryStatus=status)

    def begin(self, now: float) -> None:
        """Leave the queue; raises `JobStoppedError` when it was stopped there."""
        with self._lock:
            if self.done.is_set():
                raise JobStoppedError
            self._begun = True
            self.update(now, **{f"{self.kind}StartTime": now})

    def attach(self, container: Container) -> None:
        """Let a stop reach this container too, also one that was asked for a moment ago."""
        with self._lock:
            self._containers.append(container)
            if self._killed:
                container.kill()
            elif self.stopping:
                container.stop()

    def request_stop(self, now: float) -> None:
        """Begin to stop a job in progress; any other status stays as it is."""
        with self._lock:
            if self.status != "InProgress":
                return
            self._enter("Stopping", now)
            self.secondary(now, "Stopping")
            for container in self._containers:
                container.stop()
            if not self._begun:
                self.finish("Stopped", now)

    def kill(self, now: float) -> None:
        """Stop without grace, for a cloud that shuts down."""
        with self._lock:
            self._killed = True
            self.request_stop(now)
            for container in self._containers:
                container.kill()

    def take_away(self) -> None:
        """Kill its containers, as the loss of their machine does; the job itself goes on."""
        with self._lock:
            for container in self._containers:
                container.kill()

    def when_done(self, listener: Callable[[], None]) -> None:
        """Call `listener` once the job has ended, at once when it has already."""
        with self._lock:
            if not self.done.is_set():
                self._listeners.append(listener)
                return
        listener()

    def check_stop(self) -> None:
        """Raise `JobStoppedError` when the job should stop."""
        if self.stopping:
            raise JobStoppedError

    def finish(self, status: str, now: float, *, reason: str = "", secondary: str = "") -> None:
        """Enter a final status; `secondary` is that of a training job where it differs."""
        with self._lock:
            if self.done.is_set():
                return
            if reason:
                self._record["FailureReason"] = reason[:LONGEST_REASON]
            self.secondary(now, secondary or status)
            self._record[f"{self.kind}EndTime"] = now
            self._count_time(now)
            self._enter(status, now)
            self.done.set()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def _count_time(self, now: float) -> None:
        started = self._record.get("TrainingStartTime")
        if started is not None:  # seconds are billed as they are used: there is no spot market here
            seconds = max(1, math.ceil(now - started))
            self._record.update(TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds)

    def _enter(self, status: str, now: float) -> None:
        self._record.update({self.kind.field("Status"): status, "LastModifiedTime": now})
        self._changed(self.kind, copy.deepcopy(self._record))
