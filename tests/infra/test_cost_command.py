from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rightpack.cli import cost as command
from rightpack.layout import Layout
from rightpack.ledger import Run, RunState

DEFINITIONS = Path(__file__).resolve().parents[2] / "pipelines" / "definitions"
JOBS = json.dumps([{"step": "Train", "kind": "Training", "instance_type": "ml.m5.2xlarge", "instance_seconds": 3600.0}])


class _Stage:
    """One Completed training of each of two months, and the committed definitions."""

    layout = Layout("dev", "123456789012", "us-east-1")

    @property
    def ledger(self) -> _Stage:
        return self

    def recent(self, pipeline: str, _limit: int = 100) -> list[Run]:
        dates = ("2026-10-26", "2026-11-02") if pipeline == "training" else ()
        return [Run(f"t-{d}", pipeline, RunState.COMPLETED, d, d, business_date=d, jobs=JOBS) for d in dates]

    def client(self, _service: str) -> _Stage:
        return self

    def describe_pipeline(self, PipelineName: str) -> dict[str, str]:
        name = PipelineName.rpartition("-")[2]
        return {"PipelineDefinition": (DEFINITIONS / f"{name}.json").read_text()}


@pytest.fixture(autouse=True)
def _connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.Stage, "connect", lambda _name: _Stage())


def _facts(folder: Path, **options: Any) -> dict[str, Any]:
    target = folder / "cost.json"
    command.cost(**{"estimate": "", "month": "", "limit": 50, "stage": "dev", **options}, json=str(target))
    return dict(json.loads(target.read_text()))


def test_the_sum_of_a_month_comes_with_the_day_and_the_source_of_its_prices(tmp_path: Path) -> None:
    facts = _facts(tmp_path, month="2026-11")

    assert [run["run_id"] for run in facts["runs"]] == ["t-2026-11-02"]
    assert facts["instance_seconds"] == 3600.0
    assert facts["cost"] == facts["runs"][0]["cost"] > 0
    assert facts["as_of"]
    assert facts["source"]


def test_an_estimate_needs_no_run_and_names_what_it_assumes(tmp_path: Path) -> None:
    facts = _facts(tmp_path, estimate="training")

    assumed = {job["step"]: job["assumed"] for job in facts["runs"][0]["jobs"]}
    assert assumed["Train"] is False
    assert assumed["Evaluate"] is True
