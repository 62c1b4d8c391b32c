"""Contributions of features to the raw score (log odds before calibration), whichever way the architecture allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from processing.architectures.base import Architecture, Explains
from processing.architectures.calibration import log_odds
from processing.explaining.shapley import Sampling, shapley
from processing.features.encoder import Encoded
from processing.features.expressions import FloatArray
from processing.features.raw import Matrix
from rightpack.errors import InternalError

MOST_SAMPLED_ROWS: Final = 200  # for the sampled way, whose cost is some hundred predictions per row
BACKGROUND_ROWS: Final = 64
BUCKET_MARK: Final = "#"


class Method(StrEnum):
    """How contributions were found."""

    EXACT = "exact"
    SAMPLED = "sampled"


@dataclass(frozen=True, slots=True)
class Contributions:
    """`values` [rows, features] and `base` [rows] add up to each row's raw score."""

    features: tuple[str, ...]
    values: FloatArray
    base: FloatArray
    method: Method

    @property
    def raw(self) -> FloatArray:
        """Raw score of each row."""
        total: FloatArray = self.base + self.values.sum(axis=1)
        return total


def features_of(columns: Sequence[str]) -> dict[str, list[int]]:
    """Indices of the encoded columns by the feature that they stem from: hash buckets of a text are one feature."""
    found: dict[str, list[int]] = {}
    for index, name in enumerate(columns):
        feature, mark, bucket = name.rpartition(BUCKET_MARK)
        found.setdefault(feature if mark and bucket.isdigit() else name, []).append(index)
    return found


def contributions(
    model: Architecture, encoded: Encoded, *, seed: int, background: Encoded | None = None
) -> Contributions:
    """Contributions to each row's raw score: exact where the model explains itself, else sampled.

    Sampling exchanges features with those of `background`, by default of the rows themselves. InternalError where a
    model's own explanation has another shape than it must have.
    """
    groups = features_of(encoded.columns)
    if isinstance(model, Explains):
        return _exact(model, encoded, groups)
    values = _sampled(model, encoded, background or encoded, groups=groups, seed=seed)
    return Contributions(tuple(groups), values[:, :-1], values[:, -1], Method.SAMPLED)


def rows_for(model: Architecture, most: int) -> int:
    """How many rows to explain at most: sampling is dear."""
    return most if isinstance(model, Explains) else min(most, MOST_SAMPLED_ROWS)


def _exact(model: Explains, encoded: Encoded, groups: Mapping[str, list[int]]) -> Contributions:
    given = model.explain(encoded)
    wanted = (len(encoded.matrix), len(encoded.columns) + 1)
    if given.shape != wanted:
        raise InternalError(
            f"explain() of {type(model).__name__} gave an array of shape {given.shape}, not {wanted}: "
            "one column per encoded column and the base value last."
        )
    values = np.stack([given[:, columns].sum(axis=1) for columns in groups.values()], axis=1)
    return Contributions(tuple(groups), values, given[:, -1], Method.EXACT)


def _sampled(
    model: Architecture, encoded: Encoded, background: Encoded, *, groups: Mapping[str, list[int]], seed: int
) -> FloatArray:
    def score(matrix: Matrix) -> FloatArray:
        return log_odds(model.predict(Encoded(matrix, encoded.columns, encoded.categories)))

    if not len(encoded.matrix):
        return np.zeros((0, len(groups) + 1))
    drawn = np.random.default_rng(seed).permutation(len(background.matrix))[:BACKGROUND_ROWS]
    start = background.matrix[np.sort(drawn)]
    return shapley(score, encoded.matrix, start, groups=list(groups.values()), sampling=Sampling(seed=seed))
