"""What an execution of the topics pipeline is started with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagemaker.core.workflow.parameters import ParameterString

from pipelines.parameters import Declared


@dataclass(frozen=True, slots=True)
class Machines:
    """Instance types that the parameters start from: of the processing steps, and of each layer's training."""

    processing: str = "ml.m5.xlarge"
    layers: tuple[str, str, str] = ("ml.m5.2xlarge", "ml.m5.xlarge", "ml.m5.large")


@dataclass(frozen=True, slots=True)
class Parameters(Declared):
    """Pipeline parameters; those without a default must be given at every start."""

    run_id: Any
    business_date: Any
    data_uri: Any
    manifest_uri: Any
    config_uri: Any
    group: Any
    mode: Any
    processing_instance: Any
    layer1_instance: Any
    layer2_instance: Any
    layer3_instance: Any

    @property
    def layer_instances(self) -> tuple[Any, Any, Any]:
        """Instance types of the layers, in order."""
        return (self.layer1_instance, self.layer2_instance, self.layer3_instance)


def declare(machines: Machines) -> Parameters:
    """Declare the parameters."""
    first, second, third = machines.layers
    return Parameters(
        run_id=ParameterString("RunId"),
        business_date=ParameterString("BusinessDate"),
        data_uri=ParameterString("DataUri"),
        manifest_uri=ParameterString("ManifestUri"),
        config_uri=ParameterString("ConfigUri"),
        group=ParameterString("ModelPackageGroupName"),
        mode=ParameterString("MappingMode", default_value="rule", enum_values=["rule", "held"]),
        processing_instance=ParameterString("ProcessingInstanceType", default_value=machines.processing),
        layer1_instance=ParameterString("Layer1InstanceType", default_value=first),
        layer2_instance=ParameterString("Layer2InstanceType", default_value=second),
        layer3_instance=ParameterString("Layer3InstanceType", default_value=third),
    )
