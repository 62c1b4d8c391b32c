"""A LightGBM model's predictions: by the scoring engine where that pays, else by LightGBM; alike to the last bit."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np

from processing.scoring.forest import Forest, Matrix, forest_of
from processing.scoring.trees import Doubles

FEWEST_ROWS: Final = 2_000  # below that, LightGBM has its answer before the engine's tables are built


class Ensemble:
    """Predictions of `booster`, whose model text is `text`."""

    def __init__(self, booster: Any, text: str) -> None:
        self._booster, self._text = booster, text

    def raw(self, matrix: Matrix, *, threads: int = 1) -> Doubles:
        """Raw scores of rows [rows, columns]; the engine takes one thread."""
        forest = self._forest_for(matrix)
        return forest.raw(matrix) if forest else self._predict(matrix, threads, raw_score=True)

    def chances(self, matrix: Matrix, *, threads: int = 1) -> Doubles:
        """What the model's objective makes of the raw scores."""
        forest = self._forest_for(matrix)
        return forest.chances(matrix) if forest and forest.odds else self._predict(matrix, threads, raw_score=False)

    def _forest_for(self, matrix: Matrix) -> Forest | None:
        return self._forest if len(matrix) >= FEWEST_ROWS else None

    @functools.cached_property
    def _forest(self) -> Forest | None:
        return forest_of(self._text)

    def _predict(self, matrix: Matrix, threads: int, *, raw_score: bool) -> Doubles:
        if not len(matrix):
            return np.zeros(0)
        return np.asarray(self._booster.predict(matrix, raw_score=raw_score, num_threads=threads), dtype=np.float64)
