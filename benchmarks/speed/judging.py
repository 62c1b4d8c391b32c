"""What a training took and how good its model became, by the same rules for every way of training."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

STEP: Final = 2  # rounds between two judgements


def average_precision(labels: Any, chances: Any) -> float:
    """PR-AUC of the label 0, the rarer one: precision at each of its rows, from the least chance up."""
    found = 1 - np.asarray(labels)[np.argsort(chances, kind="stable")]
    precision = np.cumsum(found) / np.arange(1, len(found) + 1)
    return float((precision * found).sum() / found.sum())


def by_rounds(predict: Any, labels: Any, rounds: int) -> list[tuple[int, float]]:
    """PR-AUC after every so many rounds; `predict` gives raw scores of `num_iteration` rounds from one on."""
    scores, found = np.zeros(len(labels)), []
    for first in range(0, rounds, STEP):
        more = min(STEP, rounds - first)
        scores += predict(raw_score=True, start_iteration=first, num_iteration=more)
        found.append((first + more, average_precision(labels, scores)))
    return found
