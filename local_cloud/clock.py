"""The cloud's clock: that of the machine, or ahead of it, by as much as somebody has moved it."""

from __future__ import annotations

import datetime as dt
import time


class Clock:
    """Reads the time. It can be moved forward only, as nothing here could be undone."""

    KEPT = ("ahead",)

    def __init__(self) -> None:
        self.ahead = 0.0  #: seconds

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.ahead

    def moment(self) -> dt.datetime:
        """The time in UTC."""
        return dt.datetime.fromtimestamp(self.now(), dt.UTC)

    def move_to(self, when: float) -> None:
        """Make it `when`, seconds since the epoch; a time that has passed changes nothing."""
        self.ahead = max(self.ahead, when - time.time())
