from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from benchmarks.tuning import searches
from benchmarks.tuning.searches import GRID, RANGES, STATIC, TRIALS, Found, Strategy
from benchmarks.tuning.verdict import outcome
from local_cloud.sagemaker.tuning.plan import read_plan
from processing.architectures.lightgbm import DEFAULTS
from processing.hyperparameters import typed
from rightpack.layout import Layout

SEEDS = (1, 2, 3)
TRAINING: dict[str, Any] = {
    "RoleArn": "arn:aws:iam::123456789012:role/rightpack-dev-job",
    "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train/"}}}
    ],
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    "Environment": {"PACKAGE_TYPE": "carton"},
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
}
GROUND: Any = SimpleNamespace(
    stage=SimpleNamespace(layout=Layout("dev", "123456789012", "us-east-1")), default=TRAINING, package_type="carton"
)


@pytest.mark.parametrize("strategy", Strategy)
def test_each_search_is_a_request_that_the_service_and_the_local_cloud_take(strategy: Strategy) -> None:
    request = searches._request(GROUND, strategy, 1, "search-1")
    shape = botocore.session.get_session().get_service_model("sagemaker")
    wanted = shape.operation_model("CreateHyperParameterTuningJob").input_shape
    assert not ParamValidator().validate(request, wanted).has_errors()
    plan = read_plan(request)
    assert plan.most_jobs == TRIALS, "every strategy has equally many trainings"
    assert plan.resources == ((1, searches.RESOURCES) if strategy is Strategy.HYPERBAND else None)


def test_everything_searched_is_a_parameter_of_the_trees_with_the_default_inside_its_range() -> None:
    given = {**STATIC}
    for group in ("IntegerParameterRanges", "ContinuousParameterRanges"):
        for one in RANGES[group]:
            assert float(one["MinValue"]) <= DEFAULTS[one["Name"]] <= float(one["MaxValue"])
            given |= {one["Name"]: one["MinValue"]}
    for one in GRID["CategoricalParameterRanges"]:
        given |= {one["Name"]: one["Values"][0]}
    typed(given, DEFAULTS, "lightgbm")


def runs(*, hyperband: float = 0.92, share: float = 0.3) -> list[Found]:
    scores = {Strategy.GRID: 0.91, Strategy.RANDOM: 0.92, Strategy.BAYESIAN: 0.92, Strategy.HYPERBAND: hyperband}
    found = []
    for seed in SEEDS:
        for strategy, score in scores.items():
            spent = share if strategy is Strategy.HYPERBAND else 1.0
            own = score + 0.001 * seed
            found.append(Found(seed, strategy.value, own, 0.3, 18, 0, round(100 * spent), 90 * spent, 5000 * spent, {}))
    return found


DEFAULT = {seed: 0.90 + 0.0011 * seed for seed in SEEDS}


def test_it_holds_where_all_gain_and_hyperband_is_cheap_and_as_good() -> None:
    result = outcome(DEFAULT, runs())
    assert result.holds
    assert result.gains["Grid"].mean == pytest.approx(0.0098)
    assert result.line().startswith("HOLDS: ROC-AUC over the defaults: Grid +0.0098 [")
    assert result.to_dict()["shares"] == {"training seconds": 0.3, "boosting rounds": 0.3}


@pytest.mark.parametrize(
    "found",
    [
        runs(share=0.6),
        runs(hyperband=0.901),  # hardly gains, and is worse than random
        runs(hyperband=0.915),  # gains, and is worse than random for certain
    ],
)
def test_it_fails_where_hyperband_is_dear_or_worse(found: list[Found]) -> None:
    assert not outcome(DEFAULT, found).holds


def test_it_fails_where_one_strategy_gains_nothing() -> None:
    assert not outcome(dict.fromkeys(SEEDS, 0.915), runs()).holds
