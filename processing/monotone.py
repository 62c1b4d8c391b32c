"""Suitability that never falls as protection rises: exact isotonic regression per product, all products at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def rising(scores: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """The non-decreasing rows that are closest to `scores` [products, types] in weighted squares.

    Types are ordered from least to most protective; `weights` (same shape, above 0) say how much a score counts. What
    pooling adjacent violators gives, by its min-max form: with few types that is a handful of passes over all products.
    A row that rises already comes back unchanged.
    """
    result = np.empty_like(scores, dtype=np.float64)
    if not scores.size:
        return result
    weights = np.ones_like(scores) if weights is None else weights
    types = scores.shape[1]
    result.fill(-np.inf)
    for first in range(types):
        means = _means_from(scores[:, first:], weights[:, first:])
        lowest_ahead = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        np.maximum(result[:, first:], lowest_ahead, out=result[:, first:])
    calm = (np.diff(scores, axis=1) >= 0).all(axis=1)
    result[calm] = scores[calm]
    return result


def _means_from(scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted means of the first 1, 2, ... columns."""
    means: FloatArray = np.cumsum(scores * weights, axis=1) / np.cumsum(weights, axis=1)
    return means


def violations(scores: FloatArray) -> int:
    """How many times a stronger type has a lower suitability than the next weaker one."""
    return int(np.count_nonzero(scores[:, 1:] < scores[:, :-1])) if scores.shape[1] > 1 else 0
