"""What all stacks of a stage have in common."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from infra.arns import Arns
from infra.stages import Stage
from rightpack.layout import Stack


class StageStack(cdk.Stack):
    """A stack that needs no bootstrap version, no account and no other stack to be synthesised."""

    def __init__(self, scope: Construct, stage: Stage, stack: Stack, *, description: str) -> None:
        name = stage.stack(stack)
        super().__init__(
            scope,
            name,
            stack_name=name,
            description=f"rightpack {stage.name}: {description}",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
            termination_protection=stage.deployment.protected,
        )
        self.arns = Arns.of_stage(stage.name)

    def parameter(self, name: str, *, default: str | None, description: str, pattern: str) -> str:
        """A parameter of the stack; without a default (None) it must be given when the stack is deployed."""
        declared = cdk.CfnParameter(self, name, default=default, description=description, allowed_pattern=pattern)
        return declared.value_as_string
