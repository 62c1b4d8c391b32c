"""One model's scores: the engine against `Booster.predict`, per core, with the time that binning takes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.speed.products import Models, table
from benchmarks.speed.ratios import CPU, Ratio, alternating, quotients
from processing.features.raw import RawColumns
from processing.scoring.forest import Forest, Width
from processing.scoring.trees import Trees

ROWS = 60_000


def measure(models: Models, runs: int) -> list[Ratio]:
    """Ratios of the widest vectors that there are and of the narrowest; both must say what LightGBM says."""
    booster = models.boosters[0]
    rows = models.encoder.encode(RawColumns(table(11, ROWS), "unseen products")).matrix
    trees = Trees.parse(booster.model_to_string())
    forests = [Forest(trees), Forest(trees, Width.NARROW)]
    works = [partial(booster.predict, rows, num_threads=1), *(partial(forest.chances, rows) for forest in forests)]
    slow, *fast = alternating(works, runs, CPU)
    want = booster.predict(rows, num_threads=1)
    differences = [float(np.abs(forest.chances(rows) - want).max()) for forest in forests]
    return [
        _ratio(name, goal, quotients(slow, taken), difference, taken)
        for name, goal, taken, difference in zip(
            ("scoring one model", "scoring one model, narrow vectors"), (15, 8), fast, differences, strict=True
        )
    ]


def _ratio(name: str, goal: float, runs: tuple[float, ...], difference: float, taken: list[float]) -> Ratio:
    figures: dict[str, Any] = {"max_difference": difference, "rows_per_second": round(ROWS / min(taken))}
    if difference:
        return Ratio(name, (), goal, at_least=True, figures=figures, why="the scores differ from LightGBM's")
    return Ratio(name, runs, goal, at_least=True, figures=figures)
