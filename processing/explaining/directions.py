"""Which way a feature pushes, in words that a person checks against common sense."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from processing.features.encoder import Encoder
from processing.features.expressions import FloatArray

CLEAR: Final = 0.3  # rank correlation from which a number is said to push one way
LEAST_ROWS: Final = 5  # of a category, to be named


class Direction(StrEnum):
    """What more of a number does to the score; `MIXED` also where there is no more and less."""

    UP = "up"
    DOWN = "down"
    MIXED = "mixed"


WORDS: Final = {
    Direction.UP: "the higher, the more suitable",
    Direction.DOWN: "the higher, the less suitable",
    Direction.MIXED: "now for, now against, as the rest of the product has it",
}
FLAG_WORDS: Final = {
    Direction.UP: "where it is so, more suitable",
    Direction.DOWN: "where it is so, less suitable",
    Direction.MIXED: WORDS[Direction.MIXED],
}
TEXT_WORDS: Final = "some of its words speak for, others against"


@dataclass(frozen=True, slots=True)
class Push:
    """Direction of a feature, and words."""

    direction: Direction
    words: str


def push(feature: str, values: FloatArray, contributed: FloatArray, encoder: Encoder) -> Push:
    """What the `values` of a feature (category codes for a categorical one) do to the score."""
    if feature in encoder.features.text:
        return Push(Direction.MIXED, TEXT_WORDS)
    if feature in encoder.vocabularies:
        return Push(Direction.MIXED, _categories(encoder.vocabularies[feature], values, contributed))
    there = ~np.isnan(values)
    direction = _direction(values[there], contributed[there])
    is_flag = bool(np.isin(values[there], (0, 1)).all())
    return Push(direction, (FLAG_WORDS if is_flag else WORDS)[direction])


def _direction(values: FloatArray, contributed: FloatArray) -> Direction:
    if len(values) < LEAST_ROWS or np.ptp(values) == 0 or np.ptp(contributed) == 0:
        return Direction.MIXED
    together = float(np.corrcoef(_ranks(values), _ranks(contributed))[0, 1])
    return Direction.UP if together >= CLEAR else Direction.DOWN if together <= -CLEAR else Direction.MIXED


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: FloatArray = (last - (counts - 1) / 2)[inverse]
    return mean


def _categories(vocabulary: tuple[str, ...], codes: FloatArray, contributed: FloatArray) -> str:
    means = []
    for code, name in enumerate(vocabulary):
        own = contributed[codes == code]
        if len(own) >= LEAST_ROWS:
            means.append((float(own.mean()), name))
    if len(means) < 2:
        return WORDS[Direction.MIXED]
    return f"most suitable: {max(means)[1]}; least: {min(means)[1]}"
