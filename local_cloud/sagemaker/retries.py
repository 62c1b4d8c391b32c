"""Retry policies of steps: which failures are tried again, how often and after how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from local_cloud.sagemaker.errors import invalid
from local_cloud.wire import AwsError, Json

SERVICE_FAULT = "Step.SERVICE_FAULT"
THROTTLING = "Step.THROTTLING"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"
_JOB_KINDS = {"InternalServerError": "SageMaker.JOB_INTERNAL_ERROR", "CapacityError": "SageMaker.CAPACITY_ERROR"}
_KINDS = frozenset({SERVICE_FAULT, THROTTLING, RESOURCE_LIMIT, *_JOB_KINDS.values()})
_RETRIED_STEPS = frozenset({"Processing", "Training", "Model", "RegisterModel", "Transform", "Tuning"})
_STEP_ONLY = frozenset({"Model", "RegisterModel"})
_MOST_ATTEMPTS = 20
_ALWAYS: Json = {
    "ExceptionType": [SERVICE_FAULT, THROTTLING],
    "IntervalSeconds": 1,
    "BackoffRate": 2.0,
    "MaxAttempts": 5,
}


def kind_of_call(problem: AwsError) -> str:
    """Exception type of a refused call; empty when no policy names it."""
    if problem.code in ("ThrottlingException", "Throttling", "TooManyRequestsException"):
        return THROTTLING
    if problem.code == "ResourceLimitExceeded":
        return RESOURCE_LIMIT
    return SERVICE_FAULT if problem.status >= 500 and problem.code != "NotSimulatedException" else ""


def kind_of_job(reason: str) -> str:
    """Exception type of a failed job, by the class its FailureReason begins with; empty when no policy names it."""
    return next((kind for start, kind in _JOB_KINDS.items() if reason.startswith(start)), "")


def check_policies(step: str, step_type: str, policies: list[Json]) -> None:
    """Refuse policies the service would not take; raises `ValidationException`."""
    if policies and step_type not in _RETRIED_STEPS:
        raise invalid(f"Step [{step}]: steps of type {step_type} take no RetryPolicies.")
    for policy in policies:
        unknown = sorted(set(policy.get("ExceptionType", [])) - _KINDS)
        if unknown or not policy.get("ExceptionType"):
            raise invalid(f"Step [{step}]: unknown exception types {unknown} in RetryPolicies.")
        if step_type in _STEP_ONLY and any(kind.startswith("SageMaker.") for kind in policy["ExceptionType"]):
            raise invalid(f"Step [{step}]: SageMaker.* exception types do not apply to steps of type {step_type}.")
        if ("MaxAttempts" in policy) == ("ExpireAfterMin" in policy):
            raise invalid(f"Step [{step}]: a retry policy has exactly one of MaxAttempts and ExpireAfterMin.")
        if policy.get("MaxAttempts", 1) > _MOST_ATTEMPTS:
            raise invalid(f"Step [{step}]: MaxAttempts is at most {_MOST_ATTEMPTS}.")


@dataclass(slots=True)
class Retrying:
    """The retries of one step; every policy counts its own."""

    policies: list[Json]
    _used: dict[int, int] = field(default_factory=dict)
    _waited: dict[int, float] = field(default_factory=dict)

    def covers(self, kind: str) -> bool:
        """Whether any policy, used up or not, is for failures of this kind."""
        return any(self._matching(kind))

    def delay(self, kind: str) -> float | None:
        """Seconds to wait before the next attempt; None when the failure is final."""
        for index, policy in self._matching(kind):
            used = self._used.get(index, 0)
            wait = float(policy.get("IntervalSeconds", 1) * policy.get("BackoffRate", 2.0) ** used)
            if self._spent(index, policy, wait):
                return None
            self._used[index] = used + 1
            self._waited[index] = self._waited.get(index, 0.0) + wait
            return wait
        return None

    def _matching(self, kind: str) -> Iterator[tuple[int, Json]]:
        for index, policy in enumerate([*self.policies, _ALWAYS]):
            if kind in policy["ExceptionType"]:
                yield index, policy

    def _spent(self, index: int, policy: Json, wait: float) -> bool:
        if "ExpireAfterMin" in policy:
            return bool(self._waited.get(index, 0.0) + wait > policy["ExpireAfterMin"] * 60)
        return bool(self._used.get(index, 0) >= policy.get("MaxAttempts", 5))
