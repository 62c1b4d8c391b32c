"""What a topic is about: the words that are frequent in it and not elsewhere (class-based TF-IDF)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from processing.topics.vocabulary import Ints, Vocabulary

NAME_WORDS = 3


def keywords(counts: Any, vocabulary: Vocabulary, found: Ints, topics: int, most: int) -> tuple[tuple[str, ...], ...]:
    """At most `most` words of each topic, the most telling first; `found` is the topic of each text or -1.

    The weight of a word is its share of the topic's words times log(1 + words per topic / occurrences of the word).
    """
    known = np.flatnonzero(found >= 0)
    members = sparse.csr_matrix((np.ones(len(known)), (found[known], known)), shape=(topics, len(found)))
    often = np.asarray((members @ counts).toarray())
    total = often.sum(axis=0)
    share = often / np.maximum(often.sum(axis=1, keepdims=True), 1.0)
    weight = share * np.log1p(total.sum() / max(topics, 1) / np.maximum(total, 1.0))
    return tuple(_largest(row, vocabulary.words, most) for row in weight)


def name_of(words: tuple[str, ...]) -> str:
    """A name from the first keywords."""
    return " ".join(words[:NAME_WORDS]) or "(no words)"


def _largest(weight: Any, words: tuple[str, ...], most: int) -> tuple[str, ...]:
    order = np.argsort(-np.round(weight, 12), kind="stable")[:most]
    return tuple(words[i] for i in order if weight[i] > 0)
