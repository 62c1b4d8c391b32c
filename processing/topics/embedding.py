"""Texts as points: words that keep the same company lie close, a text lies where its words are on average.

The company of words is their positive pointwise mutual information within texts; its leading eigenvectors are the
words' coordinates. That is what word embeddings do implicitly (Levy and Goldberg, 2014), without a download.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.sparse.linalg import eigsh

from processing.features.factors import signed
from processing.topics.vocabulary import Floats, Vocabulary, rounded

DENSE: Final = 400  # up to so many words the whole decomposition is quick, and exact


@dataclass(frozen=True, slots=True)
class Embedding:
    """Words with a weight each (rare ones say more) and their coordinates [words, dimensions]."""

    vocabulary: Vocabulary
    weights: Floats
    coordinates: Floats

    @classmethod
    def learn(cls, texts: pa.Array, dimensions: int, least: int) -> Self:
        """Learn from clean texts; fewer dimensions where there are fewer words."""
        vocabulary = Vocabulary.learn(texts, least)
        counts = vocabulary.count(texts)
        seen = np.asarray(counts.sum(axis=0)).ravel()
        weights = np.log1p(len(texts) / np.maximum(seen, 1.0))
        return cls(vocabulary, rounded(weights), rounded(_leading(_information(counts, seen), dimensions)))

    def of(self, texts: pa.Array) -> Floats:
        """Points of clean texts [texts, dimensions], at length 1; 0 where no word is known."""
        return self.points(self.vocabulary.count(texts))

    def points(self, counts: Any) -> Floats:
        """Points of texts given by the words in them."""
        total = counts @ (self.coordinates * self.weights[:, None])
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.asarray(total / np.maximum(length, 1e-12))

    def content(self) -> dict[str, Any]:
        """What is stored."""
        return {
            "words": list(self.vocabulary.words),
            "weights": self.weights.tolist(),
            "coordinates": self.coordinates.tolist(),
        }

    @classmethod
    def of_content(cls, raw: Mapping[str, Any]) -> Self:
        """Read what was stored."""
        words = tuple(map(str, raw["words"]))
        coordinates = np.asarray(raw["coordinates"], dtype=np.float64).reshape(len(words), -1)
        return cls(Vocabulary(words), np.asarray(raw["weights"], dtype=np.float64), coordinates)


def _information(counts: Any, seen: Floats) -> Any:
    """How much more often than by chance two different words stand in one text; sparse [words, words]."""
    together = (counts.T @ counts).tocoo()
    apart = together.row != together.col
    row, column, often = together.row[apart], together.col[apart], together.data[apart]
    by_chance = seen[row] * seen[column] / max(counts.shape[0], 1)
    more = np.maximum(np.log(often / by_chance), 0.0)
    return sparse.csr_matrix((more, (row, column)), shape=together.shape)


def _leading(square: Any, dimensions: int) -> Floats:
    """Leading eigenvectors by the roots of their eigenvalues; start and signs fixed, so chance decides nothing."""
    words = square.shape[0]
    if words <= max(DENSE, dimensions + 1):
        values, vectors = np.linalg.eigh(square.toarray())
    else:
        start = np.random.default_rng(0).normal(size=words)
        values, vectors = eigsh(square, k=dimensions, which="LA", v0=start)
    largest = np.argsort(-values, kind="stable")[:dimensions]
    return signed(vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0.0)))
