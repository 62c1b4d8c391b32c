"""Alarms that tell people, and lights that combine them; `infra/watches/` says what about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk.aws_cloudwatch as cloudwatch
import aws_cdk.aws_cloudwatch_actions as actions
import aws_cdk.aws_sns as sns
from constructs import Construct


@dataclass(frozen=True, slots=True)
class Watch:
    """An alarm to be: it is raised when the metric reaches `threshold` in one period.

    Args:
        name: ends the alarm's name.
        metric: what is looked at.
        meaning: for the person who gets the notice: what happened and what to do.
        threshold: in the metric's own unit.
        silence_is_news: whether the topic is also told when the metric is no longer measured; otherwise no data
            means that nothing happened, which is right for a count.
    """

    name: str
    metric: cloudwatch.Metric
    meaning: str
    threshold: int = 1
    silence_is_news: bool = False


@dataclass(frozen=True, slots=True)
class Light:
    """A composite alarm to be: it is raised while any of the alarms `watches`, by name, is."""

    name: str
    meaning: str
    watches: tuple[str, ...]


class Alarms(Construct):
    """Alarms of a stage; every one tells the topic."""

    def __init__(
        self, scope: Construct, name_in_stack: str, *, prefix: str, topic: sns.ITopic, watches: Sequence[Watch]
    ) -> None:
        super().__init__(scope, name_in_stack)
        self._prefix = prefix
        self._tell = actions.SnsAction(topic)
        self.by_name = {watch.name: self._alarm(watch) for watch in watches}

    @property
    def all(self) -> list[cloudwatch.IAlarm]:
        """Every alarm that tells the topic."""
        return list(self.by_name.values())

    def combine(self, lights: Sequence[Light]) -> list[cloudwatch.IAlarm]:
        """One alarm per light; it tells nobody again what those that it consists of have told."""
        return [
            cloudwatch.CompositeAlarm(
                self,
                light.name,
                composite_alarm_name=f"{self._prefix}{light.name}",
                alarm_description=light.meaning,
                alarm_rule=cloudwatch.AlarmRule.any_of(*(self._raised(name) for name in light.watches)),
            )
            for light in lights
        ]

    def _raised(self, watch: str) -> cloudwatch.IAlarmRule:
        return cloudwatch.AlarmRule.from_alarm(self.by_name[watch], cloudwatch.AlarmState.ALARM)

    def _alarm(self, watch: Watch) -> cloudwatch.IAlarm:
        missing = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            watch.name,
            alarm_name=f"{self._prefix}{watch.name}",
            alarm_description=watch.meaning,
            metric=watch.metric,
            threshold=watch.threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing.MISSING if watch.silence_is_news else missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._tell)
        if watch.silence_is_news:
            alarm.add_insufficient_data_action(self._tell)
        return alarm
