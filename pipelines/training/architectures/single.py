"""One training job that learns the whole model, whatever algorithm the settings name."""

from __future__ import annotations

from typing import Any

from sagemaker.core.shapes import OutputDataConfig, StoppingCondition
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

from pipelines.authoring import PARQUET, Workbench, output_of, stage_environment
from pipelines.placeholders import Placeholder
from pipelines.policies import HOUR, Machine, cache, job_retries
from pipelines.training.architectures import SubGraph
from pipelines.training.parameters import Parameters


def steps(bench: Workbench, parameters: Parameters, prepare: Any) -> SubGraph:
    """Train on the output `train` of the step `prepare`; hyperparameters come from the channel `config`."""
    machine = Machine(parameters.training_instance, max_seconds=2 * HOUR)
    channels = [
        InputData(channel_name="train", content_type=PARQUET, data_source=output_of(prepare, "train")),
        InputData(channel_name="config", content_type="application/json", data_source=parameters.config_uri),
    ]
    train = TrainingStep(
        name="Train",
        step_args=_trainer(bench, parameters, machine).train(input_data_config=channels),
        cache_config=cache(),
        retry_policies=job_retries(),
    )
    return SubGraph(steps=(train,), model_data=train.properties.ModelArtifacts.S3ModelArtifacts)


def _trainer(bench: Workbench, parameters: Parameters, machine: Machine) -> ModelTrainer:
    return ModelTrainer(
        training_image=Placeholder.IMAGE.stand_in,
        role=Placeholder.JOB_ROLE_ARN.stand_in,
        base_job_name="rightpack-train",
        compute=Compute(instance_type=machine.instance_type, instance_count=1, volume_size_in_gb=machine.volume_gb),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=machine.max_seconds),
        output_data_config=OutputDataConfig(s3_output_path=bench.models_uri()),
        environment={**stage_environment(), "PACKAGE_TYPE": parameters.package_type},
        sagemaker_session=bench.session,
    )
