"""A bound on work instead of on time: a door may call so many functions for one input and no more.

Counting calls says the same on a busy machine as on an idle one. Loops inside of C are not seen; what those may do is
bounded by the size of inputs and by the limits that the doors themselves keep.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

MOST_CALLS: Final = 400_000


class EndlessError(BaseException):
    """More work than any input of this size is worth; no handler of the product catches it."""


def bounded(work: Callable[[], object], most: int = MOST_CALLS) -> None:
    """Do `work`; EndlessError after `most` calls of functions."""
    left = most

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal left
        left -= event in {"call", "c_call"}
        if left < 0:
            sys.setprofile(None)
            raise EndlessError(f"More than {most} calls for one input.")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
