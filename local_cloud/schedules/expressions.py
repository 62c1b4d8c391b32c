"""Schedule expressions: `cron(...)`, `rate(...)` and `at(...)`."""

from __future__ import annotations

import datetime as dt
import functools
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from local_cloud.schedules.cron import Cron
from local_cloud.wire import AwsError

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}


def next_time(expression: str, after: float, *, anchor: float, zone: str = "UTC") -> float | None:
    """When a schedule is due next, in seconds since the epoch; `None` if never again.

    Args:
        expression: `cron(0 3 ? * MON *)`, `rate(5 minutes)` or `at(2026-11-21T03:00:00)`.
        after: The time after which.
        anchor: From when a rate counts: the time the schedule was made.
        zone: Time zone of a cron expression or of a single time.

    Raises:
        AwsError: ValidationException.
    """
    if expression.startswith("rate("):
        period = rate_seconds(expression)
        return anchor + ((after - anchor) // period + 1) * period
    if expression.startswith("at("):
        when = _moment(expression[3:-1]).replace(tzinfo=_zone(zone)).timestamp()
        return when if when > after else None
    found = _cron(expression).after(dt.datetime.fromtimestamp(after, _zone(zone)))
    return None if found is None else found.timestamp()


def rate_seconds(expression: str) -> int:
    """The period of a rate.

    Raises:
        AwsError: ValidationException, also for `rate(1 minutes)` and `rate(5 minute)`.
    """
    matched = _RATE.fullmatch(expression)
    if matched is None or int(matched[1]) == 0 or (int(matched[1]) == 1) == bool(matched[3]):
        raise _invalid(expression)
    return int(matched[1]) * _SECONDS[matched[2]]


@functools.lru_cache(maxsize=256)
def _cron(expression: str) -> Cron:
    matched = re.fullmatch(r"cron\((.*)\)", expression)
    if matched is None:
        raise _invalid(expression)
    return Cron.of(matched[1])


def _moment(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise _invalid(f"at({text})") from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise AwsError("ValidationException", f"There is no time zone {name!r}.") from error


def _invalid(expression: str) -> AwsError:
    return AwsError("ValidationException", f"Parameter ScheduleExpression is not valid: {expression}.")
