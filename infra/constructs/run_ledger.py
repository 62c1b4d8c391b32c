"""The table of runs."""

from __future__ import annotations

import aws_cdk as cdk
import aws_cdk.aws_dynamodb as dynamodb
from constructs import Construct


class RunLedger(dynamodb.Table):
    """One item per run; kept when its stack is deleted.

    It is found by execution, by pipeline, by batch, and by what is to be done for it: `queue` is absent once nothing
    is, so that index holds open work only.
    """

    def __init__(self, scope: Construct, name_in_stack: str, *, name: str) -> None:
        super().__init__(
            scope,
            name_in_stack,
            table_name=name,
            partition_key=_text("run_id"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.add_global_secondary_index(index_name="by-execution", partition_key=_text("execution_arn"))
        self.add_global_secondary_index(
            index_name="by-pipeline", partition_key=_text("pipeline"), sort_key=_text("created_at")
        )
        for name in ("queue", "batch"):
            self.add_global_secondary_index(
                index_name=f"by-{name}", partition_key=_text(name), sort_key=_text("created_at")
            )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
