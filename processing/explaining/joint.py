"""Contributions to the joint model's raw score: minus a product's log damage rate in every package type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from processing.architectures.ordinal.model import DamageScorer
from processing.explaining.contributions import BACKGROUND_ROWS, BUCKET_MARK, Contributions, Method, features_of
from processing.explaining.shapley import Sampling, shapley
from processing.features.encoder import Encoded, Encoder
from processing.features.expressions import FloatArray
from processing.features.raw import Matrix, RawColumns

MOST_ROWS: Final = 100
PAIRS: Final = 6  # of orders for a row: one order asks the trees once per feature, about every package type


@dataclass(frozen=True, slots=True)
class JointContributions:
    """`values` [rows, features, types] and `base` [rows, types] add up to each row's raw score in each type."""

    features: tuple[str, ...]
    values: FloatArray
    base: FloatArray
    types: tuple[str, ...]

    @property
    def by_type(self) -> Mapping[str, Contributions]:
        """Contributions in each package type."""
        return {
            name: Contributions(self.features, self.values[:, :, place], self.base[:, place], Method.SAMPLED)
            for place, name in enumerate(self.types)
        }

    @property
    def mean(self) -> Contributions:
        """Contributions to the mean raw score over all package types."""
        return Contributions(self.features, self.values.mean(axis=2), self.base.mean(axis=1), Method.SAMPLED)


def seen(scorer: DamageScorer, raw: RawColumns) -> Encoded:
    """Products as the joint model sees them, with names: coordinates of a text are called as hash buckets would be."""
    values = scorer.sight.matrix(raw).values
    encoder = scorer.sight.encoder
    own = encoder.columns
    texts = [
        f"{name}{BUCKET_MARK}{place}"
        for name, factors in scorer.sight.texts.items()
        for place in range(factors.coordinates.shape[1])
    ]
    categories = {own.index(name): len(words) for name, words in encoder.vocabularies.items()}
    return Encoded(values, (*own, *texts), categories)


def reader(scorer: DamageScorer) -> Encoder:
    """The encoder, with the texts that the joint model sees beside it."""
    encoder = scorer.sight.encoder
    return replace(encoder, features=replace(encoder.features, text=tuple(scorer.sight.texts)))


def joint_contributions(
    scorer: DamageScorer, encoded: Encoded, *, seed: int, background: Encoded | None = None
) -> JointContributions:
    """Sampled Shapley values of the rows, against rows of `background`, by default the rows themselves.

    However few orders are drawn, a row adds up to its raw score; only the shares are estimates. The trees are asked
    `2 * PAIRS * (features + 1)` times about each row.
    """
    groups = features_of(encoded.columns)

    def score(matrix: Matrix) -> FloatArray:
        return -np.log(scorer.trees.predict(matrix))

    others = (background or encoded).matrix
    drawn = np.random.default_rng(seed).permutation(len(others))[:BACKGROUND_ROWS]
    sampling = Sampling(pairs=PAIRS, seed=seed)
    found = shapley(score, encoded.matrix, others[np.sort(drawn)], groups=list(groups.values()), sampling=sampling)
    return JointContributions(tuple(groups), found[:, :-1], found[:, -1], scorer.types)
