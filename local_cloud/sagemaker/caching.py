"""Step caching with the keys of the developer guide: a hit answers the old run's result, old output URIs included."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass

from local_cloud.sagemaker.checks import SETTINGS
from local_cloud.sagemaker.errors import invalid
from local_cloud.wire import Json
from rightpack.cache_reasons import KEYS, TRIAL, seconds_of

_CHECK = (*KEYS["Processing"], *(name for name in SETTINGS if name != "FailOnViolation"))
_KEYS = {**KEYS, "QualityCheck": _CHECK, "ClarifyCheck": _CHECK}  # never outputs, instances or roles


def duration(text: str) -> int:
    """Seconds of an ISO 8601 duration such as `P30D` or `PT1H`; raises `ValidationException` for anything else."""
    try:
        return seconds_of(text)
    except ValueError as problem:
        raise invalid(f"ExpireAfter: {problem}") from problem


@dataclass(frozen=True, slots=True)
class Remembered:
    """A successful step: when it ended, in which execution, its result and its metadata."""

    ended: float
    execution_arn: str
    result: Json
    metadata: Json


class StepCache:
    """Results of successful steps, by pipeline, step and the cached arguments."""

    KEPT = ("_held",)

    def __init__(self) -> None:
        self._held: dict[str, Remembered] = {}
        self._lock = threading.Lock()

    @staticmethod
    def key(pipeline_arn: str, step: Json, request: Json) -> str | None:
        """Key of a step with resolved arguments; None when the step does not cache."""
        if not step.get("CacheConfig", {}).get("Enabled") or step["Type"] not in _KEYS:
            return None
        digest = hashlib.sha256(json.dumps(_kept(step["Type"], request), sort_keys=True).encode()).hexdigest()
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


def _kept(step_type: str, request: Json) -> Json:
    """Arguments that count; of a trial's definition only some do."""
    kept = {name: request.get(name) for name in _KEYS[step_type]}
    for name in ("TrainingJobDefinition", "TrainingJobDefinitions"):
        trials = kept.get(name)
        if isinstance(trials, dict):
            kept[name] = _trial(trials)
        elif isinstance(trials, list):
            kept[name] = [_trial(item) for item in trials]
    return kept


def _trial(definition: Json) -> Json:
    return {name: definition.get(name) for name in TRIAL}
