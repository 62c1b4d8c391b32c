"""CloudWatch's data points, indexed for the alarms; moto keeps its own copy for the API."""

from __future__ import annotations

import datetime as dt
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from local_cloud import backends
from local_cloud.clock import Clock
from local_cloud.wire import Json

_KEPT_SECONDS = 8 * 86400  # longer than any alarm may look back
_GAUGE_SECONDS = 60

Key = tuple[str, str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Point:
    """A data point or a set of statistics, at epoch seconds."""

    time: float
    total: float
    count: float
    least: float
    most: float


class Metrics:
    """The index of recent points. `record` is fed by a patch of moto, so no way of putting metrics is missed."""

    KEPT = ("_points", "_gauges")

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._points: dict[Key, deque[Point]] = defaultdict(deque)
        self._gauges: set[Key] = set()
        self._lock = threading.Lock()

    def put(self, namespace: str, name: str, value: float, dimensions: Mapping[str, str]) -> None:
        """Record one data point now, as PutMetricData would."""
        pairs = [{"Name": key, "Value": text} for key, text in dimensions.items()]
        backends.cloudwatch().put_metric_data(namespace, [{"MetricName": name, "Value": value, "Dimensions": pairs}])

    def record(self, namespace: str, data: Iterable[Json]) -> None:
        """Index what moto has accepted."""
        for datum in data:
            self._add(_key(namespace, datum["MetricName"], datum.get("Dimensions") or []), _points(datum, self.clock))

    def gauge(self, namespace: str, name: str, value: float, dimensions: Mapping[str, str]) -> None:
        """Keep the greatest value of each minute of a quantity that is sampled rather than counted."""
        key = _key(namespace, name, [{"Name": key, "Value": text} for key, text in dimensions.items()])
        minute = self.clock.now() // _GAUGE_SECONDS * _GAUGE_SECONDS
        with self._lock:
            self._gauges.add(key)
            points = self._points[key]
            if points and points[-1].time == minute:
                value = max(value, points.pop().most)
            points.append(Point(minute, value, 1, value, value))

    def gauges(self) -> list[tuple[Key, Point]]:
        """All kept samples, for whoever answers GetMetricData."""
        with self._lock:
            return [(key, point) for key in self._gauges for point in self._points[key]]

    def between(self, metric: Json, start: float, end: float) -> list[Point]:
        """Points of a metric (Namespace, MetricName, Dimensions) with `start < time <= end`."""
        key = _key(metric["Namespace"], metric["MetricName"], metric.get("Dimensions") or [])
        with self._lock:
            recent = takewhile(lambda point: point.time > start, reversed(self._points.get(key, ())))
            return [point for point in recent if point.time <= end][::-1]

    def _add(self, key: Key, new: list[Point]) -> None:
        with self._lock:
            points = self._points[key]
            late = bool(points and new) and min(point.time for point in new) < points[-1].time
            points.extend(new)
            if late:  # whoever asks for the newest ones reads from the end
                self._points[key] = points = deque(sorted(points, key=lambda point: point.time))
            oldest = self.clock.now() - _KEPT_SECONDS
            while points and points[0].time < oldest:
                points.popleft()


def _key(namespace: str, name: str, dimensions: Iterable[Mapping[str, str]]) -> Key:
    return namespace, name, frozenset((pair["Name"], pair["Value"]) for pair in dimensions)


def _points(datum: Json, clock: Clock) -> list[Point]:
    when = _epoch(datum.get("Timestamp"), clock)
    if datum.get("Values"):
        counts = datum.get("Counts") or [1] * len(datum["Values"])
        pairs = [(float(value), float(count)) for value, count in zip(datum["Values"], counts, strict=True)]
        return [Point(when, value * count, count, value, value) for value, count in pairs]
    if datum.get("StatisticValues"):
        found = {name: float(value) for name, value in datum["StatisticValues"].items()}
        return [Point(when, found["Sum"], found["SampleCount"], found["Minimum"], found["Maximum"])]
    value = float(datum.get("Value", 0))
    return [Point(when, value, 1, value, value)]


def _epoch(moment: Any, clock: Clock) -> float:
    if moment is None:
        return clock.now()
    if isinstance(moment, dt.datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    return float(moment)
