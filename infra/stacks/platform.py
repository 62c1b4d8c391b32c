"""What rarely changes: storage, ledger, triggers, functions, notices, roles, alarms."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
import aws_cdk.aws_lambda as lambda_
from constructs import Construct

from infra.acknowledgements import OF_THE_STACK, acknowledge
from infra.arns import Arns
from infra.constructs.alarms import Alarms, every_watch
from infra.constructs.functions import DROP, EXPORT_MODEL, START_PIPELINE, TRACK_RUNS, UNLOAD, Functions
from infra.constructs.metrics import StageMetrics
from infra.constructs.notice_topic import NoticeTopic
from infra.constructs.overview import Overview
from infra.constructs.private_bucket import PrivateBucket
from infra.constructs.roles import Roles
from infra.constructs.run_ledger import RunLedger
from infra.constructs.trigger_queue import TriggerQueue
from infra.stages import Stage


class PlatformStack(cdk.Stack):
    """Everything of a stage but its pipelines and model package groups."""

    def __init__(self, scope: Construct, stage: Stage, *, package_types: Sequence[str], code: lambda_.Code) -> None:
        super().__init__(
            scope,
            stage.platform_stack,
            stack_name=stage.platform_stack,
            description=f"rightpack {stage.name}: storage, ledger, triggers, functions, notices, roles, alarms",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self._arns = Arns.of_stage(stage.name)
        self._storage()
        Roles(self, "Roles", arns=self._arns)
        triggers = self._triggers()
        functions = Functions(self, "Functions", arns=self._arns, code=code)
        functions.start_from(triggers.queue)
        for schedule in stage.schedules:
            functions.unload_on(schedule)
        self._observe(stage, package_types, triggers)
        acknowledge(self, OF_THE_STACK)

    def _storage(self) -> None:
        layout = self._arns.layout
        PrivateBucket(self, "Data", name=layout.data_bucket, expiring=["drops/", "loads/"], announces=True)
        # Models and their reports lie below runs/training/ and are never expired: the registry only points at them.
        PrivateBucket(self, "Artefacts", name=layout.artefact_bucket, expiring=["runs/inference/"])
        RunLedger(self, "Ledger", name=layout.ledger_table)

    def _triggers(self) -> TriggerQueue:
        timeout = cdk.Duration.seconds(START_PIPELINE.timeout_seconds)
        return TriggerQueue(self, "Triggers", layout=self._arns.layout, function_timeout=timeout)

    def _observe(self, stage: Stage, package_types: Sequence[str], triggers: TriggerQueue) -> None:
        layout = self._arns.layout
        topic = NoticeTopic(self, "Notices", name=layout.named("notices"), email=self._notice_email(stage))
        watches = every_watch(
            StageMetrics(layout),
            package_types=package_types,
            dead_letters=triggers.dead_letters,
            functions=[plan.name for plan in (TRACK_RUNS, UNLOAD, DROP, EXPORT_MODEL)],
        )
        alarms = Alarms(self, "Alarms", prefix=layout.named(""), topic=topic, watches=watches)
        Overview(
            self,
            "Overview",
            layout=layout,
            package_types=package_types,
            alarms=alarms.all,
            queues=[triggers.queue, triggers.dead_letters],
        )

    def _notice_email(self, stage: Stage) -> str:
        parameter = cdk.CfnParameter(
            self,
            "NoticeEmail",
            default=stage.notice_email,
            description="Who is told about failures, rejected models and alarms.",
            allowed_pattern=r"[^@\s]+@[^@\s]+",
        )
        return parameter.value_as_string
