"""SQS → start a pipeline for each trigger file that S3 announces, or queue its run."""

from __future__ import annotations

import json
import traceback
from functools import cache
from typing import Any

from lambdas import environment
from lambdas.assembly import dispatcher, ledger, outbox
from rightpack.errors import Fault, TriggerError
from rightpack.launch import Launcher, Planner
from rightpack.trigger import TriggerObject


@cache
def launcher() -> Launcher:
    """Takes trigger objects; built once per environment."""
    planner = Planner(environment.layout(), environment.client("s3"), environment.client("sagemaker"), environment.now)
    return Launcher(planner, ledger(), dispatcher(), outbox())


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Launch every record; those that failed are named in the answer, stay in the queue and end as dead letters.

    Whatever is wrong with one message, the others go on.
    """
    failures = []
    for record in event["Records"]:
        try:
            run = launcher().launch(trigger_object(record["body"]))
        except Exception as error:  # noqa: BLE001 - told in the answer, which brings back this message alone
            report(outcome="retry", message=record["messageId"], **told(error))
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            report(outcome=run.state, run_id=run.run_id, execution=run.execution_arn, reason=run.reason)
    return {"batchItemFailures": failures}


def trigger_object(body: str) -> TriggerObject:
    """The object an S3 event speaks of: its version where the bucket is versioned, else its entity tag in quotes.

    Raises:
        TriggerError: the message is no such event.
    """
    try:
        detail = json.loads(body)["detail"]
        found = detail["object"]
        version = found.get("version-id") or f'"{found["etag"]}"'
        parts = (detail["bucket"]["name"], found["key"], version)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TriggerError(f"The message is no event of S3 about an object ({error!r}): {body[:200]!r}") from error
    if not all(isinstance(part, str) and part for part in parts):
        raise TriggerError(f"The message names no object: bucket, key and version are {parts}.")
    return TriggerObject(*parts)


def told(error: Exception) -> dict[str, object]:
    """Whose fault an error is, and for one of ours where it came from."""
    fault = getattr(error, "fault", Fault.OURS)
    where = {"traceback": traceback.format_exception(error)} if fault is Fault.OURS else {}
    return {"fault": fault, "reason": f"{type(error).__name__}: {error}", **where}


def report(**facts: object) -> None:
    """One JSON line in the function's log."""
    print(json.dumps(facts, default=str))  # noqa: T201 - standard output is a function's log
