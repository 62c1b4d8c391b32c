"""Decisions on the generator's truth: `python -m benchmarks.decisions [--seeds 5] [--json out/bench-decisions.json]`.

For each seed: 400,000 products; labels and feedback of the first 3,000, 30,000 and 300,000; decisions about 100,000
others, judged by their true damage. The exit code is 0 when every goal is met.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.decisions.contest import Size, contest
from benchmarks.decisions.goals import Goal, Mean, by_size, goals, reference, top
from benchmarks.decisions.speed import decide_seconds
from rightpack.settings import Settings

POLICIES = ("raw_threshold", "monotone_threshold", "suitability_cost", "unguarded", "rightpack", "with_history")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 0 if all goals are met."""
    options = _options(arguments)
    settings, began = Settings.load("dev"), time.perf_counter()
    size = Size(options.products, tuple(options.labelled), options.asked)
    seeds = [
        contest(seed, size, settings, threads=options.threads, say=_say)
        for seed in range(options.first_seed, options.first_seed + options.seeds)
    ]
    promised = goals(seeds, decide_seconds(settings))
    report = _report(seeds, promised) | {"seconds": round(time.perf_counter() - began, 1)}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    _print(seeds, promised)
    return 0 if all(goal.met for goal in promised) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--products", type=int, default=400_000)
    parser.add_argument("--asked", type=int, default=100_000)
    parser.add_argument("--labelled", type=int, nargs=3, default=[3_000, 30_000, 300_000])
    return parser.parse_args(arguments)


def _report(seeds: Sequence[dict[str, Any]], promised: Sequence[Goal]) -> dict[str, Any]:
    """Means at the top level, intervals below `intervals`, everything measured below `runs`."""
    costs, damage = by_size(seeds, "rightpack"), by_size(seeds, "rightpack", "damage")
    single = {name: reference(seeds, name) for name in ("always_box", "oracle", "least")}
    single["ceiling"] = top(seeds, "ceiling", "cost")
    single["always_box_damage"] = reference(seeds, "always_box", "damage")
    budget = {name: top(seeds, "budget", name) for name in ("cost", "damage", "grams", "multiplier")}
    return {
        "cost_per_shipment": {size: Mean.of(values).mean for size, values in costs.items()},
        "damage_rate": {size: Mean.of(values).mean for size, values in damage.items()},
        **{name: Mean.of(values).mean for name, values in single.items()},
        "budget": {name: Mean.of(values).mean for name, values in budget.items()},
        "order_violations": sum(found["order_violations"] for seed in seeds for found in seed["rounds"]),
        "intervals": {
            "cost_per_shipment": {size: asdict(Mean.of(values)) for size, values in costs.items()},
            "damage_rate": {size: asdict(Mean.of(values)) for size, values in damage.items()},
            **{name: asdict(Mean.of(values)) for name, values in single.items()},
            "budget": {name: asdict(Mean.of(values)) for name, values in budget.items()},
        },
        "goals": [{**asdict(goal), "met": goal.met} for goal in promised],
        "met": all(goal.met for goal in promised),
        "runs": list(seeds),
    }


def _print(seeds: Sequence[dict[str, Any]], promised: Sequence[Goal]) -> None:
    """The table, the goals, and one line of verdict."""
    for name in ("always_box", "oracle", "least"):
        _row(name, reference(seeds, name), reference(seeds, name, "damage"), reference(seeds, name, "grams"))
    _row("ceiling", *(top(seeds, "ceiling", figure) for figure in ("cost", "damage", "grams")))
    for policy in POLICIES:
        figures = [by_size(seeds, policy, figure) for figure in ("cost", "damage", "grams")]
        for size in figures[0]:
            _row(f"{policy} at {int(size):,}", *(figure[size] for figure in figures))
    _row("damage capped", *(top(seeds, "budget", figure) for figure in ("cost", "damage", "grams")))
    for goal in promised:
        _say(f"{'met   ' if goal.met else 'MISSED'} {goal.name}: {goal.value:.4g} (at most {goal.most:.4g})")
    missed = [goal.name for goal in promised if not goal.met]
    _say(f"verdict: {'all goals met' if not missed else 'missed: ' + '; '.join(missed)} over {len(seeds)} seeds")


def _row(name: str, cost: Sequence[float], damage: Sequence[float], grams: Sequence[float]) -> None:
    found, rate, mass = Mean.of(cost), Mean.of(damage), Mean.of(grams)
    interval = f"[{found.low:.4f}, {found.high:.4f}]"
    _say(f"{name:28} cost {found.mean:.4f} {interval}  damage {100 * rate.mean:.3f} %  material {mass.mean:.1f} g")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
