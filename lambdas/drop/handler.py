"""EventBridge → the UNLOAD of a drop has ended: write its trigger, or say why there is none."""

from __future__ import annotations

from typing import Any

from lambdas import environment
from rightpack.drops import DropFinisher
from rightpack.layout import Metric
from rightpack.metrics import Metrics
from rightpack.notices import Notices


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Finish the drop of a FINISHED statement; tell people about any other end."""
    layout, client = environment.layout(), environment.client
    detail = event["detail"]
    if detail["state"] == "FINISHED":
        return {"trigger": DropFinisher(client("s3"), layout).finish(detail["statementName"])}
    found = client("redshift-data").describe_statement(Id=detail["statementId"])
    reason = found.get("Error") or f"The statement ended as {detail['state']}."
    Metrics(client("cloudwatch"), layout.stage).put({Metric.DROP_FAILED: 1})
    Notices(client("sns"), layout.topic_arn).drop_failed(detail["statementName"], reason)
    return {"trigger": None, "reason": reason}
