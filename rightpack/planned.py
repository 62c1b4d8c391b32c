"""The jobs of a pipeline definition: what kind, on which machines, from which image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

CLUSTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Processing": ("ProcessingResources", "ClusterConfig"),
    "Training": ("ResourceConfig",),
    "Transform": ("TransformResources",),
}


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """One step that takes machines; the type is what its parameter defaults to."""

    step: str
    kind: str
    instance_type: str
    instances: int


def planned_jobs(definition: str) -> list[PlannedJob]:
    """Jobs of a definition in its order, those of branches too."""
    document = json.loads(definition)
    defaults = {p["Name"]: p.get("DefaultValue") for p in document.get("Parameters", [])}
    return list(_jobs(document["Steps"], defaults))


def _jobs(steps: list[dict[str, Any]], defaults: Mapping[str, Any]) -> Iterator[PlannedJob]:
    for step in steps:
        arguments = step.get("Arguments", {})
        yield from _jobs([*arguments.get("IfSteps", []), *arguments.get("ElseSteps", [])], defaults)
        cluster: Any = arguments if step["Type"] in CLUSTERS else None
        for part in CLUSTERS.get(step["Type"], ()):
            cluster = cluster[part]
        if cluster is not None:
            count, kind = (_value(cluster[key], defaults) for key in ("InstanceCount", "InstanceType"))
            yield PlannedJob(step["Name"], step["Type"], str(kind), int(count))


def _value(given: Any, defaults: Mapping[str, Any]) -> Any:
    """A literal, or what a parameter defaults to."""
    return defaults[given["Get"].removeprefix("Parameters.")] if isinstance(given, dict) else given


def images(definition: str) -> set[str]:
    """Every image that a definition names."""
    return set(_images(json.loads(definition)))


def _images(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _images(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("Image", "ImageUri", "TrainingImage") and isinstance(item, str):
                yield item
            yield from _images(item)
