"""A SageMaker pipeline whose body is the committed definition, filled in by CloudFormation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_sagemaker as sagemaker
from constructs import Construct

from infra.arns import Arns
from rightpack.errors import InternalError
from rightpack.layout import PipelineKind

PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}?")
PSEUDO_PARAMETERS: Final = frozenset({"AWS::Region", "AWS::AccountId"})


class PublishedPipeline(sagemaker.CfnPipeline):
    """One of the two pipelines; running executions keep the definition that they started with.

    Args:
        definition: JSON text with the placeholders of `values` and CloudFormation's pseudo parameters.
        values: what the placeholders stand for.
    """

    def __init__(
        self, scope: Construct, kind: PipelineKind, *, arns: Arns, definition: str, values: Mapping[str, str]
    ) -> None:
        super().__init__(
            scope,
            kind.value.capitalize(),
            pipeline_name=arns.layout.pipeline(kind),
            pipeline_description=f"rightpack {kind.value}, published from pipelines/definitions/{kind.value}.json",
            role_arn=arns.role("pipeline"),
            pipeline_definition={"PipelineDefinitionBody": filled(definition, kind, values)},
        )


def placeholder_values(arns: Arns, image: str) -> dict[str, str]:
    """What a definition may leave open."""
    return {
        "Image": image,
        "JobRoleArn": arns.role("job"),
        "DataBucket": arns.layout.data_bucket,
        "ArtefactBucket": arns.layout.artefact_bucket,
        "Stage": arns.layout.stage,
    }


def filled(definition: str, kind: PipelineKind, values: Mapping[str, str]) -> str:
    """The definition, compact, as an `Fn::Sub` over those `values` that it mentions."""
    compact = json.dumps(json.loads(definition), separators=(",", ":"))
    mentioned = {match[1] for match in PLACEHOLDER.finditer(compact)} - PSEUDO_PARAMETERS
    unknown = sorted(mentioned - set(values))
    if unknown:
        raise InternalError(
            f"pipelines/definitions/{kind.value}.json has the placeholder ${{{unknown[0]}}}, which nobody fills in; "
            f"known are {', '.join(sorted({*values, *PSEUDO_PARAMETERS}))}."
        )
    return cdk.Fn.sub(compact, {name: values[name] for name in sorted(mentioned)})
