"""EventBridge: rules really match and deliver, to SQS, SNS and Lambda; `schedules/` tells them when to fire."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local_cloud import backends
from local_cloud.account import ACCOUNT, REGION
from local_cloud.clock import Clock
from local_cloud.event_input import check_paths
from local_cloud.faults.desk import FaultDesk
from local_cloud.faults.events import EventFaults
from local_cloud.targets import Delivery, check_target
from local_cloud.wire import AwsError, Call, Json

LOG = logging.getLogger(__name__)
_MOST_ENTRIES = 10


class EventBus:
    """The account's event buses; `delivery` carries matched events to their targets."""

    def __init__(self, delivery: Delivery, faults: FaultDesk | None = None, clock: Clock | None = None) -> None:
        self._delivery = delivery
        self._faults = EventFaults(faults or FaultDesk())
        self._clock = clock or Clock()
        self._waiting = threading.local()

    # -- what is published ------------------------------------------------------------------------

    def emit(self, source: str, detail_type: str, detail: Mapping[str, Any], *, resources: Sequence[str] = ()) -> None:
        """Put an event on the default bus as the AWS service `source` would."""
        self.publish(self.event(source, detail_type, detail, resources=resources))

    def event(self, source: str, detail_type: str, detail: Mapping[str, Any], *, resources: Sequence[str] = ()) -> Json:
        """Build an event with the envelope EventBridge gives it, at the present moment."""
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": _iso(self._clock.moment()),
            "region": REGION,
            "resources": list(resources),
            "detail": dict(detail),
        }

    def publish(self, event: Json, bus: str = "default") -> None:
        """Deliver an event to the targets of all enabled rules that match it; inside `batch`, when that ends."""
        waiting: list[tuple[Json, str]] | None = getattr(self._waiting, "events", None)
        if waiting is None:
            self._deliver(event, bus)
        else:
            waiting.append((event, bus))

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Hold back what this thread publishes until the block is done, as nobody hears of unfinished work in AWS."""
        if getattr(self._waiting, "events", None) is not None:
            yield
            return
        self._waiting.events = []
        try:
            yield
        finally:
            waiting, self._waiting.events = self._waiting.events, None
            for event, bus in waiting:
                self._deliver(event, bus)

    def fire_schedule(self, name: str) -> None:
        """Run the targets of a scheduled rule, or of an EventBridge Scheduler schedule, now.

        Raises:
            AwsError: There is no such schedule, or it is disabled.
        """
        rule = backends.events().event_buses["default"].rules.get(name)
        if rule is None or not rule.scheduled_expression:
            self._fire_scheduler(name)
            return
        if rule.state != "ENABLED":
            raise AwsError("ValidationException", f"The rule {name!r} is disabled.")
        self._delivery.send(
            rule.arn, rule.targets, self.event("aws.events", "Scheduled Event", {}, resources=[rule.arn])
        )

    def _fire_scheduler(self, name: str) -> None:
        groups = backends.scheduler().schedule_groups.values()
        schedule = next((group.schedules[name] for group in groups if name in group.schedules), None)
        if schedule is None:
            raise AwsError(
                "ResourceNotFoundException", f"There is no scheduled rule and no schedule named {name!r}.", 404
            )
        if schedule.state != "ENABLED":
            raise AwsError("ValidationException", f"The schedule {name!r} is disabled.")
        event = self.event("aws.scheduler", "Scheduled Event", {}, resources=[schedule.arn])
        target = dict(schedule.target)
        if "Input" in target:
            target["Input"] = target["Input"].replace("<aws.scheduler.scheduled-time>", event["time"])
        self._delivery.send(schedule.arn, [target], event)

    def _deliver(self, event: Json, bus: str) -> None:
        self._faults.deliver(event, bus, self._match)

    def _match(self, event: Json, bus: str) -> None:
        rules = backends.events().event_buses[bus].rules.values()
        for rule in list(rules):
            if rule.state == "ENABLED" and rule.event_pattern.get_pattern() and rule.event_pattern.matches_event(event):
                self._delivery.send(rule.arn, list(rule.targets), event)

    # -- what is asked for over the wire ----------------------------------------------------------

    def put_events(self, _call: Call, request: Json) -> Json:
        """PutEvents: own sources only, as AWS keeps `aws.*` to itself."""
        entries = request.get("Entries", [])
        if not 1 <= len(entries) <= _MOST_ENTRIES:
            raise AwsError("ValidationException", f"PutEvents takes 1 to {_MOST_ENTRIES} entries, not {len(entries)}.")
        results = [self._put_entry(entry) for entry in entries]
        return {"Entries": results, "FailedEntryCount": sum("ErrorCode" in result for result in results)}

    def _put_entry(self, entry: Json) -> Json:
        refusal = _refusal(entry)
        if refusal:
            return refusal
        bus = str(entry.get("EventBusName") or "default").rsplit("event-bus/", 1)[-1]
        if bus not in backends.events().event_buses:
            return {"ErrorCode": "ResourceNotFoundException", "ErrorMessage": f"Event bus {bus} does not exist."}
        event = self.event(
            entry["Source"], entry["DetailType"], json.loads(entry["Detail"]), resources=entry.get("Resources", [])
        )
        if "Time" in entry:
            event["time"] = _iso(dt.datetime.fromtimestamp(float(entry["Time"]), dt.UTC))
        self.publish(event, bus)
        return {"EventId": event["id"]}

    @staticmethod
    def check_targets(_call: Call, request: Json) -> None:
        """Refuse targets that would never hear anything (PutTargets)."""
        for target in request.get("Targets", []):
            check_target(target)
            check_paths(target)

    @staticmethod
    def match_pattern(_call: Call, request: Json) -> Json:
        """TestEventPattern, with moto's matcher."""
        from moto.events.models import EventPattern

        pattern = EventPattern.load(request["EventPattern"])
        return {"Result": bool(pattern.matches_event(json.loads(request["Event"])))}


def _iso(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _refusal(entry: Json) -> Json | None:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            reason = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
    if entry["Source"].startswith("aws."):
        return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return None
