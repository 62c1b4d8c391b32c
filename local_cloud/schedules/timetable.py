"""The schedules of the account, and moving the clock past the times at which they are due."""

from __future__ import annotations

import bisect
import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from local_cloud import backends
from local_cloud.clock import Clock
from local_cloud.schedules.expressions import next_time
from local_cloud.wire import AwsError, Json

LOG = logging.getLogger(__name__)
_DAY = 86_400.0
_LONGEST = 400 * _DAY


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule and when it is due, in seconds since the epoch."""

    when: float
    name: str


@dataclass(frozen=True, slots=True)
class _Schedule:
    name: str
    expression: str
    zone: str = "UTC"
    start: float | None = None
    end: float | None = None


class Timetable:
    """Fires what is due while the clock moves.

    Args:
        clock: The cloud's clock.
        fire: Runs the targets of a schedule by name.
        settle: Waits until what was started has come to an end, so that it ends at the time it was due.
    """

    KEPT = ("_anchor",)

    def __init__(self, clock: Clock, fire: Callable[[str], None], settle: Callable[[], object]) -> None:
        self._clock, self._fire, self._settle = clock, fire, settle
        self._anchor = clock.now()
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def advance(self, seconds: float) -> list[Due]:
        """Move the clock, stopping at every time at which a schedule is due; answers what has fired.

        A schedule that is due several times a day fires only at the end of each day and just before any other.

        Raises:
            AwsError: ValidationException for a move that is not positive or longer than four hundred days.
        """
        if not 0 < seconds <= _LONGEST:
            raise AwsError("ValidationException", f"The clock moves by 1 second to {_LONGEST / _DAY:.0f} days.")
        with self._lock:
            start = self._clock.now()
            due = sorted(self.due(start, start + seconds), key=lambda item: (item.when, item.name))
            for item in due:
                self._clock.move_to(item.when)
                self._run(item)
            self._clock.move_to(start + seconds)
        return due

    def due(self, start: float, end: float) -> Iterator[Due]:
        """What is due after `start` and until `end`; what is due several times a day, just before everything else."""
        table = {schedule.name: list(self._times(schedule, start, end)) for schedule in _schedules()}
        often = {name for name, times in table.items() if len({when // _DAY for when in times}) < len(times)}
        stops = sorted({when for name, times in table.items() if name not in often for when in times})
        stops += [(day + 1) * _DAY for day in range(int(start // _DAY), int(end // _DAY))] + [end]
        for name, times in table.items():
            chosen = set(times)
            if name in often:
                chosen = {times[at - 1] for at in (bisect.bisect_right(times, stop) for stop in stops) if at}
            yield from (Due(when, name) for when in chosen)

    def live(self) -> None:
        """Begin to fire schedules as the time comes, without anybody moving the clock."""
        self._thread = threading.Thread(target=self._tick, name="schedules", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what `live` began."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _tick(self) -> None:
        last = self._clock.now()
        while not self._stopping.wait(1.0):
            with self._lock:
                now = self._clock.now()
                for schedule in _schedules():
                    for when in self._times(schedule, last, now):
                        self._run(Due(when, schedule.name))
                last = now

    def _run(self, item: Due) -> None:
        try:
            self._fire(item.name)
            self._settle()
        except AwsError as error:
            LOG.warning("the schedule %s of %s did not fire: %s", item.name, iso(item.when), error)

    def _times(self, schedule: _Schedule, start: float, end: float) -> Iterator[float]:
        when: float | None = max(start, (schedule.start or 0.0) - 1)
        limit = min(end, schedule.end or end)
        while when is not None:
            when = next_time(schedule.expression, when, anchor=self._anchor, zone=schedule.zone)
            if when is None or when > limit:
                return
            yield when


def iso(when: float) -> str:
    """A time as people write it, in UTC."""
    return dt.datetime.fromtimestamp(when, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def told(clock: Clock, fired: list[Due]) -> Json:
    """What the control endpoint answers."""
    return {"now": iso(clock.now()), "fired": [{"schedule": item.name, "time": iso(item.when)} for item in fired]}


def _schedules() -> list[_Schedule]:
    """Everything that is enabled: scheduled rules and EventBridge Scheduler's schedules."""
    rules = [rule for bus in list(backends.events().event_buses.values()) for rule in list(bus.rules.values())]
    found = [
        _Schedule(rule.name, rule.scheduled_expression)
        for rule in rules
        if rule.scheduled_expression and rule.state == "ENABLED"
    ]
    for group in list(backends.scheduler().schedule_groups.values()):
        found += [_of_scheduler(one) for one in list(group.schedules.values()) if one.state == "ENABLED"]
    return found


def _of_scheduler(schedule: object) -> _Schedule:
    def text(name: str) -> str:
        return str(getattr(schedule, name, None) or "")

    start, end = _epoch(getattr(schedule, "start_date", None)), _epoch(getattr(schedule, "end_date", None))
    zone = text("schedule_expression_timezone") or "UTC"
    return _Schedule(text("name"), text("schedule_expression"), zone, start, end)


def _epoch(value: object) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, dt.datetime):
        return value.timestamp()
    return float(str(value))
