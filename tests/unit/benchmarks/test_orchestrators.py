"""The toy pipeline and how its times are judged; the peers themselves are installed by the benchmark only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.speed.orchestrators import OURS, definition, over_fastest, ready
from benchmarks.speed.peers import tools, work
from local_cloud.sagemaker.definitions import parse


@pytest.mark.parametrize("cached", [True, False])
def test_the_pipeline_is_six_steps_in_a_row(cached: bool) -> None:
    steps = parse(json.dumps(definition("bucket", cached=cached))).steps
    assert list(steps) == list(work.STEPS)
    assert [step.needs for step in steps.values()] == [set(), *({name} for name in work.STEPS[:-1])]
    assert all(step.body.get("CacheConfig", {}).get("Enabled", False) is cached for step in steps.values())


def test_every_step_depends_on_the_one_before() -> None:
    assert len({work.do("train", number) for number in range(5)}) == 5


def test_ours_is_compared_with_the_fastest_peer() -> None:
    ratio = over_fastest("first", {OURS: [1.0, 1.0], "slow": [9.0, 9.0], "fast": [2.0, 4.0]}, {})
    assert (ratio.runs, ratio.figures["fastest"], ratio.met) == ((0.5, 0.25), "fast", True)


def test_a_peer_that_is_not_run_misses_the_goal_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = tools.Tool("absent", ("absent==1",), ("absent",))
    monkeypatch.setattr("benchmarks.speed.orchestrators.TOOLS", (absent,))
    monkeypatch.setattr(tools, "VENVS", tmp_path / "venvs")
    monkeypatch.setattr(tools, "said", _refuse)
    peers, missing = ready(tmp_path)
    ratio = over_fastest("first", {OURS: [1.0], "present": [2.0]}, missing)
    assert (peers, ratio.met, ratio.why) == ({}, False, "not run: absent")
    assert ratio.figures["not_run"] == {"absent": "absent: no network"}


def _refuse(name: str, *_: object) -> None:
    raise tools.NotRunError(f"{name}: no network")
