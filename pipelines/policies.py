"""How often a step is tried again, how long its result may be reused and how long it may run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig

CAPACITY_BUDGET_MINUTES: Final = 6 * 60  # a machine that is short now is often free after the morning's rush
CACHE_DURATION: Final = "P30D"
HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Machine:
    """Size of a job: type (a name or a pipeline parameter), disk, the longest time it may take, and how many."""

    instance_type: Any
    volume_gb: int = 30
    max_seconds: int = HOUR
    instances: int = 1


def cache() -> CacheConfig:
    """Reuse of an earlier result; only for steps whose arguments hold no run id."""
    return CacheConfig(enable_caching=True, expire_after=CACHE_DURATION)


def service_retries() -> list[StepRetryPolicy]:
    """For every step: the call itself failed or was throttled (10 s to 5 min apart, ten minutes in all)."""
    kinds = [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING]
    return [StepRetryPolicy(exception_types=kinds, interval_seconds=10, backoff_rate=2.0, max_attempts=6)]


def job_retries() -> list[StepRetryPolicy]:
    """For steps that start machines: also waits hours for capacity or quota, and restarts after a platform error.

    A failure of our own code is none of these and is never repeated here.
    """
    scarce = SageMakerJobStepRetryPolicy(
        exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT],
        failure_reason_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR],
        interval_seconds=300,
        backoff_rate=1.5,
        expire_after_mins=CAPACITY_BUDGET_MINUTES,
    )
    broken = SageMakerJobStepRetryPolicy(
        failure_reason_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
        interval_seconds=60,
        backoff_rate=2.0,
        max_attempts=3,
    )
    return [*service_retries(), scarce, broken]
