"""Shapley values of any model by sampling: features enter in random orders, each order also backwards (antithetic).

In every order all features are exchanged one after the other, from those of a background row to those of the row that
is explained; what the score gains at a feature's turn is its contribution. So a row's contributions add up to its
score less the mean score of the background rows, however few orders are drawn; only how they are shared out is sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from processing.features.expressions import FloatArray
from processing.features.raw import Matrix

Score = Callable[[Matrix], FloatArray]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How much to spend: pairs of orders per row, each pair against one background row, and the seed.

    The model scores `2 * pairs * (groups + 1)` times the number of rows that are explained.
    """

    pairs: int = 12
    seed: int = 7


def shapley(
    score: Score, rows: Matrix, background: Matrix, *, groups: Sequence[Sequence[int]], sampling: Sampling
) -> FloatArray:
    """Contributions of groups of columns: [rows, groups + 1]; the last column is the mean score of the background.

    A `score` of several values per row, [rows, values], has contributions to each: [rows, groups + 1, values]. `groups`
    must hold every column that `score` looks at; background rows are drawn evenly, again where they run out.
    """
    generator = np.random.default_rng(sampling.seed)
    found: list[FloatArray] = []
    order_of_background = generator.permutation(len(background))
    for pair in range(sampling.pairs):
        start = background[order_of_background[pair % len(background)]]
        order = generator.permutation(len(groups))
        found += [_exchange(score, rows, start, groups=groups, order=turn.tolist()) for turn in (order, order[::-1])]
    total: FloatArray = np.sum(found, axis=0)
    return total / len(found)


def _exchange(
    score: Score, rows: Matrix, start: Matrix, *, groups: Sequence[Sequence[int]], order: list[int]
) -> FloatArray:
    """What the score gains at each group's turn, and the score that it starts from."""
    mixed = np.tile(start, (len(rows), 1))
    before = score(mixed)
    gains = np.zeros((len(rows), len(groups) + 1, *before.shape[1:]))
    gains[:, -1] = before
    for group in order:
        mixed[:, groups[group]] = rows[:, groups[group]]
        after = score(mixed)
        gains[:, group] = after - before
        before = after
    return gains
