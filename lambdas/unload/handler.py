"""Schedule or person → UNLOAD the rows of a training or an inference to a new drop."""

from __future__ import annotations

from typing import Any, Protocol

from lambdas import environment
from rightpack.data_api import DataApi, Target
from rightpack.drops import DropMaker, requests_for
from rightpack.settings import Settings


class Context(Protocol):
    """What of the Lambda context is used here."""

    aws_request_id: str


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Start one UNLOAD per drop; a retried invocation has the same request id and so starts nothing new."""
    layout, client = environment.layout(), environment.client
    settings = Settings.load(layout.stage, [event.get("settings", {})])
    warehouse = settings.warehouse
    data_api = DataApi(client("redshift-data"), Target(warehouse.workgroup or layout.workgroup, warehouse.database))
    maker = DropMaker(client("s3"), data_api, layout)
    requests = requests_for(event, settings, unique=context.aws_request_id[:8], today=environment.now().date())
    started = {request.prefix: maker.start(request, settings) for request in requests}
    return {"drops": [{"prefix": prefix, "statement": statement} for prefix, statement in started.items()]}
