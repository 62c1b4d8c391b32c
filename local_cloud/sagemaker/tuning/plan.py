"""What a tuning job is asked to do, read and checked: the plan its tuner follows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local_cloud.sagemaker.admission import check_training
from local_cloud.sagemaker.errors import invalid
from local_cloud.sagemaker.tuning.ranges import Range, read_ranges
from local_cloud.wire import AwsError, Json, NotSimulatedError

OBJECTIVE_PARAMETER = "_tuning_objective_metric"  #: the hyperparameter that tells a training job what is tuned
_CONFIG = "HyperParameterTuningJobConfig"
_EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")  # MaxResource may be read from these
_NOT_SIMULATED = ("HyperParameterTuningResourceConfig", "TuningObjective", "HyperParameterRanges")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides which training jobs run. `resources` are Hyperband's MinResource and MaxResource."""

    strategy: str
    ranges: tuple[Range, ...]
    metric: Json  #: definition of the objective metric: Name and Regex
    maximize: bool
    most_jobs: int
    parallel: int
    runtime: float | None
    seed: int
    early_stopping: bool
    resources: tuple[int, int] | None
    target: float | None
    patience: int | None

    def better(self, one: float, other: float) -> bool:
        """Whether the objective `one` beats `other`."""
        return one > other if self.maximize else one < other


def read_plan(request: Json) -> Plan:
    """Read a CreateHyperParameterTuningJob request.

    Raises `ValidationException` for a wrong one, `NotSimulatedError` naming the field for what cannot run here.
    """
    _check_simulated(request)
    config, definition = request[_CONFIG], request["TrainingJobDefinition"]
    ranges = tuple(read_ranges(config.get("ParameterRanges", {})))
    _check_static(definition, ranges)
    check_training(training_request(request, {}, "any"))
    objective = _objective(config)
    limits = config["ResourceLimits"]
    criteria = config.get("TuningJobCompletionCriteria", {})
    return Plan(
        strategy=config["Strategy"],
        ranges=ranges,
        metric=_metric(definition, objective["MetricName"]),
        maximize=objective["Type"] == "Maximize",
        most_jobs=_most_jobs(config, ranges),
        parallel=limits["MaxParallelTrainingJobs"],
        runtime=limits.get("MaxRuntimeInSeconds"),
        seed=config.get("RandomSeed", 0),
        early_stopping=config.get("TrainingJobEarlyStoppingType", "Off") == "Auto",
        resources=_resources(config, definition),
        target=criteria.get("TargetObjectiveMetricValue"),
        patience=criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving"),
    )


def training_request(request: Json, tuned: dict[str, str], name: str) -> Json:
    """CreateTrainingJob request of the trial called `name` with some tuned hyperparameters.

    Trials keep their checkpoints apart, below their names.
    """
    definition = request["TrainingJobDefinition"]
    objective = request[_CONFIG].get("HyperParameterTuningJobObjective", {}).get("MetricName", "")
    fixed = {**definition.get("StaticHyperParameters", {}), OBJECTIVE_PARAMETER: objective}
    kept = {key: value for key, value in definition.items() if key not in ("DefinitionName", "StaticHyperParameters")}
    if "CheckpointConfig" in kept:
        checkpoints = kept["CheckpointConfig"]
        kept["CheckpointConfig"] = {**checkpoints, "S3Uri": f"{checkpoints['S3Uri'].rstrip('/')}/{name}"}
    return {**kept, "TrainingJobName": name, "HyperParameters": {**fixed, **tuned}}


def _check_simulated(request: Json) -> None:
    config, definition = request[_CONFIG], request.get("TrainingJobDefinition")
    refused = [name for name in ("WarmStartConfig", "Autotune", "TrainingJobDefinitions") if request.get(name)]
    refused += [f"TrainingJobDefinition.{name}" for name in _NOT_SIMULATED if name in (definition or {})]
    refused += (
        [f"{_CONFIG}.ParameterRanges.AutoParameters"] if _inside(config, "ParameterRanges", "AutoParameters") else []
    )
    convergence = _inside(config, "TuningJobCompletionCriteria", "ConvergenceDetected")
    refused += [f"{_CONFIG}.TuningJobCompletionCriteria.ConvergenceDetected"] if convergence else []
    if refused:
        raise NotSimulatedError(f"{', '.join(refused)} of a hyperparameter tuning job")
    if definition is None:
        raise invalid("A tuning job needs a TrainingJobDefinition.")
    if "ResourceConfig" not in definition:
        raise invalid("TrainingJobDefinition.ResourceConfig is missing.")


def _inside(config: Json, group: str, name: str) -> Any:
    return config.get(group, {}).get(name)


def _check_static(definition: Json, ranges: tuple[Range, ...]) -> None:
    both = sorted(set(definition.get("StaticHyperParameters", {})) & {item.name for item in ranges})
    if both:
        raise invalid(f"Hyperparameters both in StaticHyperParameters and in ParameterRanges: {', '.join(both)}.")


def _objective(config: Json) -> Json:
    found: Json | None = config.get("HyperParameterTuningJobObjective")
    if found is None:
        raise invalid(f"{_CONFIG}.HyperParameterTuningJobObjective is missing.")
    return found


def _metric(definition: Json, name: str) -> Json:
    for metric in definition["AlgorithmSpecification"].get("MetricDefinitions", []):
        if metric["Name"] == name:
            return dict(metric)
    raise invalid(
        f"The objective metric [{name}] has no entry in TrainingJobDefinition.AlgorithmSpecification.MetricDefinitions."
    )


def _most_jobs(config: Json, ranges: tuple[Range, ...]) -> int:
    most: int | None = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if config["Strategy"] != "Grid":
        if most is None:
            raise invalid(f"{_CONFIG}.ResourceLimits.MaxNumberOfTrainingJobs is missing.")
        return most
    for item in ranges:
        if item.values is None:
            raise invalid(f"The strategy Grid takes categorical ranges only, and {item.name} is none.")
    cells = math.prod(len(item.values or ()) for item in ranges)
    if most not in (None, cells):
        raise invalid(f"MaxNumberOfTrainingJobs is {most}, but the grid has {cells} combinations; leave it out.")
    return cells


def _resources(config: Json, definition: Json) -> tuple[int, int] | None:
    """Hyperband's bounds of one training job, counted in reports of the objective metric."""
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig")
    for problem in _hyperband_problems(config, given):
        raise problem
    if config["Strategy"] != "Hyperband":
        return None
    static = definition.get("StaticHyperParameters", {})
    inferred = next((static[name] for name in _EPOCHS if name in static), None)
    most = (given or {}).get("MaxResource") or _whole(inferred)
    least = (given or {}).get("MinResource", 1)
    if most is None:
        raise invalid(
            "StrategyConfig.HyperbandStrategyConfig.MaxResource is missing, and StaticHyperParameters has none of "
            f"{', '.join(_EPOCHS)} to take it from."
        )
    if least > most:
        raise invalid(f"HyperbandStrategyConfig: MinResource {least} is greater than MaxResource {most}.")
    return least, most


def _hyperband_problems(config: Json, given: Json | None) -> Iterator[AwsError]:
    if config["Strategy"] != "Hyperband":
        if given is not None:
            yield invalid("StrategyConfig.HyperbandStrategyConfig is for the strategy Hyperband only.")
        return
    if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
        yield invalid("Hyperband stops training jobs itself: TrainingJobEarlyStoppingType must be Off.")


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() and int(text) > 0 else None
