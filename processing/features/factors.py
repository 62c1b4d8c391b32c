"""Titles as a few numbers: words that keep the same company get similar ones (latent semantic analysis).

A title of four or five words is a poor guide word by word: three hundred words in 64 hash buckets tell a boosted tree
little. Words that occur together say what a product is made of, and that needs no label at all, only titles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from processing.decisions.arrays import Floats

SEPARATORS: Final = r"[^\p{L}\p{N}]+"
LEAST: Final = 5
MOST_WORDS: Final = 2000
DIGITS: Final = 6  # the last bits of an eigenvector differ between machines
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Factors:
    """Words and their coordinates [words, dimensions]; a title is where its words are on average, at length 1."""

    words: tuple[str, ...]
    coordinates: Floats

    @classmethod
    def learn(cls, titles: pa.Array, dimensions: int) -> Self:
        """Factorise the positive pointwise mutual information of words in the same title."""
        tokens = _tokens(titles)
        counts = pc.value_counts(pc.list_flatten(tokens))
        found = sorted(zip(counts.field(1).to_pylist(), counts.field(0).to_pylist(), strict=True), reverse=True)
        words = tuple(word for count, word in found[:MOST_WORDS] if word and count >= LEAST)
        if not words:
            return cls((), np.zeros((0, 0)))
        places = _places(tokens, words)
        together = _together(places, len(words))
        return cls(words, _leading(_information(together), dimensions).round(DIGITS))

    def to_dict(self) -> dict[str, Any]:
        """Plain data: words with their coordinates, short enough to be text."""
        return {"words": list(self.words), "coordinates": self.coordinates.tolist()}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Read plain data; ValueError if it does not hold together."""
        words, coordinates = tuple(map(str, raw["words"])), np.array(raw["coordinates"], dtype=np.float64)
        coordinates = coordinates if words else np.zeros((0, 0))
        if coordinates.ndim != 2 or len(coordinates) != len(words):
            raise ValueError(f"{len(words)} words have coordinates of shape {coordinates.shape}")
        return cls(words, coordinates)

    def of(self, titles: pa.Array) -> npt.NDArray[np.float32]:
        """Coordinates of titles [titles, dimensions]; 0 where no word is known."""
        known = np.vstack([self.coordinates, np.zeros(self.coordinates.shape[1])])
        places = _places(_tokens(titles), self.words)
        total = np.zeros((len(places), known.shape[1]))
        for column in places.T:
            total += known[column]
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.asarray(total / np.maximum(length, 1e-9), dtype=np.float32)


def _tokens(titles: pa.Array) -> Any:
    return pc.split_pattern_regex(pc.fill_null(pc.utf8_lower(titles), ""), pattern=SEPARATORS)


def _places(tokens: Any, words: tuple[str, ...]) -> Positions:
    """Index of each title's words [titles, longest title]; -1 where there is none or it is not known."""
    flat = pc.fill_null(pc.index_in(pc.list_flatten(tokens), value_set=pa.array(words, pa.string())), -1).to_numpy()
    title = pc.list_parent_indices(tokens).to_numpy()
    begins = np.searchsorted(title, np.arange(len(tokens)))
    column = np.arange(len(title)) - begins[title]
    places = np.full((len(tokens), int(column.max(initial=0)) + 1), -1, dtype=np.int64)
    places[title, column] = flat
    return places


def _together(places: Positions, words: int) -> Floats:
    """How often two different words stand in one title [words, words]."""
    pairs = np.zeros(words * words)
    for left in range(places.shape[1]):
        for right in range(left + 1, places.shape[1]):
            one, other = places[:, left], places[:, right]
            both = (one >= 0) & (other >= 0) & (one != other)
            pairs += np.bincount(one[both] * words + other[both], minlength=words * words)
    square = pairs.reshape(words, words)
    return np.asarray(square + square.T)


def _information(together: Floats) -> Floats:
    """Positive pointwise mutual information: how much more often than by chance."""
    margin = together.sum(axis=1)
    expected = np.maximum(np.outer(margin, margin), 1.0)
    return np.asarray(np.log(np.maximum(together * together.sum() / expected, 1.0)))


def _leading(square: Floats, dimensions: int) -> Floats:
    """The leading eigenvectors by their eigenvalues' roots; signs fixed, so that they never depend on chance."""
    values, vectors = np.linalg.eigh(square)
    largest = np.argsort(-values)[:dimensions]
    chosen = vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0.0))
    return signed(chosen)


def signed(columns: Floats) -> Floats:
    """Each column turned so that its heaviest entry is positive: the sign of an eigenvector is anybody's choice."""
    if not columns.size:
        return columns
    heaviest = columns[np.abs(columns).argmax(axis=0), np.arange(columns.shape[1])]
    return np.asarray(columns * np.where(heaviest < 0, -1.0, 1.0))
