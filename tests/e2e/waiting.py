"""Waiting for what comes about by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

TIMEOUT: Final = 300.0
PAUSE: Final = 0.1


def looked_for(condition: Callable[[], Any], seconds: float = TIMEOUT) -> Any:
    """What a condition says once it holds, or at last."""
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return found


def until(condition: Callable[[], Any]) -> Any:
    """Wait for a condition; fail with what it last was."""
    found = looked_for(condition)
    assert found
    return found
