"""Speed against peers: `python -m benchmarks.speed [--only NAME ...] [--runs 5] [--json out/bench.json]`.

Every figure is a ratio of two things that were measured in turns on this machine. The exit code is 0 if all goals are
met; a goal that is missed stays in the table with its figure and the reason. Reports are kept in `out/bench/`, and
`out/bench.html` shows them over time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Final

from benchmarks.speed import (
    cached,
    catalogue,
    demo,
    lambdas,
    latency,
    orchestrators,
    scoring,
    training,
    transform,
    types,
    warehouse,
)
from benchmarks.speed.products import Models, table
from benchmarks.speed.ratios import Ratio
from benchmarks.speed.running import keep, run, say

TRAINING_ROWS: Final = 200_000
ROUNDS: Final = 300


class Bench:
    """What several measurements share: a folder, the number of runs, and six trained models."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder, self.runs = folder, runs

    @cached_property
    def models(self) -> Models:
        """Six models of 300 trees with 63 leaves over 40 columns."""
        say("    learning six models ...")
        return Models.learn(table(1, TRAINING_ROWS), ROUNDS)


MEASUREMENTS: Final[dict[str, Callable[[Bench], list[Ratio]]]] = {
    "scoring": lambda bench: scoring.measure(bench.models, bench.runs),
    "catalogue": lambda bench: catalogue.measure(bench.models, bench.folder, bench.runs),
    "transform": lambda bench: transform.measure(bench.models, bench.folder, bench.runs),
    "warehouse": lambda bench: warehouse.measure(bench.folder, bench.runs),
    "training": lambda bench: training.measure(bench.folder, bench.runs),
    "types": lambda bench: types.measure(bench.folder, bench.runs),
    "lambdas": lambda bench: lambdas.measure(max(bench.runs, 7)),
    "orchestrators": lambda bench: orchestrators.measure(bench.folder / "peers", min(bench.runs, 3)),
    "cached": lambda bench: cached.measure(bench.folder / "peers", min(bench.runs, 3)),
    "demo": lambda bench: demo.measure(min(bench.runs, 2)),
    "latency": lambda bench: latency.measure(2 * bench.runs + 1),
    "memory": lambda bench: catalogue.memory(bench.models.artefact(bench.folder, catalogue.settings()), 1),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep, say; 0 if every goal is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("out/bench.json"))
    options = parser.parse_args(arguments)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is imported is compiled once, not in every process anew
    with tempfile.TemporaryDirectory(prefix="rightpack-bench-") as scratch:
        bench = Bench(Path(scratch), options.runs)
        outcome = run({name: partial(MEASUREMENTS[name], bench) for name in options.only})
    page = keep(outcome, options.json)
    verdict = "missed: " + "; ".join(outcome.missed) if outcome.missed else "all goals met"
    say(f"verdict: {verdict}; {sum(outcome.seconds.values()):.0f} s in all; {page}")
    return 1 if outcome.missed else 0


if __name__ == "__main__":
    sys.exit(main())
