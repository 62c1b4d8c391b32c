"""Speed against peers: `python -m benchmarks.speed [--only NAME ...] [--runs 5] [--json out/bench.json]`.

Every figure is a ratio of two things that were measured in turns on this machine. The exit code is 0 if all goals are
met; a goal that is missed stays in the table with its figure and the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmarks.speed import catalogue, lambdas, scoring, transform, warehouse
from benchmarks.speed.products import Models, table
from benchmarks.speed.ratios import Ratio

TRAINING_ROWS: Final = 200_000
ROUNDS: Final = 300


class Bench:
    """What several measurements share: a folder, the number of runs, and six trained models."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder, self.runs = folder, runs

    @cached_property
    def models(self) -> Models:
        """Six models of 300 trees with 63 leaves over 40 columns."""
        return Models.learn(table(1, TRAINING_ROWS), ROUNDS)


MEASUREMENTS: Final[dict[str, Callable[[Bench], list[Ratio]]]] = {
    "scoring": lambda bench: scoring.measure(bench.models, bench.runs),
    "catalogue": lambda bench: catalogue.measure(bench.models, bench.folder, bench.runs),
    "transform": lambda bench: transform.measure(bench.models, bench.folder, bench.runs),
    "warehouse": lambda bench: warehouse.measure(bench.folder, bench.runs),
    "lambdas": lambda bench: lambdas.measure(max(bench.runs, 7)),
    "memory": lambda bench: catalogue.memory(bench.models.artefact(bench.folder, catalogue.settings()), 1),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, print; 0 if every goal is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("out/bench.json"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="rightpack-bench-") as scratch:
        bench = Bench(Path(scratch), options.runs)
        found = [ratio for name in options.only for ratio in _said(MEASUREMENTS[name](bench))]
    _write(options.json, found)
    missed = [ratio.name for ratio in found if not ratio.met]
    _say(f"verdict: {'all goals met' if not missed else 'missed: ' + '; '.join(missed)}")
    return 1 if missed else 0


def _said(ratios: list[Ratio]) -> list[Ratio]:
    for ratio in ratios:
        bound = "at least" if ratio.at_least else "at most"
        spread = f"[{min(ratio.runs):.3g}, {max(ratio.runs):.3g}]"
        met = "met   " if ratio.met else "MISSED"
        _say(f"{met} {ratio.name}: {ratio.value:.3g} {spread} ({bound} {ratio.goal:g}) {ratio.why}".rstrip())
    return ratios


def _write(target: Path, found: Sequence[Ratio]) -> None:
    machine: dict[str, Any] = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    report = {"machine": machine, "ratios": {ratio.name: ratio.to_dict() for ratio in found}}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
