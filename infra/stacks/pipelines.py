"""What changes often: the two pipelines."""

from __future__ import annotations

from collections.abc import Mapping

from constructs import Construct

from infra.constructs.published_pipeline import PublishedPipeline, placeholder_values
from infra.stacks.stage_stack import StageStack
from infra.stages import Stage
from rightpack.layout import PipelineKind, Stack


class PipelinesStack(StageStack):
    """The pipelines of a stage; deploying it touches nothing else."""

    def __init__(self, scope: Construct, stage: Stage, *, definitions: Mapping[PipelineKind, str]) -> None:
        super().__init__(scope, stage, Stack.PIPELINES, description="pipelines")
        image = self.parameter(
            "Image",
            default=stage.deployment.image or None,
            description="Image of every job and model: an ECR URI, best with a digest.",
            pattern=r"\S{1,255}",
        )
        values = placeholder_values(self.arns, image)
        for kind, definition in sorted(definitions.items()):
            PublishedPipeline(self, kind, arns=self.arns, definition=definition, values=values)
