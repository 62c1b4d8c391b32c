"""The candidate: a model that is named after what it is made of, and whom it challenges; one function, no job."""

from __future__ import annotations

from typing import Any, Final

from sagemaker.core.lambda_helper import Lambda
from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep

from pipelines.placeholders import Placeholder

FUNCTION: Final = (
    f"arn:aws:lambda:{Placeholder.REGION.stand_in}:{Placeholder.ACCOUNT.stand_in}"
    f":function:rightpack-{Placeholder.STAGE.stand_in}-create-candidate"
)
MODEL: Final = "model_name"
STANDING: Final = "standing"


def create_candidate(model_data: Any, group: Any) -> LambdaStep:
    """Make the model of an artefact.

    A step that makes a model names it anew in every execution, so that no transform with it would come from the cache.
    """
    return LambdaStep(
        name="CreateCandidate",
        lambda_func=Lambda(function_arn=FUNCTION),
        inputs={
            "group": group,
            "image": Placeholder.IMAGE.stand_in,
            "model_data": model_data,
            "role": Placeholder.JOB_ROLE_ARN.stand_in,
        },
        outputs=[LambdaOutput(name, LambdaOutputTypeEnum.String) for name in (MODEL, STANDING)],
    )


def model_of(step: LambdaStep) -> Any:
    """Reference to the name of the model."""
    return step.properties.Outputs[MODEL]


def standing(step: LambdaStep) -> Any:
    """Reference to what a verdict rests on besides data, settings and model: who was approved, and what people did."""
    return step.properties.Outputs[STANDING]
