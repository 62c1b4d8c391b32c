"""What all ways of training share: the trainer, its channels, and a training step with an entry point and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sagemaker.core.shapes import CheckpointConfig, MetricDefinition, OutputDataConfig, S3DataSource, StoppingCondition
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

from pipelines.authoring import KEY, PARQUET, stage_environment
from pipelines.placeholders import Placeholder
from pipelines.policies import HOUR, Machine, cache, job_retries
from pipelines.training.architectures import SubGraph, Task
from pipelines.training.own_steps import CODE, SCRIPT
from rightpack.errors import SettingsError
from rightpack.settings.steps import Container, Rule

STEP: Final = "Train"


@dataclass(frozen=True, slots=True)
class Wish:
    """How a training differs from the usual: where models go, at least how many machines, spot, metrics, variables."""

    output: Any = None
    least_instances: int = 1
    wait_seconds: int = 0
    checkpoints: Any = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def trainer(task: Task, wish: Wish) -> ModelTrainer:
    """What trains the model of one package type."""
    machine = task.bench.machine(STEP, Machine(task.parameters.training_instance, max_seconds=2 * HOUR))
    limits = {"max_runtime_in_seconds": machine.max_seconds}
    if wish.wait_seconds:  # from the first request of a machine to the end, so at least the run itself
        limits["max_wait_time_in_seconds"] = machine.max_seconds + wish.wait_seconds
    made = ModelTrainer(
        training_image=task.steps.container.image or Placeholder.IMAGE.stand_in,
        role=Placeholder.JOB_ROLE_ARN.stand_in,
        base_job_name="rightpack-train",
        compute=_compute(machine, wish),
        stopping_condition=StoppingCondition(**limits),
        output_data_config=OutputDataConfig(s3_output_path=wish.output or task.bench.models_uri(), kms_key_id=KEY),
        environment={**stage_environment(), "PACKAGE_TYPE": task.parameters.package_type, **wish.environment},
        sagemaker_session=task.bench.session,
    )
    if wish.checkpoints is not None:
        made = made.with_checkpoint_config(CheckpointConfig(s3_uri=wish.checkpoints))
    metrics = {**wish.metrics, **task.steps.metrics}
    return made.with_metric_definitions(definitions(metrics)) if metrics else made


def _compute(machine: Machine, wish: Wish) -> Compute:
    spot = {"enable_managed_spot_training": True} if wish.wait_seconds else {}
    return Compute(
        instance_type=machine.instance_type,
        instance_count=max(machine.instances, wish.least_instances),
        volume_size_in_gb=machine.volume_gb,
        **spot,
    )


def definitions(metrics: Mapping[str, str]) -> list[MetricDefinition]:
    """Metrics by name and the regular expression that finds them in the log."""
    return [MetricDefinition(name=name, regex=regex) for name, regex in sorted(metrics.items())]


def channels(task: Task, *, sharded: bool = False) -> list[InputData]:
    """The training rows, where `sharded` each machine its own files of them, the settings, and one's own script."""
    rows: Any = task.train
    script = task.steps.container.script
    if script and not script.startswith(SCRIPT):
        raise SettingsError(f"steps.container: nobody has put {script} where jobs can read it.")
    if sharded:
        rows = S3DataSource(s3_data_type="S3Prefix", s3_uri=task.train, s3_data_distribution_type="ShardedByS3Key")
    return [
        InputData(channel_name="train", content_type=PARQUET, data_source=rows),
        InputData(channel_name="config", content_type="application/json", data_source=task.parameters.config_uri),
        *([InputData(channel_name=CODE, data_source=script)] if script else []),
    ]


class OwnTraining(TrainingStep):  # type: ignore[misc]  # the SDK is untyped
    """A training step with what the SDK takes only together with code to upload: an entry point, and rules."""

    patch: Mapping[str, Any]
    entrypoint: list[str]

    @property
    def arguments(self) -> Any:
        """The request, completed."""
        request = super().arguments
        if self.entrypoint:
            request["AlgorithmSpecification"]["ContainerEntrypoint"] = self.entrypoint
        return {**request, **self.patch}


def training(task: Task, wish: Wish, *, sharded: bool = False) -> SubGraph:
    """One training job; equal rows and settings come from the cache."""
    step = OwnTraining(
        name=STEP,
        step_args=trainer(task, wish).train(input_data_config=channels(task, sharded=sharded)),
        cache_config=cache(),
        retry_policies=job_retries(),
    )
    step.entrypoint = _command(task.steps.container)
    step.patch = _judges(task.steps.rules)
    return SubGraph(steps=(step,), model_data=step.properties.ModelArtifacts.S3ModelArtifacts)


def _command(container: Container) -> list[str]:
    """What starts instead of the image's command `train`; nothing where that does."""
    if container.script:
        return ["python", f"/opt/ml/input/data/{CODE}/{container.script.rsplit('/', 1)[-1]}"]
    return list(container.entrypoint)


def _judges(rules: Mapping[str, Rule]) -> dict[str, Any]:
    members = {"DebugRuleConfigurations": False, "ProfilerRuleConfigurations": True}
    made = {member: [_rule(n, r) for n, r in sorted(rules.items()) if r.profiler is p] for member, p in members.items()}
    return {member: found for member, found in made.items() if found}


def _rule(name: str, rule: Rule) -> dict[str, Any]:
    parameters = {"RuleParameters": dict(rule.parameters)} if rule.parameters else {}
    return {"RuleConfigurationName": name, "RuleEvaluatorImage": rule.image, **parameters}
