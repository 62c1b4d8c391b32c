"""Twenty seeds of chaos, as `make chaos SEEDS=20` runs them, and what the harness itself promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_cloud.faults.fault import Kind
from tests.faults.chaos.__main__ import ROOT, summary, verdict
from tests.faults.chaos.plan import plan

TYPES = ("carton", "padded-mailer")
SEEDS = 20
LONGEST_SECONDS = 3600.0  # a bound for a machine that stands still, no measure


@pytest.mark.skipif(sys.platform != "linux", reason="the warm image of jobs watches its forks as only Linux can")
def test_twenty_seeds_of_the_whole_cycle_end_without_a_violation(tmp_path: Path) -> None:
    target = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "tests.faults.chaos", "--seeds", str(SEEDS), "--json", str(target)]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    assert target.exists(), ended.stderr[-4000:]
    found = json.loads(target.read_text())
    assert found["violations"] == [], ended.stderr[-4000:]
    assert (found["seeds"], found["not run"], ended.returncode) == (SEEDS, [], 0), ended.stderr[-4000:]
    assert sum(kind["injected"] for kind in found["faults"].values()) >= SEEDS


def test_a_seed_always_stands_for_the_same_plan() -> None:
    assert [plan(seed, TYPES) for seed in range(50)] == [plan(seed, TYPES) for seed in range(50)]
    assert plan(1, TYPES) != plan(2, TYPES)


def test_five_hundred_seeds_ask_for_every_kind_of_fault() -> None:
    plans = [plan(seed, TYPES) for seed in range(500)]
    asked = {fault.kind for drawn in plans for fault in (*drawn.training_faults, *drawn.inference_faults)}
    # A refusal with words of one's own (the others come with AWS's), and what only strikes trainings with checkpoints.
    assert set(Kind) - asked == {Kind.ERROR, Kind.INTERRUPT_JOB}


def test_five_hundred_seeds_strike_the_telling_of_an_outcome_in_every_way() -> None:
    plans = [plan(seed, TYPES) for seed in range(500)]
    faults = [fault for drawn in plans for fault in (*drawn.training_faults, *drawn.inference_faults)]
    published = {fault.kind for fault in faults if fault.operation == "Publish"}
    written = {fault.kind for fault in faults if '"sent"' in fault.name}
    assert {Kind.LOST_ANSWER, Kind.KILL_BEFORE, Kind.KILL_AFTER} <= published & written


def result(seed: int, kind: str, *problems: str) -> dict[str, Any]:
    struck = [{"time": "t", "id": "fault-1", "kind": kind, "where": "w"}]
    return {
        "seed": seed,
        "seconds": 1.0,
        "asked": [kind],
        "struck": struck,
        "runs": {f"run-{seed}": "Completed"},
        "redriven": 0,
        "violations": list(problems),
    }


def test_a_violation_is_named_with_its_seed_and_how_to_see_it_again() -> None:
    found = summary([result(1, "slow"), result(2, "slow", "a row is loaded twice")], [1, 2])
    assert found["faults"] == {"slow": {"injected": 2, "survived": 1}}
    (violation,) = found["violations"]
    assert (violation["seed"], violation["replay"]) == (2, "make chaos SEED=2")
    assert violation["what"] == ["a row is loaded twice"]


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([result(1, "slow")], "1 faults struck, 1 survived, no violation in 2 s"),
        ([result(1, "slow", "x")], "0 survived, violations in the seeds 1 in 2 s"),
        ([], "no violation, 1 seeds not run in 2 s"),
    ],
)
def test_the_verdict_says_what_was_not_run_as_well(results: list[dict[str, Any]], words: str) -> None:
    assert words in verdict({**summary(results, [1]), "seconds": 2.0})
