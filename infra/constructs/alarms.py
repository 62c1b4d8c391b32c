"""The alarms that people are told about: each says what it means and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk.aws_cloudwatch as cloudwatch
import aws_cdk.aws_cloudwatch_actions as actions
import aws_cdk.aws_sns as sns
import aws_cdk.aws_sqs as sqs
from constructs import Construct

from infra.constructs.metrics import StageMetrics
from infra.stages import UnloadSchedule
from rightpack.layout import Metric, PipelineKind
from rightpack.packaging import EVERY_TYPE

# A mode that is scheduled gets as long as its period and time to repair what failed.
STALE_HOURS: Final[Mapping[str, int]] = {"daily": 30, "weekly": 8 * 24, "monthly": 34 * 24}
# A failed asynchronous call is tried twice more within about three minutes; three errors may mean a lost event.
GIVEN_UP_AFTER: Final = 3
GIVEN_UP_MINUTES: Final = 15
ABOUT_TYPES: Final = (
    *("model-rejected", "model-held", "model-missing"),
    *("feature-drift", "label-shift", "rows-out-of-range"),
)
WAITING_SECONDS: Final = 4 * 3600


@dataclass(frozen=True, slots=True)
class Watch:
    """An alarm to be: it is raised when the metric reaches `threshold` in one period.

    Args:
        name: ends the alarm's name.
        metric: what is looked at.
        meaning: for the person who gets the notice: what happened and what to do.
        threshold: in the metric's own unit.
        silence_is_news: whether the topic is also told when the metric is no longer measured; otherwise no data
            means that nothing happened, which is right for a count.
    """

    name: str
    metric: cloudwatch.Metric
    meaning: str
    threshold: int = 1
    silence_is_news: bool = False


class Alarms(Construct):
    """Alarms of a stage; every one tells the topic."""

    def __init__(
        self, scope: Construct, name_in_stack: str, *, prefix: str, topic: sns.ITopic, watches: Sequence[Watch]
    ) -> None:
        super().__init__(scope, name_in_stack)
        self._prefix = prefix
        self._tell = actions.SnsAction(topic)
        self.by_name = {watch.name: self._alarm(watch) for watch in watches}

    @property
    def all(self) -> list[cloudwatch.IAlarm]:
        """Every alarm that tells the topic."""
        return list(self.by_name.values())

    def combine(self, package_types: Sequence[str]) -> list[cloudwatch.IAlarm]:
        """One light per package type, raised by any alarm about it; it tells nobody again what these have told."""
        return [
            cloudwatch.CompositeAlarm(
                self,
                f"package-type-{name}",
                composite_alarm_name=f"{self._prefix}package-type-{name}",
                alarm_description=f"Something is the matter with {_called(name)}; look which alarm about it is raised.",
                alarm_rule=cloudwatch.AlarmRule.any_of(*self._about(name)),
            )
            for name in package_types
        ]

    def _about(self, package_type: str) -> list[cloudwatch.IAlarmRule]:
        rules = (f"{about}-{package_type}" for about in ABOUT_TYPES)
        return [cloudwatch.AlarmRule.from_alarm(self.by_name[name], cloudwatch.AlarmState.ALARM) for name in rules]

    def _alarm(self, watch: Watch) -> cloudwatch.IAlarm:
        missing = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            watch.name,
            alarm_name=f"{self._prefix}{watch.name}",
            alarm_description=watch.meaning,
            metric=watch.metric,
            threshold=watch.threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing.MISSING if watch.silence_is_news else missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._tell)
        if watch.silence_is_news:
            alarm.add_insufficient_data_action(self._tell)
        return alarm


def every_watch(
    metrics: StageMetrics,
    *,
    package_types: Sequence[str],
    schedules: Sequence[UnloadSchedule],
    dead_letters: sqs.Queue,
    functions: Sequence[str],
) -> list[Watch]:
    """All alarms of a stage; `functions` are those that are called without anybody who waits for the answer."""
    return [
        *(of_pipeline(metrics, kind) for kind in PipelineKind),
        *(of_refused_rows(metrics, kind) for kind in (PipelineKind.TRAINING, PipelineKind.INFERENCE)),
        *(of_schedule(metrics, schedule) for schedule in schedules),
        of_loads(metrics),
        *(watch for name in package_types for watch in of_package_type(metrics, name)),
        *of_drops(metrics, dead_letters),
        *(of_function(metrics, name) for name in functions),
    ]


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


def _called(package_type: str) -> str:
    return "damage in every package type" if package_type == EVERY_TYPE else package_type


def of_drops(metrics: StageMetrics, dead_letters: sqs.Queue) -> Iterator[Watch]:
    """A drop did not become a run."""
    yield Watch(
        "trigger-quarantined",
        metrics.total(Metric.TRIGGER_QUARANTINED),
        "A trigger file was refused and nothing was started. The reason lies under quarantine/ in the data bucket.",
    )
    yield Watch(
        "drop-failed",
        metrics.total(Metric.DROP_FAILED),
        "An unload failed, so no trigger was written and no run will start. The notice says why.",
    )
    yield Watch(
        "launch-waiting",
        metrics.highest(Metric.LAUNCH_WAIT, minutes=15),
        f"A scheduled run has waited {WAITING_SECONDS // 3600} hours for its start: the account's quota of executions "
        "or machines is used up, or nobody starts runs. `rightpack runs` shows what occupies the slots, the log of "
        "reconcile what went wrong, `rightpack doctor` what the quotas are.",
        threshold=WAITING_SECONDS,
    )
    yield Watch(
        "dead-letters",
        metrics.waiting(dead_letters),
        "A trigger could not be handled, however often it was tried. Read the log of start-pipeline, mend the cause, "
        "then move the messages back to the trigger queue.",
    )


def of_function(metrics: StageMetrics, name: str) -> Watch:
    """A function failed so often that an event may have been given up."""
    return Watch(
        f"function-failing-{name}",
        metrics.function_errors(name, minutes=GIVEN_UP_MINUTES),
        f"The function {name} failed {GIVEN_UP_AFTER} times in {GIVEN_UP_MINUTES} minutes, so an event may be lost. "
        "Read its log; once it is mended, reconciling or a new unload makes up for it.",
        threshold=GIVEN_UP_AFTER,
    )
