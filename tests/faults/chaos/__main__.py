"""`python -m tests.faults.chaos --seeds 500`: run seeds, judge each, write out/chaos.json; 0 without violations."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID

from tests.faults.chaos.cycle import Watch, play
from tests.faults.chaos.invariants import Before, violations
from tests.faults.chaos.plan import Plan, plan
from tests.faults.chaos.world import TYPES, World, say, world

ROOT = Path(__file__).resolve().parents[3]
MOST_IN_ONE_WORLD = 40  # S3 and the ledger of a world are in memory
CALM = Plan(-1, TYPES, False, False, (), ())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    options = _parser().parse_args(arguments)
    if options.part:
        _part(range(options.first, options.first + options.seeds), Path(options.part))
        return 0
    started = time.monotonic()
    seeds = [options.seed] if options.seed is not None else list(range(options.first, options.first + options.seeds))
    found = summary(list(_in_parts(seeds, options.workers)), seeds)
    found["seconds"] = round(time.monotonic() - started, 1)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=1))
    say(verdict(found))
    return 1 if found["violations"] or found["not run"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="clouds side by side")
    parser.add_argument("--json", type=Path, default=ROOT / "out" / "chaos.json", help="file for the result")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    return parser


def _in_parts(seeds: list[int], workers: int) -> Iterator[dict[str, Any]]:
    """Run ranges of seeds in processes of their own: there is one embedded cloud in a process."""
    size = max(1, min(MOST_IN_ONE_WORLD, -(-len(seeds) // workers)))
    parts = [seeds[at : at + size] for at in range(0, len(seeds), size)]
    with ThreadPoolExecutor(workers) as pool, tempfile.TemporaryDirectory() as folder, Progress() as progress:
        bar = progress.add_task("chaos", total=len(seeds))
        for results in pool.map(lambda part: _in_process(part, Path(folder), progress, bar), parts):
            yield from results


def _in_process(seeds: list[int], folder: Path, progress: Progress, bar: TaskID) -> list[dict[str, Any]]:
    target = folder / f"{seeds[0]}.jsonl"
    command = [sys.executable, "-m", "tests.faults.chaos", "--first", str(seeds[0]), "--seeds", str(len(seeds))]
    seen = 0
    with subprocess.Popen([*command, "--part", str(target)], cwd=ROOT) as running:
        while running.poll() is None:
            time.sleep(0.5)
            done = len(_lines(target))
            progress.advance(bar, done - seen)
            seen = done
    lines = _lines(target)
    progress.advance(bar, len(lines) - seen)
    if running.returncode:
        say(f"The worker of the seeds {seeds[0]} to {seeds[-1]} ended with {running.returncode}.")
    return [json.loads(line) for line in lines]


def _lines(target: Path) -> list[str]:
    """Whole lines of a file that a worker may still be writing."""
    return target.read_text().split("\n")[:-1] if target.exists() else []


def _part(seeds: range, target: Path) -> None:
    with world() as running, target.open("w", buffering=1) as lines:
        calm = Watch(running, running.first_day.isoformat())
        play(calm, CALM)
        problems = violations(calm, Before(frozenset(), frozenset(), frozenset()), ())
        if problems:
            raise RuntimeError(f"The cycle does not even hold without faults: {problems}")
        for number, seed in enumerate(seeds, start=1):
            lines.write(json.dumps(_one(running, seed, running.first_day + dt.timedelta(number))) + "\n")


def _one(running: World, seed: int, date: dt.date) -> dict[str, Any]:
    """Run one seed and judge it."""
    drawn, before, started = plan(seed, TYPES), Before.look(running), time.monotonic()
    earlier = len(running.cloud.faults.struck())
    watch = Watch(running, date.isoformat())
    try:
        play(watch, drawn)
        states = {run_id: str(run.state) if run else "" for run_id, run in watch.runs().items()}
        problems = violations(watch, before, running.cloud.faults.struck()[earlier:])
    except Exception:  # noqa: BLE001 - a seed that breaks the harness is a violation; the others still run
        states, problems = {}, [traceback.format_exc()]
    struck = running.cloud.faults.struck()[earlier:]
    seconds = round(time.monotonic() - started, 2)
    for problem in problems:
        say(f"seed {seed}: {problem}")
    asked = [*drawn.training_faults, *drawn.inference_faults]
    return {
        "seed": seed,
        "seconds": seconds,
        "asked": [fault.kind for fault in asked],
        "struck": [{k: v for k, v in asdict(item).items() if k != "about"} for item in struck],
        "runs": states,
        "redriven": watch.redriven,
        "violations": problems,
    }


def summary(results: list[dict[str, Any]], seeds: Sequence[int]) -> dict[str, Any]:
    """What all seeds amount to."""
    injected = Counter(item["kind"] for result in results for item in result["struck"])
    held = [result for result in results if not result["violations"]]
    survived = Counter(item["kind"] for result in held for item in result["struck"])
    return {
        "seeds": len(results),
        "not run": sorted(set(seeds) - {result["seed"] for result in results}),
        "faults": {kind: {"injected": n, "survived": survived[kind]} for kind, n in sorted(injected.items())},
        "asked": dict(sorted(Counter(kind for result in results for kind in result["asked"]).items())),
        "runs": dict(sorted(Counter(state for result in results for state in result["runs"].values()).items())),
        "put back from the dead letters": sum(result["redriven"] for result in results),
        "violations": [
            {
                "seed": r["seed"],
                "replay": f"make chaos SEED={r['seed']}",
                "what": r["violations"],
                "struck": r["struck"],
            }
            for r in results
            if r["violations"]
        ],
        "seconds of all seeds": round(sum(result["seconds"] for result in results), 1),
        "slowest": max((result["seconds"] for result in results), default=0.0),
    }


def verdict(found: dict[str, Any]) -> str:
    """One line."""
    injected = sum(kind["injected"] for kind in found["faults"].values())
    survived = sum(kind["survived"] for kind in found["faults"].values())
    bad = [str(entry["seed"]) for entry in found["violations"]]
    outcome = f"violations in the seeds {', '.join(bad)}" if bad else "no violation"
    missing = f", {len(found['not run'])} seeds not run" if found["not run"] else ""
    return (
        f"chaos: {found['seeds']} seeds, {sum(found['runs'].values())} runs, {injected} faults struck, {survived} "
        f"survived, {outcome}{missing} in {found['seconds']:.0f} s"
    )


if __name__ == "__main__":
    raise SystemExit(main())
