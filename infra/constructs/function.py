"""A Lambda function with its own role and its own log group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_iam as iam
import aws_cdk.aws_lambda as lambda_
import aws_cdk.aws_logs as logs
from constructs import Construct

from infra.arns import Arns
from infra.constructs.service_role import ServiceRole, service
from infra.permissions.statement import allow

MEMORY_MB: Final = 256


@dataclass(frozen=True, slots=True)
class FunctionPlan:
    """One function: its name is also its folder below `lambdas/` (with underscores)."""

    name: str
    description: str
    timeout_seconds: int = 60

    @property
    def handler(self) -> str:
        """E.g. `lambdas.start_pipeline.handler.handler`."""
        return f"lambdas.{self.name.replace('-', '_')}.handler.handler"

    @property
    def identifier(self) -> str:
        """E.g. `StartPipeline`."""
        return "".join(part.capitalize() for part in self.name.split("-"))


class Function(lambda_.Function):
    """A function of the shared code; its environment says only which stage and account it belongs to."""

    def __init__(
        self,
        scope: Construct,
        plan: FunctionPlan,
        *,
        arns: Arns,
        code: lambda_.Code,
        statements: Sequence[iam.PolicyStatement],
    ) -> None:
        name = arns.layout.function(plan.name)
        super().__init__(
            scope,
            plan.identifier,
            function_name=name,
            description=plan.description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=plan.handler,
            code=code,
            timeout=cdk.Duration.seconds(plan.timeout_seconds),
            memory_size=MEMORY_MB,
            environment={"RIGHTPACK_STAGE": arns.layout.stage, "RIGHTPACK_ACCOUNT": cdk.Aws.ACCOUNT_ID},
            role=ServiceRole(
                scope,
                f"{plan.identifier}Role",
                name=name,
                trusted=[service("lambda")],
                statements=[write_own_log(arns, name), *statements],
            ),
            log_group=logs.LogGroup(
                scope,
                f"{plan.identifier}Log",
                log_group_name=_log_group(name),
                retention=logs.RetentionDays.THREE_MONTHS,
                removal_policy=cdk.RemovalPolicy.DESTROY,  # what must last is in the ledger
            ),
        )


def write_own_log(arns: Arns, function: str) -> iam.PolicyStatement:
    """Allow writing to the function's log group; the stack makes the group itself."""
    group = arns.arn("logs", f"log-group:{_log_group(function)}:*")
    return allow("WriteLog", "logs:CreateLogStream", "logs:PutLogEvents", on=[group])


def _log_group(function: str) -> str:
    return f"/aws/lambda/{function}"
