"""Metrics of probabilities against 0/1 labels, for many weightings of the same rows at once.

A bootstrap sample is a weighting: how often each row was drawn. So rows are ranked once, and every metric is a few sums
over weights in rank order. All functions take weights [rows] or [samples, rows] and give one value per sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
EDGE: Final = 1e-12
BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """Labels and scores in ascending order of the score, with what the metrics need of that order.

    `order` brings rows into it; `ties` are the starts of runs of equal scores, `bins` those of ten runs
    of about equally many rows.
    """

    order: Indices
    labels: FloatArray
    scores: FloatArray
    ties: Indices
    bins: Indices

    @classmethod
    def of(cls, labels: FloatArray, scores: FloatArray) -> Self:
        """Rank rows by `scores`; both are [rows]."""
        order = np.argsort(scores, kind="stable")
        ranked = scores[order]
        starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(ranked) else np.zeros(0, np.intp)
        return cls(order, labels[order], ranked, starts, _bin_starts(starts, len(ranked)))

    def metrics(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Every metric under `weights`, which are in the rows' own order; NaN where a class has no weight."""
        ranked = np.atleast_2d(weights)[:, self.order]
        with np.errstate(invalid="ignore", divide="ignore"):
            values = {name: metric(self, ranked) for name, metric in METRICS.items()}
        return {name: value if weights.ndim == 2 else value[0] for name, value in values.items()}


def _bin_starts(ties: Indices, rows: int) -> Indices:
    """Starts of at most `BINS` runs of about equal length, none of which cuts through equal scores."""
    wanted = np.arange(BINS) * rows / BINS
    return np.unique(ties[np.searchsorted(ties, wanted, side="right") - 1]) if rows else ties


def roc_auc(ranked: Ranked, weights: FloatArray) -> FloatArray:
    """Chance that a suitable row scores above an unsuitable one; a tie counts half."""
    suitable, unsuitable = _by_tie(ranked, weights)
    below = np.cumsum(unsuitable, axis=1) - unsuitable
    won = np.sum(suitable * (below + unsuitable / 2), axis=1)
    result: FloatArray = won / (suitable.sum(axis=1) * unsuitable.sum(axis=1))
    return result


def pr_auc_unsuitable(ranked: Ranked, weights: FloatArray) -> FloatArray:
    """Average precision of finding unsuitable rows by the lowest scores."""
    suitable, unsuitable = _by_tie(ranked, weights)
    found = np.cumsum(unsuitable, axis=1)
    looked_at = np.cumsum(suitable, axis=1) + found
    precision = np.divide(found, looked_at, out=np.zeros_like(found), where=looked_at > 0)
    result: FloatArray = np.sum(unsuitable * precision, axis=1) / unsuitable.sum(axis=1)
    return result


def brier(ranked: Ranked, weights: FloatArray) -> FloatArray:
    """Mean squared difference of score and label."""
    result: FloatArray = np.sum(weights * (ranked.scores - ranked.labels) ** 2, axis=1) / weights.sum(axis=1)
    return result


def log_loss(ranked: Ranked, weights: FloatArray) -> FloatArray:
    """Mean negative log likelihood, scores kept off 0 and 1."""
    safe = np.clip(ranked.scores, EDGE, 1 - EDGE)
    each = -(ranked.labels * np.log(safe) + (1 - ranked.labels) * np.log1p(-safe))
    result: FloatArray = np.sum(weights * each, axis=1) / weights.sum(axis=1)
    return result


def calibration_error(ranked: Ranked, weights: FloatArray) -> FloatArray:
    """Mean distance of score and share of suitable rows over ten bins of about equally many rows."""
    gap = np.add.reduceat(weights * (ranked.scores - ranked.labels), ranked.bins, axis=1)
    result: FloatArray = np.abs(gap).sum(axis=1) / weights.sum(axis=1)
    return result


METRICS: Final[Mapping[str, Callable[[Ranked, FloatArray], FloatArray]]] = {
    "roc_auc": roc_auc,
    "pr_auc_unsuitable": pr_auc_unsuitable,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
}


def _by_tie(ranked: Ranked, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weight of suitable and of unsuitable rows in each run of equal scores."""
    suitable = np.add.reduceat(weights * ranked.labels, ranked.ties, axis=1)
    unsuitable = np.add.reduceat(weights * (1 - ranked.labels), ranked.ties, axis=1)
    return suitable, unsuitable
