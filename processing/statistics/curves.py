"""Points of the curves that a report draws."""

from __future__ import annotations

from typing import Final

import numpy as np

from processing.statistics.metrics import FloatArray, Ranked

MOST_POINTS: Final = 200


def reliability(ranked: Ranked, weights: FloatArray) -> list[tuple[float, float]]:
    """Mean score and share of suitable rows in ten bins of about equally many rows."""
    by_rank = weights[ranked.order]
    total = np.add.reduceat(by_rank, ranked.bins)
    scores = np.add.reduceat(by_rank * ranked.scores, ranked.bins)
    labels = np.add.reduceat(by_rank * ranked.labels, ranked.bins)
    filled = total > 0
    return _points(scores[filled] / total[filled], labels[filled] / total[filled])


def precision_recall(ranked: Ranked, weights: FloatArray) -> list[tuple[float, float]]:
    """Recall and precision of unsuitable rows, looking at ever higher scores."""
    by_rank = weights[ranked.order]
    unsuitable = np.cumsum(np.add.reduceat(by_rank * (1 - ranked.labels), ranked.ties))
    looked_at = np.cumsum(np.add.reduceat(by_rank, ranked.ties))
    if not unsuitable[-1] > 0:
        return []
    seen = looked_at > 0
    recall, precision = unsuitable[seen] / unsuitable[-1], unsuitable[seen] / looked_at[seen]
    kept = np.unique(np.linspace(0, len(recall) - 1, min(MOST_POINTS, len(recall))).astype(np.intp))
    return _points(recall[kept], precision[kept])


def _points(across: FloatArray, up: FloatArray) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(across, up, strict=True)]
