"""The stage's metrics as CloudWatch objects, for alarms and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
import aws_cdk.aws_cloudwatch as cloudwatch
import aws_cdk.aws_sqs as sqs

from rightpack.layout import METRIC_NAMESPACE, Layout, Metric


@dataclass(frozen=True, slots=True)
class StageMetrics:
    """Metrics with the dimensions under which `rightpack.metrics` writes them."""

    layout: Layout

    def total(self, metric: Metric, *, minutes: int = 5, **dimensions: str) -> cloudwatch.Metric:
        """How often something happened, e.g. `total(Metric.RUN_FAILED, Pipeline="training")`."""
        return self._metric(metric, "Sum", minutes, dimensions)

    def highest(self, metric: Metric, *, minutes: int = 60, **dimensions: str) -> cloudwatch.Metric:
        """The highest value in each period."""
        return self._metric(metric, "Maximum", minutes, dimensions)

    def function_errors(self, name: str, *, minutes: int) -> cloudwatch.Metric:
        """Invocations of a function that ended in an error."""
        return cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="Errors",
            dimensions_map={"FunctionName": self.layout.function(name)},
            statistic="Sum",
            period=cdk.Duration.minutes(minutes),
        )

    def waiting(self, queue: sqs.Queue) -> cloudwatch.Metric:
        """Messages that lie in a queue."""
        return queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=cdk.Duration.minutes(1))

    def _metric(self, metric: Metric, statistic: str, minutes: int, dimensions: dict[str, str]) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=metric.value,
            dimensions_map={"Stage": self.layout.stage, **dimensions},
            statistic=statistic,
            period=cdk.Duration.minutes(minutes),
        )
