"""EventBridge's clock → make right what events have missed, start what waits, tell what was not told."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from lambdas import environment
from lambdas.assembly import dispatcher, ledger, metrics
from lambdas.following import tracker
from rightpack.batches import Batches
from rightpack.reconcile import Reconciler


@cache
def reconciler() -> Reconciler:
    """Makes everything right; built once per environment."""
    batches = Batches(ledger(), environment.now)
    return Reconciler(environment.layout(), tracker(), dispatcher(), batches, metrics())


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One pass over everything that is open; the answer counts what was done."""
    done = reconciler().reconcile()
    print(json.dumps(done))  # noqa: T201 - standard output is a function's log
    return done
