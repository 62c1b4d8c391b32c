"""Step caching with the keys of the developer guide: a hit answers the old run's result, old output URIs included."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass

from local_cloud.sagemaker.errors import invalid
from local_cloud.wire import Json

_KEYS = {  # "Default cache key attributes by pipeline step type"; never outputs, instances or roles
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}
_ISO = re.compile(
    r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE
)
_UNITS = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)


def duration(text: str) -> int:
    """Seconds of an ISO 8601 duration such as `P30D` or `PT1H`; raises `ValidationException` for anything else."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise invalid(f"ExpireAfter {text!r} is not an ISO 8601 duration such as P30D or PT1H.")
    return sum(int(number) * unit for number, unit in zip(match.groups(default="0"), _UNITS, strict=True))


@dataclass(frozen=True, slots=True)
class Remembered:
    """A successful step: when it ended, in which execution, its result and its metadata."""

    ended: float
    execution_arn: str
    result: Json
    metadata: Json


class StepCache:
    """Results of successful steps, by pipeline, step and the cached arguments."""

    def __init__(self) -> None:
        self._held: dict[str, Remembered] = {}
        self._lock = threading.Lock()

    @staticmethod
    def key(pipeline_arn: str, step: Json, request: Json) -> str | None:
        """Key of a step with resolved arguments; None when the step does not cache."""
        if not step.get("CacheConfig", {}).get("Enabled") or step["Type"] not in _KEYS:
            return None
        body = {name: request.get(name) for name in _KEYS[step["Type"]]}
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        return f"{pipeline_arn}/{step['Name']}/{digest}"

    def find(self, key: str, expire_after: str, now: float) -> Remembered | None:
        """Newest success under `key`, unless it is older than the step's `ExpireAfter`."""
        with self._lock:
            held = self._held.get(key)
        return held if held is not None and now - held.ended <= duration(expire_after) else None

    def remember(self, key: str, success: Remembered) -> None:
        """Keep a success for later executions."""
        with self._lock:
            self._held[key] = success
