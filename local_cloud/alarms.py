"""CloudWatch metric alarms, really evaluated: on every data point and on a tick, over periods that end at this moment.

AWS looks at whole minutes of the clock some time after they have passed; a laptop should not have to wait for that, so
a period here is the last `Period` seconds, the one before it, and so on.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import operator
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud import backends
from local_cloud.account import ACCOUNT, REGION
from local_cloud.alarm_math import Value, evaluate, statistic
from local_cloud.alarm_rules import holds
from local_cloud.metrics import Metrics
from local_cloud.wire import Json, NotSimulatedError

LOG = logging.getLogger(__name__)

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_ASSUMED = {"breaching": True, "notBreaching": False}
_REGION_NAME = "US East (N. Virginia)"
_SUBJECT_LIMIT = 99


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an evaluation says: state, why, and the values it saw, newest first."""

    state: str
    reason: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A change of state, as DescribeAlarmHistory and the actions tell it."""

    alarm: str
    old: str
    new: str
    reason: str
    time: dt.datetime


class Alarms:
    """Evaluates the alarms that moto stores.

    `notify` publishes (alarm ARN, topic ARN, subject, message), `emit` puts an event.
    """

    KEPT = ("changes",)

    def __init__(
        self, metrics: Metrics, notify: Callable[[str, str, str, str], None], emit: Callable[..., None]
    ) -> None:
        self._metrics, self._notify, self._emit = metrics, notify, emit
        self._lock, self._stopping = threading.RLock(), threading.Event()
        self.changes: list[Change] = []
        self.held = False  #: while the clock is moved, alarms are looked at only where it stops
        self._thread = threading.Thread(target=self._tick, name="alarms", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Stop ticking."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def look(self) -> None:
        """Evaluate every alarm now."""
        with self._lock:
            for alarm in list(backends.cloudwatch().alarms.values()):
                self._look_at(alarm)

    def look_for(self, namespace: str, names: Collection[str]) -> None:
        """Evaluate the alarms on metrics of a namespace, because these have new data."""
        if self.held:
            return
        with self._lock:
            for alarm in list(backends.cloudwatch().alarms.values()):
                metrics = [query["Metric"] for query in _queries(alarm).values()]
                if any(one["Namespace"] == namespace and one["MetricName"] in names for one in metrics):
                    self._look_at(alarm)

    def changed(self, alarm: Any, old: str) -> None:
        """Tell of a change of state: history, actions, event. Called however the state was set."""
        change = Change(alarm.name, old, alarm.state_value, alarm.state_reason, self._metrics.clock.moment())
        self.changes.append(change)
        LOG.info("alarm %s: %s -> %s: %s", alarm.name, old, change.new, change.reason)
        if alarm.actions_enabled:
            by_state = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions}
            for action in by_state.get(change.new, alarm.insufficient_data_actions) or []:
                self._act(action, alarm, change)
        self._emit("aws.cloudwatch", "CloudWatch Alarm State Change", _event(change), resources=[alarm.alarm_arn])

    def history(self, name: str | None) -> list[Json]:
        """Items of DescribeAlarmHistory, newest first."""
        chosen = [change for change in reversed(self.changes) if name in {None, change.alarm}]
        return [_history_item(change) for change in chosen]

    def _act(self, action: str, alarm: Any, change: Change) -> None:
        if action.split(":")[2] != "sns":
            LOG.warning("alarm %s: the action %s is not simulated", alarm.name, action)
            return
        subject = f'{change.new}: "{alarm.name}" in {_REGION_NAME}'[:_SUBJECT_LIMIT]
        try:
            self._notify(alarm.alarm_arn, action, subject, json.dumps(_message(alarm, change)))
        except Exception:  # whoever put the data point is not to blame for a missing topic
            LOG.exception("alarm %s: the action %s failed", alarm.name, action)

    def _tick(self) -> None:
        while not self._stopping.wait(1.0):
            try:
                self._sample_queues()
                if not self.held:
                    self.look()
            except Exception:  # the thread must outlive one bad alarm
                LOG.exception("evaluating alarms failed")

    def _sample_queues(self) -> None:
        for queue in list(backends.sqs().queues.values()):
            visible = float(queue.approximate_number_of_messages)
            self._metrics.gauge("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, {"QueueName": queue.name})

    def _look_at(self, alarm: Any) -> None:
        try:
            verdict = _judge(alarm, self._metrics)
        except NotSimulatedError as error:
            verdict = Verdict("INSUFFICIENT_DATA", error.message)
        if verdict.state != alarm.state_value:
            alarm.update_state(verdict.reason, json.dumps({"recentDatapoints": verdict.values}), verdict.state)


def _judge(alarm: Any, metrics: Metrics) -> Verdict:
    if alarm.rule:
        return _combine(alarm)
    if alarm.comparison_operator not in _COMPARE:
        raise NotSimulatedError(f"the comparison {alarm.comparison_operator} ({alarm.name})")
    values = tuple(_values(alarm, metrics, int(alarm.evaluation_periods)))
    return _weigh(alarm, values)


def _combine(alarm: Any) -> Verdict:
    """A composite alarm: its rule over the states of others; one that is gone is not in any state."""
    known = backends.cloudwatch().alarms
    raised = holds(alarm.rule, lambda name: str(known[name].state_value) if name in known else "")
    return Verdict("ALARM" if raised else "OK", f"{alarm.rule} is {str(raised).upper()}.")


def _weigh(alarm: Any, values: tuple[Value, ...]) -> Verdict:
    """M of N: enough breaching periods alarm; nothing known is insufficient data, unless the alarm ignores that."""
    breaches, threshold = _COMPARE[alarm.comparison_operator], float(alarm.threshold)
    needed, treatment = int(alarm.datapoints_to_alarm or len(values)), alarm.treat_missing_data or "missing"
    verdicts = [_ASSUMED.get(treatment) if value is None else breaches(value, threshold) for value in values]
    seen, count = [value for value in values if value is not None], verdicts.count(True)
    reason = f"Threshold Crossed: {count} of {len(values)} datapoints {seen} breach {threshold} ({needed} needed)."
    if count >= needed:
        return Verdict("ALARM", reason, values)
    if all(verdict is None for verdict in verdicts):
        state = alarm.state_value if treatment == "ignore" else "INSUFFICIENT_DATA"
        return Verdict(state, f"Insufficient Data: {len(values)} datapoints were unknown.", values)
    return Verdict("OK", reason, values)


def _values(alarm: Any, metrics: Metrics, periods: int) -> list[Value]:
    queries = _queries(alarm)
    length = max((int(query["Period"]) for query in queries.values()), default=60)
    now = metrics.clock.now()
    found = []
    for number in range(periods):
        end = now - number * length
        inputs = {
            name: statistic(query["Stat"], metrics.between(query["Metric"], end - length, end))
            for name, query in queries.items()
        }
        found.append(_result(alarm, inputs))
    return found


def _result(alarm: Any, inputs: dict[str, Value]) -> Value:
    """Value of the returned query; expressions may use each other in the order they are listed."""
    if not alarm.metric_data_queries:
        return inputs["m"]
    values = dict(inputs)
    for query in alarm.metric_data_queries:
        if query.expression:
            values[query.id] = evaluate(query.expression, values)
    returned = [query.id for query in alarm.metric_data_queries if query.return_data in {None, True, "true"}]
    return values[returned[-1]]


def _queries(alarm: Any) -> dict[str, Json]:
    """The metrics an alarm reads, by id; none for a composite one."""
    if alarm.rule:
        return {}
    if not alarm.metric_data_queries:
        metric = _metric(alarm.namespace, alarm.metric_name, alarm.dimensions)
        return {"m": {"Metric": metric, "Period": alarm.period, "Stat": alarm.statistic or alarm.extended_statistic}}
    stats = {query.id: query.metric_stat for query in alarm.metric_data_queries if query.metric_stat}
    return {
        name: {
            "Metric": _metric(stat.metric.namespace, stat.metric.metric_name, stat.metric.dimensions),
            "Period": stat.period,
            "Stat": stat.stat,
        }
        for name, stat in stats.items()
    }


def _metric(namespace: str, name: str, dimensions: Any) -> Json:
    pairs = [{"Name": pair.name, "Value": pair.value} for pair in dimensions]
    return {"Namespace": namespace, "MetricName": name, "Dimensions": pairs}


def _message(alarm: Any, change: Change) -> Json:
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT,
        "NewStateValue": change.new,
        "NewStateReason": change.reason,
        "StateChangeTime": change.time.isoformat(timespec="milliseconds"),
        "Region": _REGION_NAME,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": change.old,
        "Trigger": {"Threshold": alarm.threshold, "ComparisonOperator": alarm.comparison_operator} | _trigger(alarm),
    }


def _trigger(alarm: Any) -> Json:
    names: Json = {"MetricName": alarm.metric_name, "Namespace": alarm.namespace, "Period": alarm.period}
    return {name: value for name, value in names.items() if value is not None}


def _history_item(change: Change) -> Json:
    data = {
        "oldState": {"stateValue": change.old},
        "newState": {"stateValue": change.new, "stateReason": change.reason},
    }
    return {
        "AlarmName": change.alarm,
        "AlarmType": "MetricAlarm",
        "Timestamp": change.time,
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {change.old} to {change.new}",
        "HistoryData": json.dumps(data),
    }


def _event(change: Change) -> Json:
    state = {"value": change.new, "reason": change.reason, "timestamp": change.time.isoformat()}
    return {"alarmName": change.alarm, "state": state, "previousState": {"value": change.old}, "region": REGION}
