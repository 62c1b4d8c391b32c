from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from rightpack.costs import Prices, expected, spent
from rightpack.errors import SettingsError
from rightpack.ledger import Run, RunState
from rightpack.planned import planned_jobs

REGION = "us-east-1"
PRICES = Prices(
    dt.date(2026, 1, 1),
    "made up",
    {REGION: {"Training": {"ml.a": 3.6}, "Processing": {"ml.b": 7.2}}},
    assumed_seconds=10,
)
DEFINITIONS = Path(__file__).resolve().parents[3] / "pipelines" / "definitions"


def _run(*jobs: dict[str, Any]) -> Run:
    return Run(
        "training-1", "training", RunState.COMPLETED, "t", "t", business_date="2026-11-02", jobs=json.dumps(jobs)
    )


def _job(step: str, kind: str, machine: str, seconds: float) -> dict[str, Any]:
    return {"step": step, "kind": kind, "instance_type": machine, "instance_seconds": seconds, "state": "Succeeded"}


def test_a_run_costs_its_machine_time_at_the_price_of_kind_and_type() -> None:
    cost = spent(
        _run(_job("Train", "Training", "ml.a", 1000), _job("Prepare", "Processing", "ml.b", 500)), PRICES, REGION
    )

    assert (cost.instance_seconds, cost.cost) == (1500.0, 2.0)
    assert [job.cost for job in cost.jobs] == [1.0, 1.0]


def test_steps_without_machines_and_steps_from_the_cache_cost_nothing() -> None:
    cached = {"step": "Prepare", "kind": "Processing", "state": "Succeeded", "cached": True}
    verdict = {"step": "Verdict", "kind": "Condition", "state": "Succeeded"}

    assert spent(_run(cached, verdict), PRICES, REGION).cost == 0
    assert spent(Run("r", "training", RunState.NEW, "t", "t"), PRICES, REGION).jobs == ()


@pytest.mark.parametrize(
    ("kind", "machine", "region"),
    [("Training", "ml.z", REGION), ("Transform", "ml.a", REGION), ("Training", "ml.a", "eu-west-1")],
)
def test_a_price_that_is_missing_is_an_error_and_never_nothing(kind: str, machine: str, region: str) -> None:
    with pytest.raises(SettingsError, match=rf"no price of {machine} for {kind} jobs in {region}; put it in"):
        spent(_run(_job("Step", kind, machine, 1)), PRICES, region)


def test_an_estimate_takes_the_median_of_the_past_and_says_what_it_assumes() -> None:
    definition = {
        "Steps": [
            {"Name": "Train", "Type": "Training", "Arguments": {"ResourceConfig": _cluster("ml.a")}},
            {
                "Name": "New",
                "Type": "Processing",
                "Arguments": {"ProcessingResources": {"ClusterConfig": _cluster("ml.b")}},
            },
        ]
    }
    past = [_run(_job("Train", "Training", "ml.a", seconds)) for seconds in (100, 1000, 9000)]

    found = expected("training", planned_jobs(json.dumps(definition)), past, prices=PRICES, region=REGION)

    assert [(job.step, job.instance_seconds, job.assumed) for job in found.jobs] == [
        ("Train", 1000, False),
        ("New", 20, True),
    ]
    assert found.cost == 1.04


def _cluster(machine: str) -> dict[str, Any]:
    return {"InstanceType": machine, "InstanceCount": 1 if machine == "ml.a" else 2}


@pytest.mark.parametrize("kind", ["training", "inference"])
def test_the_price_file_knows_every_machine_of_the_committed_pipelines(kind: str) -> None:
    prices = Prices.load()
    jobs = planned_jobs((DEFINITIONS / f"{kind}.json").read_text())

    assert jobs
    assert expected(kind, jobs, [], prices=prices, region=REGION).cost > 0


def test_the_price_file_says_of_which_day_and_from_where_its_prices_are() -> None:
    prices = Prices.load()

    assert prices.as_of.year >= 2026
    assert prices.source
