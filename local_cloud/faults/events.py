"""Faults of events: lost, doubled, late, out of order. They are at-least-once and unordered in an account, too."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from local_cloud.faults.desk import FaultDesk
from local_cloud.faults.fault import EVENTS, Fault, Kind, Place
from local_cloud.wire import Json

Deliver = Callable[[Json, str], None]


class EventFaults:
    """Stands between a published event and its delivery."""

    def __init__(self, desk: FaultDesk) -> None:
        self._desk = desk
        self._held: dict[str, list[Callable[[], None]]] = {}  # by detail-type
        self._lock = threading.Lock()
        desk.on_clear.append(self.release)

    def deliver(self, event: Json, bus: str, onward: Deliver) -> None:
        """Deliver an event as often, as late and in the order that the faults say."""
        place = Place(event["source"], event["detail-type"], json.dumps(event["detail"], default=str))
        fault = self._desk.take(EVENTS, place)
        if fault is None or fault.kind is Kind.DUPLICATE_EVENT:
            onward(event, bus)
        if fault is not None:
            self._strike(fault, lambda: onward(event, bus), event["detail-type"])
        if fault is None or fault.kind is not Kind.REORDER_EVENT:
            self.release(event["detail-type"])

    def release(self, detail_type: str = "") -> None:
        """Deliver what waits for an event of this type to pass it, or all that waits."""
        with self._lock:
            kinds = [detail_type] if detail_type else list(self._held)
            waiting = [deliver for kind in kinds for deliver in self._held.pop(kind, [])]
        for deliver in waiting:
            deliver()

    def _strike(self, fault: Fault, deliver: Callable[[], None], detail_type: str) -> None:
        if fault.kind is Kind.DUPLICATE_EVENT:
            deliver()
        elif fault.kind is not Kind.LOSE_EVENT:
            waits_for = detail_type if fault.kind is Kind.REORDER_EVENT else f"{detail_type}, later"
            once = _Once(deliver)
            with self._lock:
                self._held.setdefault(waits_for, []).append(once)
            timer = threading.Timer(fault.seconds, once)
            timer.daemon = True
            timer.start()


class _Once:
    """A delivery that the next event and a timer both may make."""

    def __init__(self, deliver: Callable[[], None]) -> None:
        self._deliver: Callable[[], None] | None = deliver
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            deliver, self._deliver = self._deliver, None
        if deliver is not None:
            deliver()
