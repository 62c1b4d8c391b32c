"""How well a topic's keywords go together in texts that it was not learned from.

Two nouns hardly ever stand in one title, however alike: what they share is company. So keywords are compared by their
context vectors, the normalised pointwise mutual information (NPMI) with every word: the mean cosine of all pairs, which
is the idea of the measure C_v (Röder, Both and Hinneburg, 2015). 1 is best, 0 is chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from processing.topics.vocabulary import Floats, Vocabulary


def coherence(counts: Any, vocabulary: Vocabulary, topics: Sequence[Sequence[str]]) -> list[float]:
    """Coherence of each topic's keywords in texts given by the words in them (sparse, [texts, words])."""
    place = {word: index for index, word in enumerate(vocabulary.words)}
    used = sorted({place[word] for words in topics for word in words})
    vectors = dict(zip(used, _contexts(counts, used), strict=True))
    return [_alike(np.array([vectors[place[word]] for word in words])) for words in topics]


def _contexts(counts: Any, used: list[int]) -> Floats:
    """Unit rows of positive NPMI, one per used word; 0 where a word has no company."""
    texts = max(counts.shape[0], 1)
    together = np.asarray((counts[:, used].T @ counts).toarray()) / texts
    share = np.asarray(counts.sum(axis=0)).ravel() / texts
    by_chance = np.outer(share[used], share)
    with np.errstate(divide="ignore", invalid="ignore"):
        npmi = np.log(together / by_chance) / -np.log(together)
    npmi[np.arange(len(used)), used] = 0.0
    positive = np.where(np.isfinite(npmi), np.maximum(npmi, 0.0), 0.0)
    length = np.linalg.norm(positive, axis=1, keepdims=True)
    return np.asarray(positive / np.maximum(length, 1e-12))


def _alike(vectors: Floats) -> float:
    count = len(vectors)
    if count < 2:  # one word goes together with nothing
        return 0.0
    total = float((vectors @ vectors.T).sum() - (vectors**2).sum())
    return total / (count * (count - 1))
