"""Training as one would first write it: pandas, and LightGBM with its defaults; nothing of the product is imported.

A process of its own: `python -m benchmarks.speed.plain ROWS HELD` says as JSON what it took, and how good it became.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

import lightgbm
import pandas as pd

from benchmarks.speed.judging import by_rounds
from benchmarks.speed.usage import peak

LABEL: Final = "suitable"
NOT_SEEN: Final = ["product_id", "weight", LABEL]
ROUNDS: Final = 100  # LightGBM's own default


def read(path: str) -> tuple[Any, Any]:
    """Features, whose categories are of pandas' type, and labels."""
    frame = pd.read_parquet(path)
    labels = frame[LABEL]
    return frame.drop(columns=NOT_SEEN), labels


def train(path: str) -> tuple[Any, list[float], float]:
    """The booster, the seconds after which each round was done, and the most memory in bytes."""
    began, done = time.perf_counter(), list[float]()
    features, labels = read(path)
    data = lightgbm.Dataset(features, labels)
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1},
        data,
        ROUNDS,
        callbacks=[lambda _: done.append(time.perf_counter() - began)],
    )
    return booster, done, peak()


def main() -> int:
    """Train, then judge by rows held out, which takes no part in the figures."""
    path, held = sys.argv[1:]
    booster, done, most = train(path)
    features, labels = read(held)
    best, goal = max(by_rounds(lambda **how: booster.predict(features, **how), labels, ROUNDS), key=lambda one: one[1])
    sys.stdout.write(json.dumps({"seconds": done[best - 1], "peak": most, "rounds": best, "pr_auc": goal}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
