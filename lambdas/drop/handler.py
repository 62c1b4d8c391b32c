"""EventBridge → the UNLOAD of a drop has finished: write its trigger."""

from __future__ import annotations

from typing import Any

from lambdas import environment
from rightpack.drops import DropFinisher


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Finish the drop of a statement; without rows there is nothing to process and no trigger."""
    finisher = DropFinisher(environment.client("s3"), environment.layout())
    return {"trigger": finisher.finish(event["detail"]["statementName"])}
