"""What labels of other package types are worth: `python -m benchmarks.propagation [--seeds 5] [--json FILE]`.

On a generated shop each type's model learns from its own labels alone, and with those that follow from other types by
the order of protection, at several weights. Models are judged by the true suitability of unseen products that fit the
type; differences to own labels alone are paired by seed and have Student's 95 % intervals.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from benchmarks.decisions.goals import Mean
from benchmarks.decisions.labels import suitable
from benchmarks.decisions.shop import Shop
from processing.decisions.arrays import Flags, Floats
from processing.features.raw import RawColumns
from processing.statistics.metrics import Ranked
from processing.train import train
from rightpack.settings import Settings

WEIGHTS: Final = (0.0, 0.25, 0.5)
METRICS: Final = ("roc_auc", "brier")
ALL: Final = "all types"


@dataclass(frozen=True, slots=True)
class Found:
    """How one model did; `own` and `followed` count the labels that it learned from."""

    seed: int
    labelled: int
    package_type: str
    weight: float
    own: int
    followed: int
    roc_auc: float
    brier: float


def followed(labels: Floats, fits: Flags) -> Floats:
    """What follows from other types for each cell [products, types, by rank]; NaN where nothing does.

    As `rightpack/sql/derive_labels.sql` has it: only where there is no label and the product fits, and where weaker
    types that suit and stronger ones that do not contradict each other, nothing follows.
    """
    suits = _before(labels == 1)
    fails = _before((labels == 0)[:, ::-1])[:, ::-1]
    open_cells = np.isnan(labels) & fits & (suits != fails)
    return np.where(open_cells, suits, np.nan)


def _before(flags: Flags) -> Flags:
    """Whether any earlier column is set."""
    seen = np.logical_or.accumulate(flags, axis=1)
    return np.concatenate([np.zeros((len(flags), 1), np.bool_), seen[:, :-1]], axis=1)


def contest(shop: Shop, seed: int, labelled: int, settings: Settings) -> Iterator[Found]:
    """Train every type at every weight on the first `labelled` products; judge them on the second half of the shop."""
    known, asked = shop.take(slice(0, labelled)), shop.take(slice(len(shop) // 2, len(shop)))
    labels = suitable(known.counts, settings.labels)
    more = followed(labels, known.offer().fits)
    truth, fits = asked.damage <= settings.labels.damage_limit, asked.offer().fits
    for place, package in enumerate(shop.types):
        rows = fits[:, place]
        raw = RawColumns(asked.table.filter(pa.array(rows)), "the unseen products")
        for weight in WEIGHTS if package.trained else ():
            table = _table(known.table, labels[:, place], more[:, place], weight)
            scores = train(table, package.name, settings).score(raw)
            values = Ranked.of(truth[rows, place].astype(np.float64), scores).metrics(np.ones(int(rows.sum())))
            own = int((~np.isnan(labels[:, place])).sum())
            judged = (float(values[name]) for name in METRICS)
            yield Found(seed, labelled, package.name, weight, own, table.num_rows - own, *judged)


def _table(products: pa.Table, own: Floats, more: Floats, weight: float) -> pa.Table:
    """Training rows as the step Prepare writes them; labels that follow are there only if they weigh something."""
    label = np.where(np.isnan(own) & (weight > 0), more, own)
    rows = ~np.isnan(label)
    table = products.filter(pa.array(rows)).append_column("suitable", pa.array(label[rows].astype(np.int8)))
    return table.append_column("weight", pa.array(np.where(np.isnan(own), weight, 1.0)[rows]))


def gains(runs: Sequence[Found], metric: str) -> list[dict[str, Any]]:
    """Differences to own labels alone, by size, type (and all types together) and weight."""
    value = {(r.labelled, r.package_type, r.weight, r.seed): getattr(r, metric) for r in runs}
    seeds, types = _sorted(r.seed for r in runs), list(dict.fromkeys(r.package_type for r in runs))
    rows = []
    for size in _sorted(r.labelled for r in runs):
        for name in [*types, ALL]:
            group = types if name == ALL else [name]
            for weight in WEIGHTS[1:]:
                mean = {
                    w: [float(np.mean([value[size, t, w, s] for t in group])) for s in seeds] for w in (0.0, weight)
                }
                gain = Mean.of([a - b for a, b in zip(mean[weight], mean[0.0], strict=True)])
                alone = float(np.mean(mean[0.0]))
                rows.append(
                    {"labelled": size, "package_type": name, "weight": weight, "alone": alone, "gain": asdict(gain)}
                )
    return rows


def _sorted(values: Iterator[int]) -> list[int]:
    return sorted(set(values))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.propagation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labelled", type=int, nargs="+", default=[3_000, 20_000])
    parser.add_argument("--json", type=Path, default=Path("out/bench-propagation.json"))
    options = parser.parse_args(arguments)
    settings, began = Settings.load("dev", [{"training": {"threads": 1}}]), time.perf_counter()
    runs: list[Found] = []
    for seed in range(1, options.seeds + 1):
        shop = Shop.of(seed, 2 * max(options.labelled), settings.package_types)
        for size in options.labelled:
            runs += contest(shop, seed, size, settings)
    report: dict[str, Any] = {metric: gains(runs, metric) for metric in METRICS}
    report |= {"seconds": round(time.perf_counter() - began, 1), "runs": [asdict(run) for run in runs]}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1) + "\n")
    for metric in METRICS:
        for row in report[metric]:
            gain = "{mean:+.4f} [{low:+.4f}, {high:+.4f}]".format(**row["gain"])
            sys.stderr.write("{labelled:>7,} {package_type:14} {weight:4} alone {alone:.4f} ".format(**row))
            sys.stderr.write(f"{metric} {gain}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
