"""A search for the best hyperparameters; the model of the best training goes on."""

from __future__ import annotations

from typing import Any, Final

from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.shapes import HyperbandStrategyConfig, HyperParameterTuningJobStrategyConfig
from sagemaker.mlops.workflow.steps import TuningStep
from sagemaker.train.tuner import HyperparameterTuner

from pipelines.placeholders import Placeholder
from pipelines.policies import cache, job_retries
from pipelines.training.architectures import SubGraph, Task
from pipelines.training.architectures.trainer import STEP, Wish, channels, trainer
from rightpack.settings.steps import Range, Tuning

FIGURE: Final = "{}=([0-9.eE+-]+);"  # how our trainings say a figure
# The same in every execution: the names of the trainings tell their models apart, also those of a cached search.
PREFIX: Final = "runs/training/tuned"
MOST_REPORTS: Final = "MOST_REPORTS"


def steps(task: Task) -> SubGraph:
    """Search `steps.tuning.ranges`."""
    tuning, bucket = task.steps.tuning, Placeholder.ARTEFACT_BUCKET.stand_in
    metrics = {tuning.objective: FIGURE.format(tuning.objective), **task.steps.metrics}
    # a training that reports more often than Hyperband gives it resources for is stopped before it has saved its model
    most = {MOST_REPORTS: str(tuning.most)} if tuning.strategy == "Hyperband" else {}
    wish = Wish(output=f"s3://{bucket}/{PREFIX}", metrics=metrics, environment=most)
    step = TuningStep(
        name=STEP,
        step_args=_tuner(task, tuning, wish).tune(inputs=channels(task)),
        cache_config=cache(),
        retry_policies=job_retries(),
    )
    return SubGraph(steps=(step,), model_data=step.get_top_model_s3_uri(top_k=0, s3_bucket=bucket, prefix=PREFIX))


def _tuner(task: Task, tuning: Tuning, wish: Wish) -> HyperparameterTuner:
    hyperband = HyperbandStrategyConfig(min_resource=tuning.least, max_resource=tuning.most)
    config = HyperParameterTuningJobStrategyConfig(hyperband_strategy_config=hyperband)
    return HyperparameterTuner(
        model_trainer=trainer(task, wish),
        objective_metric_name=tuning.objective,
        objective_type=tuning.goal,
        hyperparameter_ranges={name: _range(one) for name, one in sorted(tuning.ranges.items())},
        metric_definitions=[{"Name": name, "Regex": regex} for name, regex in sorted(wish.metrics.items())],
        strategy=tuning.strategy,
        strategy_config=config if tuning.strategy == "Hyperband" else None,
        max_jobs=None if tuning.strategy == "Grid" else tuning.jobs,
        max_parallel_jobs=tuning.parallel,
        early_stopping_type="Auto" if tuning.stop_early else "Off",
        random_seed=tuning.seed,
    )


def _range(one: Range) -> Any:
    if one.values:
        return CategoricalParameter(list(one.values))
    if one.whole:
        return IntegerParameter(int(one.low), int(one.high), scaling_type=one.scale)
    return ContinuousParameter(one.low, one.high, scaling_type=one.scale)
