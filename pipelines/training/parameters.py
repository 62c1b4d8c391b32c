"""What an execution of the training pipeline is started with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagemaker.core.workflow.parameters import ParameterString

from pipelines.parameters import Declared


@dataclass(frozen=True, slots=True)
class Parameters(Declared):
    """Pipeline parameters; those without a default must be given at every start."""

    run_id: Any
    business_date: Any
    package_type: Any
    data_uri: Any
    manifest_uri: Any
    config_uri: Any
    group: Any
    processing_instance: Any
    training_instance: Any


def declare() -> Parameters:
    """Declare the parameters."""
    return Parameters(
        run_id=ParameterString("RunId"),
        business_date=ParameterString("BusinessDate"),
        package_type=ParameterString("PackageType"),
        data_uri=ParameterString("DataUri"),
        manifest_uri=ParameterString("ManifestUri"),
        config_uri=ParameterString("ConfigUri"),
        group=ParameterString("ModelPackageGroupName"),
        processing_instance=ParameterString("ProcessingInstanceType", default_value="ml.m5.xlarge"),
        training_instance=ParameterString("TrainingInstanceType", default_value="ml.m5.2xlarge"),
    )
