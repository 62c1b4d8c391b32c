"""The logistic model's own columns: standardised numbers, flags of missing ones, one column per category.

Heavy tails are standardised after a logarithm; a missing number becomes the mean, and says so in a flag of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from processing.features.encoder import Encoded
from processing.features.expressions import FloatArray

LARGEST_SCORE: Final = 8.0  # standard deviations: one absurd weight must not decide alone


@dataclass(frozen=True, slots=True)
class Scale:
    """How a number becomes a score: `log1p` of it if `log`, less `mean`, by `deviation`; `flag` marks missing ones."""

    column: int
    log: bool
    mean: float
    deviation: float
    flag: bool


@dataclass(frozen=True, slots=True)
class Design:
    """From an encoded matrix to the regression's columns: an intercept, scores, flags, one column per category."""

    scales: tuple[Scale, ...]
    categories: tuple[tuple[int, int], ...]

    @classmethod
    def learn(cls, encoded: Encoded) -> Self:
        """Means, deviations and which columns need what, from the training rows."""
        numbers = [c for c in range(len(encoded.columns)) if c not in encoded.categories]
        scales = tuple(_scale(c, encoded.matrix[:, c].astype(np.float64)) for c in numbers)
        return cls(scales, tuple(sorted(encoded.categories.items())))

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 + len(self.scales) + sum(s.flag for s in self.scales) + sum(size for _, size in self.categories)

    @property
    def sources(self) -> tuple[int, ...]:
        """Which encoded column each column stems from; the intercept, from none, has -1."""
        numbers = [scale.column for scale in self.scales for _ in range(1 + scale.flag)]
        return (-1, *numbers, *(column for column, size in self.categories for _ in range(size)))

    def matrix(self, encoded: Encoded) -> FloatArray:
        """Columns of these rows: [rows, width]; each row's depend on that row alone."""
        out = np.zeros((len(encoded.matrix), self.width))
        out[:, 0] = 1.0
        at = 1
        for scale in self.scales:
            at = _write_number(out, at, encoded.matrix[:, scale.column].astype(np.float64), scale)
        for column, size in self.categories:
            codes = encoded.matrix[:, column]
            known = np.flatnonzero(~np.isnan(codes))
            out[known, at + codes[known].astype(np.int64)] = 1.0
            at += size
        return out


def _write_number(out: FloatArray, at: int, values: FloatArray, scale: Scale) -> int:
    """Write a number's one or two columns from index `at`; returns the next free index."""
    out[:, at] = _scores(values, scale)
    if scale.flag:
        out[:, at + 1] = np.isnan(values)
    return at + 1 + scale.flag


def _scale(column: int, values: FloatArray) -> Scale:
    there = values[~np.isnan(values)]
    if not len(there):
        return Scale(column, log=False, mean=0.0, deviation=1.0, flag=False)
    heavy = bool(there.min() >= 0 and there.max() > 20 * max(float(np.median(there)), 1e-9))
    scored = np.log1p(there) if heavy else there
    deviation = float(scored.std())
    missing = len(there) < len(values)
    return Scale(column, heavy, float(scored.mean()), deviation if deviation > 1e-12 else 1.0, missing)


def _scores(values: FloatArray, scale: Scale) -> FloatArray:
    taken = np.log1p(np.maximum(values, 0.0)) if scale.log else values
    scores = np.clip((taken - scale.mean) / scale.deviation, -LARGEST_SCORE, LARGEST_SCORE)
    return np.where(np.isnan(scores), 0.0, scores)
