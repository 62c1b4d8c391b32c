"""One dashboard: is it running, are the models good, is anything stuck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import aws_cdk.aws_cloudwatch as cloudwatch
import aws_cdk.aws_sqs as sqs
from constructs import Construct

from infra.constructs.metrics import StageMetrics
from infra.stages import UnloadSchedule
from rightpack.layout import Layout, Metric, PipelineKind

DAY: Final = 24 * 60
WIDTH: Final = 24  # CloudWatch's grid


class Overview(cloudwatch.Dashboard):
    """The dashboard of a stage: `lights` of package types and alarms first, then runs, models and queues."""

    def __init__(
        self,
        scope: Construct,
        name_in_stack: str,
        *,
        layout: Layout,
        package_types: Sequence[str],
        schedules: Sequence[UnloadSchedule],
        alarms: Sequence[cloudwatch.IAlarm],
        lights: Sequence[cloudwatch.IAlarm],
        queues: Sequence[sqs.Queue],
    ) -> None:
        metrics = StageMetrics(layout)
        waiting = [metrics.waiting(queue) for queue in queues]
        super().__init__(
            scope,
            name_in_stack,
            dashboard_name=layout.named("overview"),
            widgets=[
                [cloudwatch.AlarmStatusWidget(title="Package types", alarms=list(lights), width=WIDTH, height=3)],
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=WIDTH, height=6)],
                [
                    _graph("Runs per day", _runs(metrics)),
                    _graph("Hours since the last success", _ages(metrics, schedules)),
                ],
                [
                    _graph("Models per day", _models(metrics, package_types)),
                    _graph("ROC AUC", _auc(metrics, package_types)),
                ],
                [_graph("Rows loaded per day", _rows(metrics)), _graph("Refused and failed drops", _drops(metrics))],
                [_graph("Drifted columns", _drift(metrics, package_types)), _graph("Messages waiting", waiting)],
                [
                    _graph("Labels and rows out of range", _shifts(metrics, package_types)),
                    _graph("Seconds that a scheduled run has waited", _waits(metrics)),
                ],
            ],
        )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=WIDTH // 2, height=6)


def _runs(metrics: StageMetrics) -> list[cloudwatch.IMetric]:
    counted = (Metric.RUN_SUCCEEDED, Metric.RUN_FAILED)
    return [metrics.total(metric, minutes=DAY, Pipeline=kind.value) for metric in counted for kind in PipelineKind]


def _ages(metrics: StageMetrics, schedules: Sequence[UnloadSchedule]) -> list[cloudwatch.IMetric]:
    aged = [(schedule.pipeline.value, schedule.mode) for schedule in schedules]
    return [metrics.highest(Metric.HOURS_SINCE_SUCCESS, Pipeline=kind, Mode=mode) for kind, mode in aged]


def _shifts(metrics: StageMetrics, package_types: Sequence[str]) -> list[cloudwatch.IMetric]:
    watched = (Metric.LABEL_SHIFT, Metric.ROWS_OUT_OF_RANGE)
    return [metrics.highest(metric, minutes=DAY, PackageType=name) for metric in watched for name in package_types]


def _waits(metrics: StageMetrics) -> list[cloudwatch.IMetric]:
    return [metrics.highest(Metric.LAUNCH_WAIT, minutes=15)]


def _models(metrics: StageMetrics, package_types: Sequence[str]) -> list[cloudwatch.IMetric]:
    counted = (Metric.MODEL_APPROVED, Metric.MODEL_REJECTED, Metric.MODEL_HELD, Metric.MODEL_MISSING)
    return [metrics.total(metric, minutes=DAY, PackageType=name) for metric in counted for name in package_types]


def _auc(metrics: StageMetrics, package_types: Sequence[str]) -> list[cloudwatch.IMetric]:
    return [metrics.highest(Metric.ROC_AUC, minutes=DAY, PackageType=name) for name in package_types]


def _drift(metrics: StageMetrics, package_types: Sequence[str]) -> list[cloudwatch.IMetric]:
    return [metrics.highest(Metric.FEATURE_DRIFT, minutes=DAY, PackageType=name) for name in package_types]


def _rows(metrics: StageMetrics) -> list[cloudwatch.IMetric]:
    refused = (PipelineKind.TRAINING, PipelineKind.INFERENCE)
    return [
        metrics.total(Metric.ROWS_LOADED, minutes=DAY, Pipeline=PipelineKind.INFERENCE.value),
        *(metrics.total(Metric.ROWS_QUARANTINED, minutes=DAY, Pipeline=kind.value) for kind in refused),
    ]


def _drops(metrics: StageMetrics) -> list[cloudwatch.IMetric]:
    return [
        metrics.total(Metric.TRIGGER_QUARANTINED, minutes=DAY),
        metrics.total(Metric.DROP_FAILED, minutes=DAY),
        metrics.total(Metric.LOAD_MISMATCH, minutes=DAY, Pipeline=PipelineKind.INFERENCE.value),
    ]
