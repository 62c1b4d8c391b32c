"""EventBridge → keep the ledger true to an execution whose status changed, and fill the slot that it leaves."""

from __future__ import annotations

from typing import Any

from lambdas.assembly import dispatcher, tracker


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Track the execution of an event; what waits for a slot starts once its run has ended or must be retried."""
    run = tracker().track(event["detail"]["pipelineExecutionArn"])
    if run is None:
        return {"run_id": None}
    started = [] if run.queue == "in-flight" else dispatcher().fill()
    return {"run_id": run.run_id, "state": run.state, "started": started}
