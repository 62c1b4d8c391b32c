"""A layer whose hyperparameters are found by Bayesian search on the loss that its training cross-validates.

What is searched counts more than the hyperparameters of the settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.steps import TuningStep
from sagemaker.train.tuner import HyperparameterTuner

from pipelines.authoring import Workbench
from pipelines.placeholders import Placeholder
from pipelines.policies import HOUR, Machine, cache, job_retries
from pipelines.topics.layers import METRICS, LayerPlan, trainer

OBJECTIVE: Final = "topic_loss"
STOPPING: Final = 2 * HOUR


@dataclass(frozen=True, slots=True)
class Search:
    """How many trainings a search may take, and how many at a time; few at a time learn more from each other."""

    jobs: int = 20
    parallel: int = 2


def ranges() -> dict[str, Any]:
    """What is searched; everything else stays as the plan or the defaults say."""
    return {
        "topics": IntegerParameter(8, 60),
        "dimensions": IntegerParameter(8, 64),
        "reduced": IntegerParameter(3, 24),
        "threshold": ContinuousParameter(0.1, 0.7),
    }


def tune(bench: Workbench, plan: LayerPlan, search: Search) -> TuningStep:
    """Search one layer's hyperparameters; its best model goes on."""
    machine = Machine(plan.instance_type, max_seconds=STOPPING)
    tuner = HyperparameterTuner(
        model_trainer=trainer(bench, plan, machine, output=_output(plan.number)),
        objective_metric_name=OBJECTIVE,
        objective_type="Minimize",
        hyperparameter_ranges=ranges(),
        metric_definitions=[{"Name": name, "Regex": f"{name}=([0-9.eE+-]+);"} for name in METRICS],
        strategy="Bayesian",
        max_jobs=search.jobs,
        max_parallel_jobs=search.parallel,
        random_seed=1,
    )
    return TuningStep(
        name=f"Layer{plan.number}",
        step_args=tuner.tune(inputs=plan.channels),
        cache_config=cache(),
        retry_policies=job_retries(),
    )


def best_model(step: TuningStep, number: int) -> Join:
    """URI of the best training's `model.tar.gz`; `number` is that of the layer."""
    name = step.properties.TrainingJobSummaries[0].TrainingJobName
    return Join(on="/", values=[_output(number), name, "output/model.tar.gz"])


def _output(layer: int) -> str:
    """Where the trainings of a search put their models; the same in every execution, as only job names tell them."""
    return f"s3://{Placeholder.ARTEFACT_BUCKET.stand_in}/runs/topics/tuned/layer-{layer}"
