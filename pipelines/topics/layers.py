"""The steps of one layer: a training job, and the callback that has its mapping revised.

A layer starts the image's command `train`, which sees by LAYER what to train.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sagemaker.core.shapes import MetricDefinition, OutputDataConfig, StoppingCondition
from sagemaker.mlops.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

from pipelines.authoring import KEY, PARQUET, Workbench, stage_environment
from pipelines.placeholders import Placeholder
from pipelines.policies import HOUR, Machine, cache, job_retries

METRICS: Final = ("topic_loss", "topic_coherence", "topic_outliers", "topic_over_general", "topic_count")
QUEUE: Final = (
    f"https://sqs.{Placeholder.REGION.stand_in}.amazonaws.com/{Placeholder.ACCOUNT.stand_in}"
    f"/rightpack-{Placeholder.STAGE.stand_in}-mappings"
)
MAPPING: Final = "mapping"  # the callback's output parameter


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer: its texts, settings and machine, what it continues from layer 2 on, and its hyperparameters.

    Hyperparameters that are given here count more than those of the settings.
    """

    number: int
    texts: Any
    config: Any
    instance_type: Any
    mapping: Any = None
    previous: Any = None
    hyperparameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def channels(self) -> list[InputData]:
        """The training channels."""
        found = [
            InputData(channel_name="train", content_type=PARQUET, data_source=self.texts),
            InputData(channel_name="config", content_type="application/json", data_source=self.config),
        ]
        if self.number > 1:
            found.append(InputData(channel_name="mapping", content_type="application/json", data_source=self.mapping))
            found.append(
                InputData(channel_name="previous", content_type="application/x-tar", data_source=self.previous)
            )
        return found


def train(bench: Workbench, plan: LayerPlan) -> TrainingStep:
    """Train one layer; equal texts, settings, mapping and hyperparameters come from the cache."""
    machine = Machine(plan.instance_type, max_seconds=2 * HOUR)
    return TrainingStep(
        name=f"Layer{plan.number}",
        step_args=trainer(bench, plan, machine).train(input_data_config=plan.channels),
        cache_config=cache(),
        retry_policies=job_retries(),
    )


def model_of(step: TrainingStep) -> Any:
    """Reference to a layer's `model.tar.gz`."""
    return step.properties.ModelArtifacts.S3ModelArtifacts


def revise(model: Any, number: int, mode: Any) -> CallbackStep:
    """Have the mapping in a layer's `model` revised, by the rule or by a person; the answer is where it lies."""
    return CallbackStep(
        name=f"Revise{number}",
        sqs_queue_url=QUEUE,
        inputs={"mapping": model, "layer": str(number), "mode": mode},
        outputs=[CallbackOutput(output_name=MAPPING, output_type=CallbackOutputTypeEnum.String)],
    )


def mapping_of(step: CallbackStep) -> Any:
    """Reference to the URI that a callback was answered with."""
    return step.properties.Outputs[MAPPING]


def trainer(bench: Workbench, plan: LayerPlan, machine: Machine, output: Any = None) -> ModelTrainer:
    """What trains one layer; its models go to `output`, or to this execution's."""
    return ModelTrainer(
        training_image=Placeholder.IMAGE.stand_in,
        role=Placeholder.JOB_ROLE_ARN.stand_in,
        base_job_name="rightpack-topics",
        compute=Compute(instance_type=machine.instance_type, instance_count=1, volume_size_in_gb=machine.volume_gb),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=machine.max_seconds),
        output_data_config=OutputDataConfig(s3_output_path=output or bench.models_uri(), kms_key_id=KEY),
        hyperparameters=dict(plan.hyperparameters),
        environment={**stage_environment(), "LAYER": str(plan.number)},
        sagemaker_session=bench.session,
    ).with_metric_definitions([MetricDefinition(name=name, regex=f"{name}=([0-9.eE+-]+);") for name in METRICS])
