"""Words that are worth counting, and which of them stand in which text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_WORDS: Final = 4000
WIDEST: Final = 0.5  # a word in more than this share of the texts tells none from another
DECIMALS: Final = 6  # of everything that is stored: what is learned and what is loaded must say the same


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words, the most frequent first."""

    words: tuple[str, ...]

    @classmethod
    def learn(cls, texts: pa.Array, least: int) -> Self:
        """Words in at least `least` of the clean texts, and not in most of them."""
        tokens = pc.split_pattern(texts, " ")
        pairs = pa.table({"text": pc.list_parent_indices(tokens), "word": pc.list_flatten(tokens)})
        counted = pairs.group_by(["text", "word"]).aggregate([])["word"].value_counts()
        counts, words = counted.field("counts").to_pylist(), counted.field("values").to_pylist()
        most = max(WIDEST * len(texts), least)
        found = sorted((-count, word) for count, word in zip(counts, words, strict=True) if word and count >= least)
        return cls(tuple(word for count, word in found if -count <= most)[:MOST_WORDS])

    def count(self, texts: pa.Array) -> Any:
        """1 where a word stands in a text, however often: a sparse matrix [texts, words]."""
        tokens = pc.split_pattern(texts, " ")
        places = pc.index_in(pc.list_flatten(tokens), value_set=pa.array(self.words, pa.string()))
        known = pc.fill_null(places, -1).to_numpy()
        rows = pc.list_parent_indices(tokens).to_numpy()
        there = known >= 0
        shape = (len(texts), len(self.words))
        matrix = sparse.csr_matrix((np.ones(int(there.sum())), (rows[there], known[there])), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return matrix


def rounded(values: Any) -> Floats:
    """As stored; never minus zero, which would be another text."""
    return np.asarray(np.round(np.asarray(values, dtype=np.float64), DECIMALS) + 0.0)
