"""Models: what the gate says of them, and whether the world they were trained in is still there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from infra.constructs.alarms import Light, Watch
from infra.constructs.metrics import StageMetrics
from rightpack.layout import Metric
from rightpack.packaging import EVERY_TYPE

ABOUT_TYPES: Final = (
    *("model-rejected", "model-held", "model-missing"),
    *("feature-drift", "label-shift", "rows-out-of-range"),
)


def of_package_type(metrics: StageMetrics, name: str) -> Iterator[Watch]:
    """A model was rejected or waits for a person, none was there to score with, or the products have drifted."""
    called = _called(name)
    yield Watch(
        f"model-rejected-{name}",
        metrics.total(Metric.MODEL_REJECTED, PackageType=name),
        f"The new model for {called} was rejected; the last approved one stays in use. `rightpack models` shows the "
        "reason and the report.",
    )
    yield Watch(
        f"model-held-{name}",
        metrics.total(Metric.MODEL_HELD, PackageType=name),
        f"The new model for {called} waits for a person; until then the last approved one stays in use. Read its "
        "report (`rightpack models`), then `rightpack approve` or `rightpack reject` it.",
    )
    yield Watch(
        f"model-missing-{name}",
        metrics.total(Metric.MODEL_MISSING, PackageType=name),
        f"No model for {called} is approved, so products were scored without one. Train or approve one.",
    )
    yield Watch(
        f"feature-drift-{name}",
        metrics.highest(Metric.FEATURE_DRIFT, minutes=5, PackageType=name),
        f"The products have moved away from what the model for {called} was trained on. The report of the step Monitor "
        "names the columns; where a training can help, one was asked for.",
    )
    yield Watch(
        f"label-shift-{name}",
        metrics.highest(Metric.LABEL_SHIFT, minutes=5, PackageType=name),
        f"The share of products that {called} suits has jumped between two trainings, so the new model was not "
        "approved. Ask who changed how labels are made; if the world changed, `rightpack approve` the model.",
    )
    yield Watch(
        f"rows-out-of-range-{name}",
        metrics.highest(Metric.ROWS_OUT_OF_RANGE, minutes=5, PackageType=name),
        f"A training of {called} got far fewer rows than the one before, so its model was not approved. Look whether "
        "the drop is complete (`rightpack runs`, the step Prepare), then drop again.",
    )


def light(name: str) -> Light:
    """One light per package type, for any alarm about it."""
    return Light(
        f"package-type-{name}",
        f"Something is the matter with {_called(name)}; look which alarm about it is raised.",
        tuple(f"{about}-{name}" for about in ABOUT_TYPES),
    )


def _called(package_type: str) -> str:
    return "damage in every package type" if package_type == EVERY_TYPE else package_type
