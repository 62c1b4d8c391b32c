"""SageMaker's own events on the default bus, in the shapes of its EventBridge documentation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from local_cloud.host import Host
from local_cloud.wire import Json

_SOURCE = "aws.sagemaker"
_log = logging.getLogger(__name__)


def iso(epoch: float) -> str:
    """Write epoch seconds as the events do: `2026-11-20T10:00:00Z`."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_milliseconds(value: Any) -> Any:
    """Rewrite every `...Time` member as text of epoch milliseconds, the way job events carry times."""
    if isinstance(value, dict):
        return {key: _milliseconds(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [in_milliseconds(item) for item in value]
    return value


def _milliseconds(key: str, item: Any) -> Any:
    if key.endswith("Time") and isinstance(item, int | float):
        return str(int(item * 1000))
    return in_milliseconds(item)


class Events:
    """Sends events one after the other from a thread of its own, so that nobody emits while holding a lock."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="sagemaker-events")

    def execution(self, view: Json, previous: str | None, ended: float | None) -> None:
        """Announce a status of a pipeline execution; `view` is what DescribePipelineExecution answers."""
        detail = {
            "pipelineExecutionDisplayName": view["PipelineExecutionDisplayName"],
            "currentPipelineExecutionStatus": view["PipelineExecutionStatus"],
            "previousPipelineExecutionStatus": previous,
            "executionStartTime": iso(view["CreationTime"]),
            "executionEndTime": iso(ended) if ended is not None else None,
            "pipelineExecutionDescription": view.get("PipelineExecutionDescription"),
            "pipelineArn": view["PipelineArn"],
            "pipelineExecutionArn": view["PipelineExecutionArn"],
        }
        self._send("SageMaker Model Building Pipeline Execution Status Change", _given(detail), _resources(view))

    def step(self, execution: Json, step: Json, step_type: str, previous: str | None) -> None:
        """Announce a status of a step; `step` is its entry of ListPipelineExecutionSteps."""
        metadata = {key[0].lower() + key[1:]: _lower_keys(value) for key, value in step.get("Metadata", {}).items()}
        cached = step.get("CacheHitResult")
        detail = {
            "metadata": metadata,
            "stepStartTime": iso(step["StartTime"]),
            "stepEndTime": iso(step["EndTime"]) if "EndTime" in step else None,
            "stepName": step["StepName"],
            "stepType": step_type,
            "previousStepStatus": previous,
            "currentStepStatus": step["StepStatus"],
            "pipelineArn": execution["PipelineArn"],
            "pipelineExecutionArn": execution["PipelineExecutionArn"],
            "failureReason": step.get("FailureReason"),
            "cacheHitResult": _lower_keys(cached) if cached else None,
        }
        name = "SageMaker Model Building Pipeline Execution Step Status Change"
        self._send(name, _given(detail), _resources(execution))

    def job(self, kind: str, record: Json) -> None:
        """Announce a status of a job; `record` is what Describe answers."""
        self._send(f"SageMaker {kind} Job State Change", in_milliseconds(record), [record[f"{kind}JobArn"]])

    def tuning(self, record: Json) -> None:
        """Announce a status of a hyperparameter tuning job; `record` is what Describe answers."""
        detail = in_milliseconds(record)
        name = "SageMaker HyperParameter Tuning Job State Change"
        self._send(name, detail, [record["HyperParameterTuningJobArn"]])

    def model_package(self, record: Json) -> None:
        """Announce a new or changed model package; `record` is what DescribeModelPackage answers."""
        detail = in_milliseconds(record)
        self._send("SageMaker Model Package State Change", detail, [record["ModelPackageArn"]])

    def drain(self) -> None:
        """Wait until everything announced so far has been sent."""
        self._sender.submit(int).result()

    def close(self) -> None:
        """Send what is left and end."""
        self._sender.shutdown()

    def _send(self, detail_type: str, detail: Json, resources: Sequence[str]) -> None:
        sent = self._sender.submit(self._host.emit, _SOURCE, detail_type, detail, resources=resources)
        sent.add_done_callback(_report)


def _report(sent: Future[None]) -> None:
    problem = sent.exception()
    if problem is not None:
        _log.error("An event of SageMaker could not be put on the bus.", exc_info=problem)


def _resources(execution: Json) -> list[str]:
    return [execution["PipelineArn"], execution["PipelineExecutionArn"]]


def _given(detail: Json) -> Json:
    return {key: value for key, value in detail.items() if value is not None}


def _lower_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _lower_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_lower_keys(item) for item in value]
    return value
