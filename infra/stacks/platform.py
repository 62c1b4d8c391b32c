"""What moves and watches: triggers, functions, schedules, roles, notices, alarms. It keeps nothing that must last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_lambda as lambda_
from constructs import Construct

from infra.acknowledgements import OF_THE_STACK, acknowledge
from infra.constructs.alarms import Alarms
from infra.constructs.functions import (
    DROP,
    EXPORT_MODEL,
    RECONCILE,
    START_PIPELINE,
    TRACK_RUNS,
    UNLOAD,
    Functions,
)
from infra.constructs.metrics import StageMetrics
from infra.constructs.notice_topic import NoticeTopic
from infra.constructs.overview import Overview
from infra.constructs.roles import Roles
from infra.constructs.topic_mappings import TopicMappings
from infra.constructs.trigger_queue import TriggerQueue
from infra.stacks.stage_stack import StageStack
from infra.stages import Stage
from infra.watches.drops import of_drops, of_function
from infra.watches.models import light, of_package_type
from infra.watches.runs import of_runs
from rightpack.layout import Stack

#: Nobody waits for their answer, so nobody else would tell that they fail.
CALLED_BY_EVENTS: Final = (TRACK_RUNS, RECONCILE, UNLOAD, DROP, EXPORT_MODEL)


class PlatformStack(StageStack):
    """Everything of a stage between its storage and its pipelines."""

    def __init__(self, scope: Construct, stage: Stage, *, package_types: Sequence[str], code: lambda_.Code) -> None:
        super().__init__(scope, stage, Stack.PLATFORM, description="triggers, functions, schedules, roles, alarms")
        Roles(self, "Roles", arns=self.arns)
        triggers = self._triggers()
        functions = Functions(self, "Functions", arns=self.arns, code=code)
        functions.start_from(triggers.queue)
        for schedule in stage.schedules:
            functions.unload_on(schedule)
        mappings = TopicMappings(self, "TopicMappings", arns=self.arns, code=code)
        self._observe(stage, package_types, triggers, mappings)
        acknowledge(self, OF_THE_STACK)

    def _triggers(self) -> TriggerQueue:
        timeout = cdk.Duration.seconds(START_PIPELINE.timeout_seconds)
        return TriggerQueue(self, "Triggers", layout=self.arns.layout, function_timeout=timeout)

    def _observe(
        self, stage: Stage, package_types: Sequence[str], triggers: TriggerQueue, mappings: TopicMappings
    ) -> None:
        layout = self.arns.layout
        topic = NoticeTopic(self, "Notices", name=layout.named("notices"), email=self._notice_email(stage))
        topic.tell_webhook(self._notice_webhook())
        metrics = StageMetrics(layout)
        watches = [
            *of_runs(metrics, stage.schedules),
            *(watch for name in package_types for watch in of_package_type(metrics, name)),
            *of_drops(metrics, triggers.dead_letters),
            *(of_function(metrics, plan.name) for plan in CALLED_BY_EVENTS),
            *mappings.watches(metrics),
        ]
        alarms = Alarms(self, "Alarms", prefix=layout.named(""), topic=topic, watches=watches)
        Overview(
            self,
            "Overview",
            layout=layout,
            package_types=package_types,
            schedules=stage.schedules,
            alarms=alarms.all,
            lights=alarms.combine([light(name) for name in package_types]),
            queues=[triggers.queue, triggers.dead_letters, mappings.queue, mappings.dead_letters],
        )

    def _notice_email(self, stage: Stage) -> str:
        return self.parameter(
            "NoticeEmail",
            default=stage.deployment.notice_email or None,
            description="Who is told about failures, rejected models and alarms.",
            pattern=r"[^@\s]+@[^@\s]+",
        )

    def _notice_webhook(self) -> str:
        return self.parameter(
            "NoticeWebhook",
            default="",
            description="An https:// address that confirms subscriptions, e.g. of a chat; empty for none.",
            pattern=r"(https://\S+)?",
        )
