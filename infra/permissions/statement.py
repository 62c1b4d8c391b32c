"""One permission: an identifier that reports can name, actions, resources, conditions, and a reason if it is wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk.aws_iam as iam

from infra.permissions.reasons import WILDCARD_REASONS, is_wide
from rightpack.errors import InternalError
from rightpack.layout import METRIC_NAMESPACE


def allow(
    sid: str, *actions: str, on: Sequence[str], when: Mapping[str, Mapping[str, Any]] | None = None
) -> iam.PolicyStatement:
    """Allow `actions` on the resources `on` where `when` holds; InternalError for a wildcard without a reason."""
    wide = any(is_wide(resource) for resource in on)
    unexplained = [action for action in actions if wide and action not in WILDCARD_REASONS]
    if unexplained:
        raise InternalError(
            f"Statement {sid} allows {unexplained[0]} beyond this project's own resources; narrow it, or write down "
            "why not in infra/permissions/reasons.py."
        )
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(on), conditions=when or {})


def put_metrics(*other_namespaces: str) -> iam.PolicyStatement:
    """Allow writing metrics to our namespace and to the ones named."""
    namespaces = [METRIC_NAMESPACE, *other_namespaces] if other_namespaces else METRIC_NAMESPACE
    return allow(
        "WriteMetrics",
        "cloudwatch:PutMetricData",
        on=["*"],
        when={"StringEquals": {"cloudwatch:namespace": namespaces}},
    )
