"""The functions and what calls them."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_events as events
import aws_cdk.aws_events_targets as targets
import aws_cdk.aws_lambda as lambda_
import aws_cdk.aws_sqs as sqs
from constructs import Construct

from infra.arns import Arns
from infra.constructs.function import Function, FunctionPlan
from infra.permissions import functions as permissions
from infra.stages import UnloadSchedule
from rightpack.drops import statement_prefix

START_PIPELINE: Final = FunctionPlan("start-pipeline", "Starts a pipeline execution for every trigger file, once.")
TRACK_RUNS: Final = FunctionPlan("track-runs", "Keeps the ledger true to executions, and fills the slots they leave.")
RECONCILE: Final = FunctionPlan(
    "reconcile", "Makes right what events have missed; starts what waits.", timeout_seconds=300
)
UNLOAD: Final = FunctionPlan("unload", "Unloads rows from the warehouse to a new drop.", timeout_seconds=120)
DROP: Final = FunctionPlan("drop", "Writes the trigger file of a drop whose unload has finished.")
EXPORT_MODEL: Final = FunctionPlan("export-model", "Exports the model that serves after every change of the registry.")
CREATE_CANDIDATE: Final = FunctionPlan("create-candidate", "Makes the model of a candidate; a step of the training.")
BATCH_SIZE: Final = 10
RECONCILE_MINUTES: Final = 5


class Functions(Construct):
    """All functions of a stage; they share one code package and nothing else."""

    def __init__(self, scope: Construct, name_in_stack: str, *, arns: Arns, code: lambda_.Code) -> None:
        super().__init__(scope, name_in_stack)
        self._arns = arns
        self._code = code
        self._start_pipeline = self._function(START_PIPELINE)
        self._track_runs = self._function(TRACK_RUNS)
        self._reconcile = self._function(RECONCILE)
        self._unload = self._function(UNLOAD)
        self._drop = self._function(DROP)
        self._export_model = self._function(EXPORT_MODEL)
        self._function(CREATE_CANDIDATE)  # called by the training pipeline
        self._on_execution_change()
        self._on_model_change()
        self._on_reconcile()
        self._on_unload_end("finished", ["FINISHED"], self._drop)
        # The Data API tells why a statement failed only to the role that ran it.
        self._on_unload_end("failed", ["FAILED", "ABORTED"], self._unload)

    def _function(self, plan: FunctionPlan) -> Function:
        statements = permissions.FUNCTIONS[plan.name](self._arns)
        return Function(self, plan, arns=self._arns, code=self._code, statements=statements)

    def start_from(self, queue: sqs.Queue) -> None:
        """Start pipelines from the messages of `queue`; one bad message does not bring back its whole batch."""
        # Not as an event source of the function: that would add actions to the role which nobody calls.
        lambda_.EventSourceMapping(
            self,
            "StartFromQueue",
            target=self._start_pipeline,
            event_source_arn=queue.queue_arn,
            batch_size=BATCH_SIZE,
            report_batch_item_failures=True,
        )

    def unload_on(self, schedule: UnloadSchedule) -> None:
        """Unload by the clock."""
        rule = events.Rule(
            self,
            f"Unload-{schedule.name}",
            rule_name=self._arns.layout.named(f"unload-{schedule.name}"),
            description=f"Unloads for {schedule.mode} {schedule.pipeline.value}.",
            schedule=events.Schedule.expression(f"cron({schedule.cron})"),
        )
        self._call(rule, self._unload, {"pipeline": schedule.pipeline.value, "mode": schedule.mode})

    def _on_execution_change(self) -> None:
        rule = events.Rule(
            self,
            "ExecutionChanged",
            rule_name=self._arns.layout.named("execution-changed"),
            description="A pipeline execution has another status.",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Building Pipeline Execution Status Change"],
                detail={"pipelineArn": [*self._arns.pipelines, {"prefix": self._arns.shaped_trainings}]},
            ),
        )
        self._call(rule, self._track_runs)

    def _on_model_change(self) -> None:
        """Whoever approves or rejects a version, the gate or a person, SageMaker announces it."""
        rule = events.Rule(
            self,
            "ModelChanged",
            rule_name=self._arns.layout.named("model-changed"),
            description="A version of a model was registered, approved or rejected.",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={"ModelPackageGroupName": events.Match.prefix(self._arns.layout.named(""))},
            ),
        )
        self._call(rule, self._export_model)

    def _on_reconcile(self) -> None:
        rule = events.Rule(
            self,
            "ReconcileByClock",
            rule_name=self._arns.layout.named("reconcile"),
            description="Status events are best effort: asks about every open run, starts what waits, measures.",
            schedule=events.Schedule.rate(cdk.Duration.minutes(RECONCILE_MINUTES)),
        )
        self._call(rule, self._reconcile, {"reconcile": True})

    def _on_unload_end(self, how: str, states: list[str], function: Function) -> None:
        layout = self._arns.layout
        rule = events.Rule(
            self,
            f"Unload-{how}",
            rule_name=layout.named(f"unload-{how}"),
            description=f"The UNLOAD statement of a drop has {how}.",
            event_pattern=events.EventPattern(
                source=["aws.redshift-data"],
                detail_type=["Redshift Data Statement Status Change"],
                detail={"statementName": events.Match.prefix(statement_prefix(layout.stage)), "state": states},
            ),
        )
        self._call(rule, function)

    def _call(self, rule: events.Rule, function: Function, event: dict[str, object] | None = None) -> None:
        constant = events.RuleTargetInput.from_object(event) if event else None
        rule.add_target(targets.LambdaFunction(function, event=constant))
