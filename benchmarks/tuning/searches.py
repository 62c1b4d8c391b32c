"""One tuning job of each strategy over the same parameters, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from benchmarks.tuning.ground import Ground
from rightpack.errors import InternalError

OBJECTIVE: Final = "tuning_log_loss"
ROUNDS: Final = "boosted_rounds"
TRIALS: Final = 18  # of each strategy; as many as the grid has cells
PARALLEL: Final = 2
RESOURCES: Final = 27  # reports of the objective that a training makes at most: Hyperband's MaxResource
REPORT_ROUNDS: Final = 40
STATIC: Final = {
    "rounds": str(RESOURCES * REPORT_ROUNDS),
    "report_rounds": str(REPORT_ROUNDS),
    "early_stopping_rounds": str(RESOURCES * REPORT_ROUNDS),  # only a search stops a training before its last round
}
RANGES: Final[dict[str, Any]] = {
    "IntegerParameterRanges": [
        {"Name": "num_leaves", "MinValue": "4", "MaxValue": "48", "ScalingType": "Logarithmic"},
        {"Name": "min_data_in_leaf", "MinValue": "10", "MaxValue": "100", "ScalingType": "Linear"},
    ],
    "ContinuousParameterRanges": [
        {"Name": "learning_rate", "MinValue": "0.01", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
        {"Name": "feature_fraction", "MinValue": "0.2", "MaxValue": "1.0", "ScalingType": "Linear"},
        {"Name": "lambda_l2", "MinValue": "0.1", "MaxValue": "100", "ScalingType": "Logarithmic"},
    ],
}
GRID: Final[dict[str, Any]] = {
    "CategoricalParameterRanges": [
        {"Name": "num_leaves", "Values": ["5", "12", "31"]},
        {"Name": "learning_rate", "Values": ["0.02", "0.06"]},
        {"Name": "feature_fraction", "Values": ["0.3", "0.6", "0.9"]},
    ]
}
POLL_SECONDS: Final = 0.5
LATEST_SECONDS: Final = 900.0


class Strategy(StrEnum):
    """As the service calls them."""

    GRID = "Grid"
    RANDOM = "Random"
    BAYESIAN = "Bayesian"
    HYPERBAND = "Hyperband"


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found and spent, over all its trainings.

    `seconds` are the service's own TrainingTimeInSeconds, which are whole ones; `exact` those between start and end.
    `boosted` counts boosting rounds up to each training's last report; all see equally many rows.
    """

    seed: int
    strategy: str
    score: float
    objective: float
    trials: int
    stopped: int
    seconds: int
    exact: float
    boosted: float
    parameters: Mapping[str, str]


def search(ground: Ground, strategy: Strategy, seed: int) -> Found:
    """Run a tuning job to its end and judge the model of its best training."""
    sagemaker = ground.stage.client("sagemaker")
    name = f"{strategy.value.lower()}-{seed}"
    sagemaker.create_hyper_parameter_tuning_job(**_request(ground, strategy, seed, name))
    job = _ended(sagemaker, name)
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    summaries = [s for p in pages.paginate(HyperParameterTuningJobName=name) for s in p["TrainingJobSummaries"]]
    trials = [sagemaker.describe_training_job(TrainingJobName=s["TrainingJobName"]) for s in summaries]
    best = job["BestTrainingJob"]
    return Found(
        seed=seed,
        strategy=strategy.value,
        score=ground.judge(best["TrainingJobName"]),
        objective=best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
        trials=len(trials),
        stopped=sum(trial["TrainingJobStatus"] == "Stopped" for trial in trials),
        seconds=sum(trial["TrainingTimeInSeconds"] for trial in trials),
        exact=sum((trial["TrainingEndTime"] - trial["TrainingStartTime"]).total_seconds() for trial in trials),
        boosted=sum(_rounds(trial) for trial in trials),
        parameters=best["TunedHyperParameters"],
    )


def _request(ground: Ground, strategy: Strategy, seed: int, name: str) -> dict[str, Any]:
    """The pipeline's own training, with what is tuned; models go beside those of the run."""
    kept = ("RoleArn", "InputDataConfig", "ResourceConfig", "StoppingCondition", "Environment")
    training = {key: ground.default[key] for key in kept}
    image = ground.default["AlgorithmSpecification"]
    metrics = [{"Name": metric, "Regex": rf"{metric}=([0-9.eE+-]+);"} for metric in (OBJECTIVE, ROUNDS)]
    output = {"S3OutputPath": f"s3://{ground.stage.layout.artefact_bucket}/runs/training/tuned/{name}"}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": _config(strategy, seed),
        "TrainingJobDefinition": {
            **training,
            "OutputDataConfig": output,
            "StaticHyperParameters": STATIC,
            "AlgorithmSpecification": {
                "TrainingImage": image["TrainingImage"],
                "TrainingInputMode": image["TrainingInputMode"],
                "MetricDefinitions": metrics,
            },
        },
    }


def _config(strategy: Strategy, seed: int) -> dict[str, Any]:
    limits = {"MaxParallelTrainingJobs": PARALLEL}
    if strategy is not Strategy.GRID:
        limits["MaxNumberOfTrainingJobs"] = TRIALS
    bounds = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": RESOURCES}}
    return {
        "Strategy": strategy.value,
        **({"StrategyConfig": bounds} if strategy is Strategy.HYPERBAND else {}),
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": OBJECTIVE},
        "ParameterRanges": GRID if strategy is Strategy.GRID else RANGES,
        "ResourceLimits": limits,
        "RandomSeed": seed,
    }


def _ended(sagemaker: Any, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + LATEST_SECONDS
    while time.monotonic() < deadline:
        job: dict[str, Any] = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        status = job["HyperParameterTuningJobStatus"]
        if status == "Completed":
            return job
        if status in {"Failed", "Stopped"}:
            raise InternalError(f"The tuning job {name} is {status}: {job.get('FailureReason', '')}")
        time.sleep(POLL_SECONDS)
    raise InternalError(f"The tuning job {name} has not ended after {LATEST_SECONDS:.0f} s.")


def _rounds(trial: Mapping[str, Any]) -> float:
    """Rounds at the last report; one that was stopped before its first has spent next to none."""
    values = {metric["MetricName"]: metric["Value"] for metric in trial.get("FinalMetricDataList", [])}
    return float(values.get(ROUNDS, 0.0))
