"""Runs: whether they succeed, whether they come, and whether what they leave can be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from infra.constructs.alarms import Watch
from infra.constructs.metrics import StageMetrics
from infra.stages import UnloadSchedule
from rightpack.layout import Metric, PipelineKind

# A mode that is scheduled gets as long as its period and time to repair what failed.
STALE_HOURS: Final[Mapping[str, int]] = {"daily": 30, "weekly": 8 * 24, "monthly": 34 * 24}


def of_runs(metrics: StageMetrics, schedules: Sequence[UnloadSchedule]) -> Iterator[Watch]:
    """Every pipeline's runs, and the age of the last success of every schedule."""
    yield from (of_pipeline(metrics, kind) for kind in PipelineKind)
    yield from (of_refused_rows(metrics, kind) for kind in (PipelineKind.TRAINING, PipelineKind.INFERENCE))
    yield from (of_schedule(metrics, schedule) for schedule in schedules)
    yield of_loads(metrics)


def of_pipeline(metrics: StageMetrics, kind: PipelineKind) -> Watch:
    """A run failed."""
    return Watch(
        f"run-failed-{kind.value}",
        metrics.total(Metric.RUN_FAILED, Pipeline=kind.value),
        f"A {kind.value} run failed. What was approved and loaded before stays in use. `rightpack runs` names the "
        "step and the reason; mend the cause and drop the trigger again.",
    )


def of_refused_rows(metrics: StageMetrics, kind: PipelineKind) -> Watch:
    """A run went on without some rows of its drop; too many of them fail it, which is another alarm."""
    return Watch(
        f"rows-quarantined-{kind.value}",
        metrics.total(Metric.ROWS_QUARANTINED, Pipeline=kind.value),
        f"Rows of a {kind.value} drop could not be used and were left out; the run went on without them. `rightpack "
        "runs RUN` names the list with the reason of every row; mend them at their source and drop again.",
    )


def of_schedule(metrics: StageMetrics, schedule: UnloadSchedule) -> Watch:
    """No run of a schedule has succeeded for too long.

    Too long is an age, measured four times an hour, because an alarm cannot look back a month. When nobody measures
    it any more that is bad, yet counting missing points as bad would raise a false alarm on every new stage. As
    `missing` they lead to INSUFFICIENT_DATA: a new alarm starts there silently, an old one tells on its way.
    """
    kind, hours = schedule.pipeline.value, STALE_HOURS[schedule.mode]
    return Watch(
        f"stale-{schedule.name}",
        metrics.highest(Metric.HOURS_SINCE_SUCCESS, Pipeline=kind, Mode=schedule.mode),
        f"No {schedule.mode} {kind} run has succeeded for {hours} hours, or (insufficient data) nobody measures it "
        "any more. Look for failed or missing runs in `rightpack runs`, and at the schedules and the reconciler.",
        threshold=hours,
        silence_is_news=True,
    )


def of_loads(metrics: StageMetrics) -> Watch:
    """What was scored is not what would have been loaded."""
    return Watch(
        "load-mismatch",
        metrics.total(Metric.LOAD_MISMATCH, Pipeline=PipelineKind.INFERENCE.value),
        "The rows that a run scored are not those that it was about to load, so nothing was loaded and the tables are "
        "as before. The notice names the file; drop the same date again, and keep the run's folder for whoever looks.",
    )
