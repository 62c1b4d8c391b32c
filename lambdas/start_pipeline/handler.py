"""SQS → start a pipeline for each trigger file that S3 announces, or queue its run."""

from __future__ import annotations

import json
from typing import Any

from lambdas.assembly import launcher
from rightpack.errors import RightpackError
from rightpack.trigger import TriggerObject


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Launch every record; those that must be tried again are named in the answer and stay in the queue."""
    failures = []
    for record in event["Records"]:
        try:
            run = launcher().launch(trigger_object(json.loads(record["body"])))
        except RightpackError as error:
            report(outcome="retry", fault=error.fault, reason=str(error), message=record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            report(outcome=run.state, run_id=run.run_id, execution=run.execution_arn, reason=run.reason)
    return {"batchItemFailures": failures}


def trigger_object(event: dict[str, Any]) -> TriggerObject:
    """The object an S3 event speaks of: its version where the bucket is versioned, else its entity tag in quotes."""
    found = event["detail"]["object"]
    version = found.get("version-id") or f'"{found["etag"]}"'
    return TriggerObject(event["detail"]["bucket"]["name"], found["key"], version)


def report(**facts: object) -> None:
    """One JSON line in the function's log."""
    print(json.dumps(facts, default=str))  # noqa: T201 - standard output is a function's log
