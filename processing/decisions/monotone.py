"""Order by protection: exact weighted isotonic regression per product, all products at once."""

from __future__ import annotations

import numpy as np

from processing.decisions.arrays import Flags, Floats


def rising(values: Floats, weights: Floats | None = None) -> Floats:
    """The rows closest to `values` [products, types] in weighted squares that never fall from left to right.

    This is what pooling adjacent violators gives, by its max-min form: the value of a type is the largest over all
    starts at or before it of the smallest mean up to an end at or after it. With K types that takes K (K + 1) / 2
    passes over all products and no loop over them. `weights` (same shape, above 0) say how much a value counts; rows
    that rise already come back bit by bit.
    """
    out = np.array(values, dtype=np.float64, order="F")
    wrong = np.flatnonzero(_falls_somewhere(out))
    if wrong.size:
        counted = np.ones((len(wrong), out.shape[1])) if weights is None else weights[wrong]
        out[wrong] = _max_min(np.ascontiguousarray(out[wrong].T), np.ascontiguousarray(counted.T)).T
    return out


def falling(values: Floats, weights: Floats | None = None) -> Floats:
    """Like `rising`, for values that never rise from left to right."""
    return np.negative(rising(np.negative(values), weights))


def violations(values: Floats, *, slack: float = 0.0) -> int:
    """How many times a value is below its left neighbour by more than `slack`."""
    return int(np.count_nonzero(values[:, 1:] < values[:, :-1] - slack)) if values.shape[1] > 1 else 0


def _falls_somewhere(values: Floats) -> Flags:
    found = np.zeros(len(values), np.bool_)
    for left in range(values.shape[1] - 1):
        found |= values[:, left + 1] < values[:, left]
    return found


def _max_min(values: Floats, weights: Floats) -> Floats:
    """Isotonic rows; types come first here, so that one type's values lie side by side in memory."""
    types = len(values)
    best = np.full_like(values, -np.inf)
    for start in range(types):
        means = _means_from(values[start:], weights[start:])
        smallest = means[-1]
        for end in range(types - 1, start - 1, -1):
            smallest = np.minimum(smallest, means[end - start])
            np.maximum(best[end], smallest, out=best[end])
    return np.maximum.accumulate(best, axis=0)  # two ways to the same mean may differ in the last bit


def _means_from(values: Floats, weights: Floats) -> list[Floats]:
    """Weighted means of the first, the first two, ... types; by whole rows, which lie side by side in memory."""
    sums, total = np.zeros_like(values[0]), np.zeros_like(weights[0])
    means = []
    for value, weight in zip(values, weights, strict=True):
        sums, total = sums + value * weight, total + weight
        means.append(sums / total)
    return means
