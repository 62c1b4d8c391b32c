"""One grouping of texts to topics: embedding, reduction, clusters and what each cluster is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from processing.topics.clusters import NONE, Clusters
from processing.topics.embedding import Embedding
from processing.topics.keywords import keywords
from processing.topics.options import Options
from processing.topics.reduction import Reduction
from processing.topics.vocabulary import Floats, Ints
from rightpack.errors import DataError


@dataclass(frozen=True, slots=True)
class Found:
    """Topic of each text (-1: none) and its distance from the topic's centre; NaN where no word is known."""

    topic: Ints
    distance: Floats


@dataclass(frozen=True, slots=True)
class Grouping:
    """What was learned from the texts of one parent; `words` are the keywords of each topic."""

    embedding: Embedding
    reduction: Reduction
    clusters: Clusters
    words: tuple[tuple[str, ...], ...]

    @classmethod
    def learn(cls, texts: pa.Array, options: Options) -> Self:
        """Learn from clean texts in a fixed order; DataError where too few words repeat."""
        embedding = Embedding.learn(texts, options.dimensions, options.least_count)
        counts = embedding.vocabulary.count(texts)
        points = embedding.points(counts)
        known = np.abs(points).sum(axis=1) > 0
        if int(known.sum()) < options.topics:
            raise DataError(
                f"{int(known.sum())} of {len(texts)} texts have a word that occurs {options.least_count} times; "
                f"{options.topics} topics need more. Bring more texts or ask for fewer topics."
            )
        reduction = Reduction.learn(points[known], options.reduced)
        clusters = Clusters.learn(reduction.of(points[known]), options.topics, options.threshold)
        found = np.full(len(texts), NONE, dtype=np.int64)
        found[known], _ = clusters.of(reduction.of(points[known]))
        words = keywords(counts, embedding.vocabulary, found, clusters.count, options.keywords)
        return cls(embedding, reduction, clusters, words)

    def of(self, texts: pa.Array) -> Found:
        """Topics of clean texts."""
        return self.of_counts(self.embedding.vocabulary.count(texts))

    def of_counts(self, counts: Any) -> Found:
        """Topics of texts given by the words in them."""
        points = self.embedding.points(counts)
        known = np.abs(points).sum(axis=1) > 0
        topic, distance = self.clusters.of(self.reduction.of(points))
        return Found(np.where(known, topic, NONE), np.where(known, distance, np.nan))

    def points(self, texts: pa.Array) -> Floats:
        """Where clean texts lie [texts, reduced]; NaN where no word is known."""
        points = self.embedding.of(texts)
        known = np.abs(points).sum(axis=1) > 0
        return np.where(known[:, None], self.reduction.of(points), np.nan)

    def content(self) -> dict[str, Any]:
        """What is stored."""
        return {
            "embedding": self.embedding.content(),
            "reduction": self.reduction.content(),
            "clusters": self.clusters.content(),
            "words": [list(words) for words in self.words],
        }

    @classmethod
    def of_content(cls, raw: Mapping[str, Any]) -> Self:
        """Read what was stored."""
        return cls(
            Embedding.of_content(raw["embedding"]),
            Reduction.of_content(raw["reduction"]),
            Clusters.of_content(raw["clusters"]),
            tuple(tuple(map(str, words)) for words in raw["words"]),
        )
