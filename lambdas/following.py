"""What follows executions, for the functions that do."""

from __future__ import annotations

from functools import cache

from lambdas import environment
from lambdas.assembly import dispatcher, jobs, outbox
from rightpack.tracking import Tracker


@cache
def tracker() -> Tracker:
    """Follows executions; built once per environment."""
    return Tracker(environment.client("sagemaker"), dispatcher().starter, outbox(), jobs(), environment.now)
