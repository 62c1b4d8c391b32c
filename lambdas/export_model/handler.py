"""EventBridge → a model package has changed: export the version that serves now, and say so in Parameter Store."""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas import environment
from rightpack.export import Exporter
from rightpack.registry import Registry
from rightpack.settings import Settings


@cache
def exporter() -> Exporter:
    """The exporter of this environment."""
    client, layout = environment.client, environment.layout()
    online = Settings.load(layout.stage).online
    return Exporter(layout, Registry(client("sagemaker")), client("s3"), client("ssm"), online)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Look at the group of an event; what the event says of the version itself may be out of date by now."""
    return {"parameter": exporter().publish(event["detail"]["ModelPackageGroupName"])}
