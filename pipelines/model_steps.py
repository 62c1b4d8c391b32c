"""Steps that make or register a model from the job image and an artefact."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.serve.model_builder import ModelBuilder

from pipelines.authoring import CSV, PARQUET, TRANSFORM_INSTANCE
from pipelines.placeholders import Placeholder
from pipelines.policies import service_retries

CONTENT_TYPES: Final = [PARQUET, CSV]


@dataclass(frozen=True, slots=True)
class Registration:
    """One version of a model package: verdict, group, artefact, quality, what drives its scores, words for people."""

    status: str
    group: Any
    model_data: Any
    statistics: Any
    explanation: Any
    properties: Mapping[str, Any]


def create_model(name: str, session: Any, model_data: Any) -> ModelStep:
    """Make a model of the job image and the `model.tar.gz` at `model_data`."""
    return ModelStep(name=name, step_args=_builder(session, model_data).build(), retry_policies=service_retries())


def register_model(name: str, session: Any, registration: Registration) -> ModelStep:
    """Add a version to a model package group."""
    request = _builder(session, registration.model_data).register(
        model_package_group_name=registration.group,
        approval_status=registration.status,
        content_types=CONTENT_TYPES,
        response_types=CONTENT_TYPES,
        transform_instances=[TRANSFORM_INSTANCE],
        inference_instances=[TRANSFORM_INSTANCE],
        model_metrics=ModelMetrics(
            model_statistics=_json(registration.statistics), explainability=_json(registration.explanation)
        ),
        customer_metadata_properties=dict(registration.properties),
    )
    return ModelStep(name=name, step_args=request, retry_policies=service_retries())


def _json(uri: Any) -> MetricsSource:
    return MetricsSource(content_type="application/json", s3_uri=uri)


def _builder(session: Any, model_data: Any) -> ModelBuilder:
    return ModelBuilder(
        image_uri=Placeholder.IMAGE.stand_in,
        s3_model_data_url=model_data,
        role_arn=Placeholder.JOB_ROLE_ARN.stand_in,
        instance_type=TRANSFORM_INSTANCE,
        model_path=tempfile.gettempdir(),  # exists already; the default is a new folder that nobody removes
        dependencies={},  # the default is truthy, and register() would then ask S3 for a default bucket
        sagemaker_session=session,
    )
