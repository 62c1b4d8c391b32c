"""SQS → revise the mapping between two topic layers and answer the callback step that waits for it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from lambdas import environment
from rightpack.errors import RightpackError
from rightpack.mapping_desk import Asked, Desk
from rightpack.notices import Notices


@cache
def desk() -> Desk:
    """The desk of this environment."""
    client = environment.client
    layout = environment.layout()
    notices = Notices(client("sns"), layout.topic_arn)
    return Desk(client("s3"), client("sagemaker"), layout.artefact_bucket, notices.mapping_held)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Handle every message; those that must be tried again, or that nobody can answer, stay in the queue."""
    failures = []
    for record in event["Records"]:
        try:
            asked = Asked.of(record["body"])
            outcome = desk().handle(asked)
        except RightpackError as error:
            report(outcome="retry", fault=error.fault, reason=str(error), message=record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            report(outcome=outcome, token=asked.token, execution=asked.execution)
    return {"batchItemFailures": failures}


def report(**facts: object) -> None:
    """One JSON line in the function's log."""
    print(json.dumps(facts, default=str))  # noqa: T201 - standard output is a function's log
