"""What an execution of the inference pipeline is started with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagemaker.core.workflow.parameters import ParameterInteger, ParameterString

from pipelines.parameters import Declared


@dataclass(frozen=True, slots=True)
class Parameters(Declared):
    """Pipeline parameters; those without a default must be given at every start.

    The drop holds the products of its `mode`; only Monitor reads it, since a whole catalogue is a baseline for later
    ones and a few days' products are not.
    """

    run_id: Any
    business_date: Any
    mode: Any
    data_uri: Any
    manifest_uri: Any
    config_uri: Any
    processing_instance: Any
    score_instances: Any


def declare() -> Parameters:
    """Declare the parameters."""
    return Parameters(
        run_id=ParameterString("RunId"),
        business_date=ParameterString("BusinessDate"),
        mode=ParameterString("Mode"),
        data_uri=ParameterString("DataUri"),
        manifest_uri=ParameterString("ManifestUri"),
        config_uri=ParameterString("ConfigUri"),
        processing_instance=ParameterString("ProcessingInstanceType", default_value="ml.m5.xlarge"),
        score_instances=ParameterInteger("ScoreInstanceCount", default_value=1),
    )
