"""`rightpack cost`: what runs have cost, and what one more will."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from typing import Annotated, Any

import typer

from rightpack.cli import output
from rightpack.cli.config import Json, StageName
from rightpack.cli.stage import Stage
from rightpack.costs import Prices, RunCost, expected, spent
from rightpack.layout import PipelineKind
from rightpack.planned import planned_jobs


def cost(
    estimate: Annotated[str, typer.Option(help="What one more run of this pipeline will cost.")] = "",
    month: Annotated[str, typer.Option(help="Only runs of this month of business, e.g. 2026-11.")] = "",
    limit: Annotated[int, typer.Option(help="At most this many runs of each pipeline.")] = 50,
    stage: StageName = "dev",
    json: Json = "",
) -> None:
    """List instance-seconds (facts) and dollars (estimated by a dated price file) of runs."""
    connected, prices = Stage.connect(stage), Prices.load()
    if estimate:
        found = [_expected(connected, PipelineKind(estimate), prices)]
    else:
        found = [run for run in _spent(connected, prices, limit) if run.business_date.startswith(month)]
    facts = {
        "as_of": prices.as_of.isoformat(),
        "source": prices.source,
        "currency": prices.currency,
        "runs": [_facts(run) for run in found],
        "instance_seconds": round(sum(run.instance_seconds for run in found), 3),
        "cost": round(sum(run.cost for run in found), 4),
    }
    output.present(facts, [json] if json else None, _show_jobs if estimate else _show_runs)


def _spent(stage: Stage, prices: Prices, limit: int) -> list[RunCost]:
    runs = itertools.chain.from_iterable(stage.ledger.recent(kind.value, limit) for kind in PipelineKind)
    return [spent(run, prices, stage.layout.region) for run in sorted(runs, key=lambda run: run.created_at)]


def _expected(stage: Stage, kind: PipelineKind, prices: Prices) -> RunCost:
    """By the definition that is published now and the machine times of earlier runs."""
    name = stage.layout.pipeline(kind)
    definition = stage.client("sagemaker").describe_pipeline(PipelineName=name)["PipelineDefinition"]
    past = stage.ledger.recent(kind.value)
    return expected(kind.value, planned_jobs(definition), past, prices=prices, region=stage.layout.region)


def _facts(run: RunCost) -> dict[str, Any]:
    return {**asdict(run), "instance_seconds": run.instance_seconds, "cost": run.cost}


def _show_runs(facts: dict[str, Any]) -> None:
    columns = ("run", "date", "instance-seconds", facts["currency"])
    rows = ((r["run_id"], r["business_date"], r["instance_seconds"], _money(r["cost"])) for r in facts["runs"])
    output.table("Cost of runs", columns, rows)
    _show_total(facts)


def _show_jobs(facts: dict[str, Any]) -> None:
    columns = ("step", "machine", "instance-seconds", facts["currency"], "by")
    rows = (
        (
            job["step"],
            job["instance_type"],
            job["instance_seconds"],
            _money(job["cost"]),
            "assumption" if job["assumed"] else "median of past runs",
        )
        for job in facts["runs"][0]["jobs"]
    )
    output.table(f"Estimate of one {facts['runs'][0]['pipeline']} run", columns, rows)
    _show_total(facts)


def _show_total(facts: dict[str, Any]) -> None:
    total = f"{facts['instance_seconds']:,.0f} instance-seconds, {_money(facts['cost'])} {facts['currency']}"
    output.console.print(f"{total} by prices of {facts['as_of']}: {facts['source']}.")


def _money(amount: float) -> str:
    return f"{amount:,.4f}"
