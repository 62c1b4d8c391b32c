"""Faults of calls, on their way in and out of the gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from local_cloud.faults.desk import FaultDesk
from local_cloud.faults.fault import AFTER_CALLS, CALLS, Fault, Kind, Place
from local_cloud.inbound import Inbound
from local_cloud.wire import AwsError, Call

_KILLS: Final = frozenset({Kind.KILL_BEFORE})
_SLOW: Final = frozenset({Kind.SLOW})
_LIMIT = (
    "The account-level service limit '{what}' is {limit} Instances, with current utilization of {used} Instances and a "
    "request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this quota. If AWS Service "
    "Quotas is not available, contact AWS support to request an increase for this quota."
)


class HangUpError(ConnectionError):
    """End a connection without an answer."""


class CallFaults:
    """What the gateway asks before and after it does what a call asks for; `restart` takes it down and up again."""

    def __init__(self, desk: FaultDesk, restart: Callable[[], None]) -> None:
        self._desk, self._restart = desk, restart

    def before(self, call: Call, request: Inbound) -> None:
        """Let a call pass, or refuse it, hold it up, or kill who makes it.

        Raises:
            AwsError: The refusal.
            HangUpError: The caller is no more.
        """
        place = _place(call, request)
        slow = self._desk.take(_SLOW, place)
        if slow is not None:
            time.sleep(slow.seconds)
        if self._desk.can_kill(request.access_key) and self._desk.take(_KILLS, place):
            self._desk.kill(request.access_key)
            raise HangUpError
        refused = self._desk.take(CALLS, place)
        if refused is not None:
            raise refusal(refused, call)

    def after(self, call: Call, request: Inbound) -> None:
        """Let the answer of a call that was carried out pass, or lose it.

        Raises:
            HangUpError: It is lost.
        """
        kinds = AFTER_CALLS if self._desk.can_kill(request.access_key) else AFTER_CALLS - {Kind.KILL_AFTER}
        fault = self._desk.take(kinds, _place(call, request))
        if fault is None:
            return
        if fault.kind is Kind.KILL_AFTER:
            self._desk.kill(request.access_key)
        elif fault.kind is Kind.GATEWAY_RESTART:
            self._restart()
        raise HangUpError


def refusal(fault: Fault, call: Call) -> AwsError:
    """The error with which a service refuses a call."""
    if fault.kind is Kind.ERROR:
        return AwsError(fault.code, fault.message or f"Injected fault of {call.service}:{call.action}.", fault.status)
    if fault.kind is Kind.THROTTLING:
        if call.service == "s3":
            return AwsError("SlowDown", fault.message or "Please reduce your request rate.", 503)
        return AwsError("ThrottlingException", fault.message or "Rate exceeded")
    if fault.kind is Kind.SERVER_ERROR:
        code = "InternalError" if call.service == "s3" else "InternalFailure"
        return AwsError(code, fault.message or "We encountered an internal error. Please try again.", 500)
    used, limit = (0, 0) if fault.kind is Kind.QUOTA_ZERO else (20, 20)
    words = _LIMIT.format(what=_quota(call), limit=limit, used=used)
    return AwsError("ResourceLimitExceeded", fault.message or words)


def _quota(call: Call) -> str:
    if call.action == "StartPipelineExecution":
        return "Concurrent pipeline executions"
    kind = call.action.removeprefix("Create").removesuffix("Job").lower()
    return f"ml.m5.xlarge for {kind} job usage"


def _place(call: Call, request: Inbound) -> Place:
    about = request.path.lstrip("/") if request.service == "s3" else request.body.decode("utf-8", "replace")
    return Place(call.service, call.action, about, call.principal.rpartition("/")[2])
