"""What changes often: the two pipelines, and the model package groups that they register to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
import aws_cdk.aws_sagemaker as sagemaker
from constructs import Construct

from infra.arns import Arns
from infra.constructs.published_pipeline import PublishedPipeline, placeholder_values
from infra.stages import Stage
from rightpack.layout import PipelineKind
from rightpack.packaging import EVERY_TYPE


class PipelinesStack(cdk.Stack):
    """The pipelines of a stage; deploying it touches nothing else."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        *,
        definitions: Mapping[PipelineKind, str],
        package_types: Sequence[str],
    ) -> None:
        super().__init__(
            scope,
            stage.pipelines_stack,
            stack_name=stage.pipelines_stack,
            description=f"rightpack {stage.name}: pipelines and model package groups",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self._arns = Arns.of_stage(stage.name)
        values = placeholder_values(self._arns, self._image(stage))
        for kind, definition in sorted(definitions.items()):
            PublishedPipeline(self, kind, arns=self._arns, definition=definition, values=values)
        for package_type in package_types:
            self._model_group(package_type)

    def _image(self, stage: Stage) -> str:
        parameter = cdk.CfnParameter(
            self,
            "Image",
            default=stage.image,
            description="Image of every job and model: an ECR URI, best with a digest.",
            allowed_pattern=r"\S{1,255}",
        )
        return parameter.value_as_string

    def _model_group(self, package_type: str) -> None:
        group = sagemaker.CfnModelPackageGroup(
            self,
            f"Models-{package_type}",
            model_package_group_name=self._arns.layout.model_group(package_type),
            model_package_group_description=_purpose(package_type),
        )
        # A group with versions cannot be deleted, and they are what inference runs on.
        group.apply_removal_policy(cdk.RemovalPolicy.RETAIN)


def _purpose(target: str) -> str:
    if target == EVERY_TYPE:
        return "Models of how often products are damaged in each package type."
    return f"Models that tell whether {target} suits a product."
