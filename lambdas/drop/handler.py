"""EventBridge → the UNLOAD of a drop has finished: write its trigger."""

from __future__ import annotations

from typing import Any

from lambdas import environment
from rightpack.ages import Ages
from rightpack.drops import DropFinisher
from rightpack.ledger import Ledger


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Finish the drop of a statement; without rows there is nothing to process and no trigger."""
    finisher = DropFinisher(environment.client("s3"), environment.layout())
    request = finisher.request_of(event["detail"]["statementName"])
    trigger = finisher.finish(request)
    if trigger is None:
        ledger = Ledger(environment.client("dynamodb"), environment.layout().ledger_table)
        Ages(ledger).nothing_to_do(request.pipeline, request.mode, now=environment.now())
    return {"trigger": trigger}
