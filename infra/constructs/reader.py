"""The account of the next stage, which may read approved models and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import aws_cdk as cdk
import aws_cdk.aws_iam as iam
from constructs import Construct

ACCOUNT_PATTERN: Final = r"(\d{12})?"


@dataclass(frozen=True, slots=True)
class Reader:
    """The account of the parameter `ReaderAccount`; where that is empty, the stage's own, which changes nothing."""

    account: str

    @classmethod
    def of(cls, stack: Construct, next_stage: str) -> Self | None:
        """Declare the parameter; None for a stage whose models go nowhere."""
        if not next_stage:
            return None
        parameter = cdk.CfnParameter(
            stack,
            "ReaderAccount",
            default="",
            allowed_pattern=ACCOUNT_PATTERN,
            description=f"Account of the stage {next_stage}, which takes approved models; empty if it is this one.",
        )
        given = cdk.Fn.condition_not(cdk.Fn.condition_equals(parameter.value_as_string, ""))
        condition = cdk.CfnCondition(stack, "ReaderGiven", expression=given)
        chosen = cdk.Fn.condition_if(condition.logical_id, parameter.value_as_string, cdk.Aws.ACCOUNT_ID)
        return cls(chosen.to_string())

    @property
    def principal(self) -> str:
        """Everybody in that account whom it lets."""
        return f"arn:{cdk.Aws.PARTITION}:iam::{self.account}:root"

    def may(self, *actions: str, on: str, when: Mapping[str, Any] | None = None) -> iam.PolicyStatement:
        """A statement of a resource's policy."""
        return iam.PolicyStatement(
            sid="NextStageReads",
            principals=[iam.ArnPrincipal(self.principal)],
            actions=list(actions),
            resources=[on],
            conditions=when or {},
        )
