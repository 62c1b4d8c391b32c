"""AWS's cron expressions: minutes, hours, day of month, month, day of week, year, with `?`, `L`, `W` and `#`."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

from local_cloud.wire import AwsError

_FIELDS = 6
_YEARS_AHEAD = 10
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_WEEK = 7

DayTest = Callable[[dt.date], bool]


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    day: DayTest

    @classmethod
    def of(cls, text: str) -> Cron:
        """Read the six fields between the parentheses of `cron(...)`.

        Raises:
            AwsError: ValidationException.
        """
        fields = text.upper().split()
        if len(fields) != _FIELDS or (fields[2] == "?") == (fields[4] == "?"):
            raise _invalid(text)
        try:
            return cls(
                _numbers(fields[0], 0, 59),
                _numbers(fields[1], 0, 23),
                _numbers(fields[3], 1, 12, _MONTHS),
                _numbers(fields[5], 1970, 2199),
                _of_week(fields[4]) if fields[2] == "?" else _of_month(fields[2]),
            )
        except ValueError as error:
            raise _invalid(text) from error

    def after(self, moment: dt.datetime) -> dt.datetime | None:
        """The first time after `moment`, in its time zone; `None` if there is none within ten years."""
        day = moment.date()
        for _ in range(366 * _YEARS_AHEAD):
            if day.month in self.months and day.year in self.years and self.day(day):
                found = self._on(day, moment)
                if found is not None:
                    return found
            day += dt.timedelta(days=1)
        return None

    def _on(self, day: dt.date, moment: dt.datetime) -> dt.datetime | None:
        times = (dt.time(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes))
        moments = (dt.datetime.combine(day, time, moment.tzinfo) for time in times)
        return next((found for found in moments if found > moment), None)


def _invalid(text: str) -> AwsError:
    return AwsError("ValidationException", f"Parameter ScheduleExpression is not valid: cron({text}).")


def _numbers(field: str, least: int, most: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """The values of `*`, `a-b`, `a/step` and lists of them."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = least if first == "*" else _number(first, names)
        end = _number(last, names) if last else (most if first == "*" or step else start)
        if not least <= start <= end <= most:
            raise ValueError(part)
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    return (names or {}).get(text) or int(text)


def _of_month(field: str) -> DayTest:
    if field == "L":
        return lambda day: day.day == _last(day)
    if field == "LW":
        return lambda day: day == _near_weekday(day.replace(day=_last(day)))
    nearest = re.fullmatch(r"(\d+)W", field)
    if nearest:
        wanted = int(nearest[1])
        return lambda day: wanted <= _last(day) and day == _near_weekday(day.replace(day=wanted))
    days = _numbers(field, 1, 31)
    return lambda day: day.day in days


def _of_week(field: str) -> DayTest:
    nth = re.fullmatch(r"(\w+)#([1-5])", field)
    if nth:
        wanted, which = _number(nth[1], _DAYS), int(nth[2])
        return lambda day: _weekday(day) == wanted and (day.day - 1) // _WEEK + 1 == which
    last = re.fullmatch(r"(\d|SUN|MON|TUE|WED|THU|FRI|SAT)L", field)
    if last:
        final = _number(last[1], _DAYS)
        return lambda day: _weekday(day) == final and day.day + _WEEK > _last(day)
    days = _numbers("SAT" if field == "L" else field, 1, 7, _DAYS)
    return lambda day: _weekday(day) in days


def _weekday(day: dt.date) -> int:
    return day.isoweekday() % _WEEK + 1


def _last(day: dt.date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _near_weekday(day: dt.date) -> dt.date:
    """The working day of the same month that is nearest to a day."""
    saturday, sunday = 6, 7
    if day.isoweekday() == saturday:
        return day - dt.timedelta(days=1) if day.day > 1 else day + dt.timedelta(days=2)
    if day.isoweekday() == sunday:
        return day + dt.timedelta(days=1) if day.day < _last(day) else day - dt.timedelta(days=2)
    return day
