"""Retry policies: which exceptions apply to which step, and the service's ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipelines.checker.document import Document, Step, as_list, as_mapping
from pipelines.checker.problems import Problem

STEP_EXCEPTIONS: Final = ("Step.SERVICE_FAULT", "Step.THROTTLING")
JOB_EXCEPTIONS: Final = ("SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT")
JOB_TYPES: Final = ("Processing", "Training", "Transform", "Tuning")
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "IntervalSeconds": (1, 43200),
    "BackoffRate": (1, 10),  # the service has no maximum; beyond ten nobody means it
    "MaxAttempts": (1, 20),
    "ExpireAfterMin": (1, 14400),
}


def check_retries(document: Document) -> Iterator[Problem]:
    """Every retry policy of every step."""
    for step in document.steps:
        seen: set[str] = set()
        for index, raw in enumerate(as_list(step.body.get("RetryPolicies"))):
            path, policy = f"{step.path}.RetryPolicies[{index}]", as_mapping(raw)
            yield from _limits(policy, path)
            yield from _exceptions(step, policy, path)
            named = {str(item) for item in as_list(policy.get("ExceptionType"))}
            if named & seen:
                yield Problem(path, f"an earlier policy of this step covers {', '.join(sorted(named & seen))}")
            seen |= named


def _limits(policy: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if ("MaxAttempts" in policy) == ("ExpireAfterMin" in policy):
        yield Problem(path, "give exactly one of MaxAttempts and ExpireAfterMin")
    for key, value in policy.items():
        if key == "ExceptionType":
            continue
        if key not in RANGES:
            yield Problem(f"{path}.{key}", "unknown key of a retry policy")
            continue
        least, most = RANGES[key]
        whole = isinstance(value, int) or (key == "BackoffRate" and isinstance(value, float))
        if not whole or isinstance(value, bool) or not least <= value <= most:
            yield Problem(f"{path}.{key}", f"{value!r} is not a number from {least:g} to {most:g}")


def _exceptions(step: Step, policy: Mapping[str, Any], path: str) -> Iterator[Problem]:
    known = STEP_EXCEPTIONS + (JOB_EXCEPTIONS if step.type in JOB_TYPES else ())
    if not as_list(policy.get("ExceptionType")):
        yield Problem(f"{path}.ExceptionType", "must be a list that is not empty")
    for exception in as_list(policy.get("ExceptionType")):
        if exception not in known:
            wrong = f"{exception!r} is not retried for a {step.type} step; known are {', '.join(known)}"
            yield Problem(f"{path}.ExceptionType", wrong)
