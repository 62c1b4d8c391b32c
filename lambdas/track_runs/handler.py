"""EventBridge → keep the ledger true to an execution whose status changed, and fill the slot that it leaves."""

from __future__ import annotations

import zlib
from typing import Any, Final

from lambdas.assembly import dispatcher
from lambdas.following import tracker

MOST_STARTS: Final = 2  # one for the slot that came free, one for a slot that somebody else's start has missed


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Track the execution of an event; what waits for a slot starts once its run has ended or must be retried."""
    run = tracker().track(event["detail"]["pipelineExecutionArn"])
    if run is None:
        return {"run_id": None}
    turn = zlib.crc32(run.run_id.encode())
    started = [] if run.queue == "in-flight" else dispatcher().fill(most=MOST_STARTS, turn=turn)
    return {"run_id": run.run_id, "state": run.state, "started": started}
