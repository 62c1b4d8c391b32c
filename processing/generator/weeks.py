"""Week numbers as dates: week 0 starts at `start`, week w is the seven days from `start` + 7 w on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np

from processing.generator.arrays import Floats, Ints
from rightpack.errors import SettingsError

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
WEEK: Final = 7 * DAY
PEAK_WEEKS: Final = range(47, 52)
PEAK: Final = 1.6
EPOCH: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Weeks:
    """Calendar of a catalogue; times are microseconds since 1970 (UTC), in whole seconds."""

    start: dt.date

    def __post_init__(self) -> None:
        """Refuse a start that is not a Monday."""
        if self.start.weekday() != 0:
            raise SettingsError(f"The first week must start on a Monday; {self.start} is a {self.start:%A}.")

    def begin(self, week: int) -> int:
        """First moment of a week; the end of a week is the beginning of the next."""
        return (self.start - EPOCH).days * DAY + week * WEEK

    def season(self, week: int) -> float:
        """How much more than usual is shipped: the weeks before Christmas are busy."""
        iso = (self.start + dt.timedelta(weeks=week)).isocalendar().week
        return PEAK if iso in PEAK_WEEKS else 1.0


def moments(share: Floats, begin: Ints | int, end: Ints | int) -> Ints:
    """Moments at `share` (0 to 1) of the way from `begin` to `end`, in whole seconds and never at `end` itself."""
    seconds = np.floor(share * ((np.asarray(end) - begin) // SECOND)).astype(np.int64)
    return np.asarray(begin + seconds * SECOND, dtype=np.int64)
