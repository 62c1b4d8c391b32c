"""EventBridge → keep the ledger true: execution status changes, and a schedule that reconciles what events missed."""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas import environment
from rightpack.ledger import Ledger
from rightpack.metrics import Metrics
from rightpack.notices import Notices
from rightpack.tracking import Tracker


@cache
def tracker() -> Tracker:
    """The tracker of this environment."""
    layout, client = environment.layout(), environment.client
    return Tracker(
        sagemaker=client("sagemaker"),
        ledger=Ledger(client("dynamodb"), layout.ledger_table),
        metrics=Metrics(client("cloudwatch"), layout.stage),
        notices=Notices(client("sns"), layout.topic_arn),
        now=environment.now,
    )


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Track the execution of an event, or reconcile everything that is open."""
    if event.get("reconcile"):
        return tracker().reconcile()
    run = tracker().track(event["detail"]["pipelineExecutionArn"])
    return {"run_id": run.run_id, "state": run.state} if run else {"run_id": None}
