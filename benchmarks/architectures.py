"""Architectures against each other: `python -m benchmarks.architectures [--seeds 5] [--labelled 3000] [--json FILE]`.

On a generated shop each architecture learns a model per trained type from the labels of the same first products. Models
are judged by the true suitability of unseen products that fit the type, and together by what their choice of packaging
truly costs (by the product's rule `threshold`). Differences to `lightgbm` are paired
by seed and have Student's 95 % intervals.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.decisions.goals import Mean
from benchmarks.decisions.labels import training_table
from benchmarks.decisions.shop import Shop
from processing.decisions import By, Policy, decide
from processing.decisions.arrays import Floats
from processing.features.raw import RawColumns
from processing.statistics.metrics import Ranked
from processing.train import train
from rightpack.settings import Settings

AGAINST: Final = "lightgbm"
CONTENDERS: Final = (AGAINST, "two-stage", "logistic")


@dataclass(frozen=True, slots=True)
class Found:
    """One architecture on one shop: mean ROC-AUC over the types, and cost and damage per product shipped."""

    seed: int
    architecture: str
    roc_auc: float
    cost: float
    damage: float
    seconds: float
    by_type: dict[str, float]


def contest(shop: Shop, seed: int, labelled: int, architecture: str) -> Found:
    """Learn from the first `labelled` products, judge on the second half of the shop."""
    settings = Settings.load("dev", [{"training": {"threads": 1, "architecture": architecture}}])
    known, asked = shop.take(slice(0, labelled)), shop.take(slice(len(shop) // 2, len(shop)))
    began = time.perf_counter()
    chances = np.ones(asked.damage.shape)
    for place, package in enumerate(shop.types):
        if package.trained:
            scorer = train(training_table(known, place, settings.labels), package.name, settings)
            chances[:, place] = scorer.score(RawColumns(asked.table, "the unseen products"))
    seconds = time.perf_counter() - began
    by_type = _ranking(asked, chances, settings)
    cost, damage = _decided(asked, chances, settings)
    return Found(seed, architecture, float(np.mean(list(by_type.values()))), cost, damage, seconds, by_type)


def _ranking(asked: Shop, chances: Floats, settings: Settings) -> dict[str, float]:
    truth, fits = asked.damage <= settings.labels.damage_limit, asked.offer().fits
    return {
        package.name: float(
            Ranked.of(truth[fits[:, place], place].astype(np.float64), chances[fits[:, place], place]).metrics(
                np.ones(int(fits[:, place].sum()))
            )["roc_auc"]
        )
        for place, package in enumerate(asked.types)
        if package.trained
    }


def _decided(asked: Shop, chances: Floats, settings: Settings) -> tuple[float, float]:
    """Mean true cost and damage of the weakest type that fits and is good enough; else the strongest that fits."""
    offer = asked.offer(suitability=chances)
    policy = Policy(by=By.THRESHOLD, threshold=settings.recommendation.threshold)
    rows = np.flatnonzero(offer.fits.any(axis=1))
    places = (rows, decide(offer, policy).chosen[rows])
    damage = asked.damage[places]
    return float(np.mean(offer.pack_cost[places] + offer.damage_cost[rows] * damage)), float(np.mean(damage))


def differences(runs: Sequence[Found]) -> list[dict[str, Any]]:
    """Each architecture's figures less those of `lightgbm`, paired by seed."""
    value = {(run.architecture, run.seed): run for run in runs}
    seeds = sorted({run.seed for run in runs})
    rows = []
    for name in CONTENDERS:
        for figure in ("roc_auc", "cost", "damage"):
            own, base = ([getattr(value[a, s], figure) for s in seeds] for a in (name, AGAINST))
            gain = Mean.of([a - b for a, b in zip(own, base, strict=True)])
            rows.append({"architecture": name, "figure": figure, "mean": float(np.mean(own)), "gain": asdict(gain)})
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.architectures", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labelled", type=int, default=3_000)
    parser.add_argument("--unseen", type=int, default=20_000)
    parser.add_argument("--json", type=Path, default=Path("out/bench-architectures.json"))
    options = parser.parse_args(arguments)
    types = Settings.load("dev").package_types
    runs: list[Found] = []
    for seed in range(1, options.seeds + 1):
        shop = Shop.of(seed, 2 * max(options.labelled, options.unseen), types)
        runs += [contest(shop, seed, options.labelled, name) for name in CONTENDERS]
    report = {"labelled": options.labelled, "differences": differences(runs), "runs": [asdict(run) for run in runs]}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1) + "\n")
    for row in report["differences"]:
        gain = "{mean:+.4f} [{low:+.4f}, {high:+.4f}]".format(**row["gain"])
        sys.stderr.write("{architecture:10} {figure:8} {mean:.4f} ".format(**row) + gain + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
