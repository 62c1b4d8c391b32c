"""Tuning against the defaults: `python -m benchmarks.tuning [--seeds 5] [--json out/bench-tuning.json]`.

For each seed the training pipeline runs once on an embedded cloud, on a generated shop and with the default parameters.
On what it prepared, one tuning job of each strategy searches the same parameters with equally many trainings, each of
them the product image's own command `train`; the objective is the log loss on rows that training sets aside. The model
of each best training is judged by the true damage of products that neither training nor search has seen. The exit code
is 0 when every strategy beats the defaults, paired by seed, and Hyperband is as good as random for half its training.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.tuning.ground import ground
from benchmarks.tuning.searches import Found, Strategy, search
from benchmarks.tuning.verdict import outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, say the verdict."""
    options = _options(arguments)
    began, runs, defaults = time.monotonic(), list[Found](), dict[int, float]()
    for seed in range(1, options.seeds + 1):
        with ground(seed, options.products, options.package_type) as found:
            defaults[seed] = found.judge(found.default["TrainingJobName"])
            _say(f"seed {seed} defaults   {defaults[seed]:.4f}")
            for strategy in Strategy:
                run = search(found, strategy, seed)
                runs.append(run)
                _say(
                    f"seed {seed} {strategy:10} {run.score:.4f} {run.seconds:4} s {run.exact:6.1f} s exact, "
                    f"{run.boosted:7.0f} rounds, {run.stopped} of {run.trials} stopped"
                )
    result = outcome(defaults, runs)
    report = {
        **result.to_dict(),
        "package_type": options.package_type,
        "products": options.products,
        "defaults": defaults,
        "runs": [asdict(run) for run in runs],
        "seconds": round(time.monotonic() - began, 1),
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(result.line() + "\n")
    return 0 if result.holds else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--package-type", default="padded-mailer")
    parser.add_argument("--json", type=Path, default=Path("out/bench-tuning.json"))
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
