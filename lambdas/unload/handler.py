"""Schedule or person → UNLOAD the rows of a training or an inference to a new drop.

An UNLOAD that fails comes back here as an event, because the Data API tells why only to the role that ran it.
"""

from __future__ import annotations

from typing import Any, Protocol

from lambdas import environment
from rightpack.data_api import DataApi, Target
from rightpack.drop_failures import DropFailures
from rightpack.drops import DropMaker, requests_for
from rightpack.layout import Metric
from rightpack.metrics import Metrics
from rightpack.notices import Notices
from rightpack.settings import Settings


class Context(Protocol):
    """What of the Lambda context is used here."""

    aws_request_id: str


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Start one UNLOAD per drop; a retried invocation has the same request id and so starts nothing new."""
    if event.get("source") == "aws.redshift-data":
        return tell_failure(event["detail"], teller=context.aws_request_id)
    layout, client = environment.layout(), environment.client
    settings = Settings.load(layout.stage, [event.get("settings", {})])
    data_api = DataApi(client("redshift-data"), Target.of(settings.warehouse, layout))
    maker = DropMaker(client("s3"), data_api, layout)
    requests = requests_for(event, settings, unique=context.aws_request_id[:8], today=environment.now().date())
    started = {request.prefix: maker.start(request, settings) for request in requests}
    return {"drops": [{"prefix": prefix, "statement": statement} for prefix, statement in started.items()]}


def tell_failure(detail: dict[str, Any], *, teller: str) -> dict[str, Any]:
    """Tell people that a statement ended badly, and why; once, however often its end is announced."""
    layout, client = environment.layout(), environment.client
    found = client("redshift-data").describe_statement(Id=detail["statementId"])
    reason = found.get("Error") or f"The statement ended as {detail['state']}."
    if not DropFailures(client("s3"), layout).claim(detail["statementName"], reason=reason, teller=teller):
        return {"told": "", "reason": "Another invocation tells of this statement."}
    Metrics(client("cloudwatch"), layout.stage).put({Metric.DROP_FAILED: 1})
    Notices(client("sns"), layout.topic_arn).drop_failed(detail["statementName"], reason)
    return {"told": detail["statementName"], "reason": reason}
