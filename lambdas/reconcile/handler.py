"""EventBridge's clock → make right what events have missed, start what waits, tell what was not told."""

from __future__ import annotations

import json
from typing import Any

from lambdas.assembly import reconciler


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One pass over everything that is open; the answer counts what was done."""
    done = reconciler().reconcile()
    print(json.dumps(done))  # noqa: T201 - standard output is a function's log
    return done
