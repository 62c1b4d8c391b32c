"""CloudWatch metrics: few names, few dimensions, never a run id (each would be billed as a metric of its own)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightpack.layout import METRIC_NAMESPACE, Metric

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


@dataclass(frozen=True, slots=True)
class Metrics:
    """Writes the metrics of one stage."""

    client: CloudWatchClient
    stage: str

    def put(self, values: Mapping[Metric, float], **dimensions: str) -> None:
        """Record `values` now, e.g. `put({Metric.ROC_AUC: 0.9}, PackageType="carton")`.

        Values that are not finite are left out: one of them would make the service refuse the whole request.
        """
        named = [{"Name": name, "Value": value} for name, value in {"Stage": self.stage, **dimensions}.items()]
        data = [
            {"MetricName": metric.value, "Dimensions": named, "Value": float(value)}
            for metric, value in values.items()
            if math.isfinite(value)
        ]
        if data:
            self.client.put_metric_data(Namespace=METRIC_NAMESPACE, MetricData=data)  # type: ignore[arg-type]
