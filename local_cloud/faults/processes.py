"""Faults of processes, objects and statements: where they are asked for outside of the gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from local_cloud.faults.calls import refusal
from local_cloud.faults.desk import FaultDesk
from local_cloud.faults.fault import CALLS, CAPACITY_WORDS, Fault, Kind, Place
from local_cloud.wire import AwsError, Call

_SHORTENED: Final = frozenset({Kind.CUT_OBJECT, Kind.HALF_WRITTEN})


class ProcessFaults:
    """What jobs, functions, the object store and the warehouse ask."""

    def __init__(self, desk: FaultDesk | None = None) -> None:
        self.desk = desk or FaultDesk()

    def job_reason(self, kind: str, name: str) -> str:
        """The reason for which a job fails instead of running; empty if it runs."""
        fault = self.desk.take({Kind.CAPACITY}, Place("sagemaker", f"Create{kind}Job", name))
        return (fault.message or CAPACITY_WORDS) if fault else ""

    def job_started(self, kind: str, name: str, access_key: str, kill: Callable[[], None]) -> None:
        """Learn of a job's container, and perhaps kill it."""
        if access_key:
            self.desk.knows_caller(access_key, kill)
        if self.desk.take({Kind.KILL_JOB}, Place("sagemaker", f"Create{kind}Job", name)):
            kill()

    def checkpoint_stored(self, kind: str, name: str) -> Fault | None:
        """Learn of a training job's new checkpoint; the fault that takes its machine away now, if any."""
        return self.desk.take({Kind.INTERRUPT_JOB}, Place("sagemaker", f"Create{kind}Job", name))

    def function_invoked(self, name: str, kill: Callable[[], None]) -> None:
        """Perhaps kill a function that has just got its event."""
        if self.desk.take({Kind.KILL_FUNCTION}, Place("lambda", "Invoke", name)):
            kill()

    def internal_call(self, call: Call, text: str) -> None:
        """Perhaps refuse a call that a pipeline makes inside the service.

        Raises:
            AwsError: The refusal.
        """
        place = Place(call.service, call.action, text, call.principal.rpartition("/")[2])
        fault = self.desk.take(CALLS, place)
        if fault is not None:
            raise refusal(fault, call)

    def object_read(self, bucket: str, key: str) -> None:
        """Perhaps keep who reads an object waiting."""
        fault = self.desk.take({Kind.SLOW}, Place("s3", "GetObject", f"{bucket}/{key}"))
        if fault is not None:
            time.sleep(fault.seconds)

    def object_size(self, bucket: str, key: str, size: int) -> tuple[int, AwsError | None]:
        """How many bytes of an object are stored, and the error its writer gets afterwards."""
        fault = self.desk.take(_SHORTENED, Place("s3", "PutObject", f"{bucket}/{key}"))
        if fault is None:
            return size, None
        if fault.kind is Kind.CUT_OBJECT:
            return max(0, size - fault.bytes), None
        return size // 2, AwsError("SlowDown", "Please reduce your request rate.", 503)

    def statement_starts(self, name: str) -> str:
        """The error of a statement that may not run; empty if it may."""
        fault = self.desk.take({Kind.CONFLICT}, Place("redshift-data", "ExecuteStatement", name))
        words = "1023 DETAIL: Serializable isolation violation on table in Redshift"
        return (fault.message or words) if fault else ""

    def statement_ended(self, name: str) -> str:
        """The error that is reported for a statement that was carried out; empty if none is."""
        fault = self.desk.take({Kind.LOST_COMMIT}, Place("redshift-data", "ExecuteStatement", name))
        return (fault.message or "connection to the leader node was lost") if fault else ""
