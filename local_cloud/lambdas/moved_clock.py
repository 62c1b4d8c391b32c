"""Run as a program in a function's process: `awslambdaric` with a clock that is ahead of the machine's.

Every way of Python to ask for the time is moved by `LOCAL_CLOUD_SECONDS_AHEAD`, before anything else is imported.
"""

from __future__ import annotations

import datetime
import os
import runpy
import time
from typing import Any

_REAL = datetime.datetime
_REAL_DATE = datetime.date


class _Kind(type):
    """Values made in C are of the real class; they count as those of the moved one."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, _REAL)


class _KindOfDate(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, _REAL_DATE)


def move(seconds: float) -> None:
    """Move the clock of this process."""
    ahead = datetime.timedelta(seconds=seconds)
    real_time, real_ns = time.time, time.time_ns

    class Moved(_REAL, metaclass=_Kind):
        """`datetime.datetime`, ahead."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _REAL.now(tz) + ahead

        @classmethod
        def utcnow(cls) -> Any:
            return _REAL.now(datetime.UTC).replace(tzinfo=None) + ahead

        @classmethod
        def today(cls) -> Any:
            return _REAL.now() + ahead

    class MovedDate(_REAL_DATE, metaclass=_KindOfDate):
        """`datetime.date`, ahead."""

        @classmethod
        def today(cls) -> Any:
            return (_REAL.now() + ahead).date()

    time.time = lambda: real_time() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1_000_000_000)
    datetime.datetime, datetime.date = Moved, MovedDate  # type: ignore[misc]  # that is what this file is for


if __name__ == "__main__":
    move(float(os.environ["LOCAL_CLOUD_SECONDS_AHEAD"]))
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
