"""LightGBM's model text, read into arrays; what the engine does not cover is refused by name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

import numpy as np
import numpy.typing as npt

MOST_LEAVES: Final = 64
CATEGORICAL: Final = 1  # bits of a split's decision type
DEFAULT_LEFT: Final = 2
MISSING_SHIFT: Final = 2

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


class NotCoveredError(Exception):
    """The engine does not evaluate this model; LightGBM does. The message says why."""


class Missing(IntEnum):
    """What a split takes for a missing value, in LightGBM's encoding."""

    NOTHING = 0  # NaN counts as 0
    ZERO = 1
    NAN = 2


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree; splits are numbered from the root, and a child below 0 is the leaf `~child`.

    `categories[n]` are the codes that go left at the n-th categorical split, whose threshold is n.
    """

    leaves: Doubles
    features: Ints
    thresholds: Doubles
    decisions: Ints
    left: Ints
    right: Ints
    categories: tuple[Ints, ...]

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> Self:
        """From a tree's lines; NotCoveredError says what the engine cannot do."""
        if fields.get("is_linear", "0") != "0":
            raise NotCoveredError("linear trees")
        leaves = _doubles(fields, "leaf_value")
        if len(leaves) > MOST_LEAVES:
            raise NotCoveredError(f"a tree of {len(leaves)} leaves; the most is {MOST_LEAVES}")
        decisions = _ints(fields, "decision_type")
        if (decisions >> MISSING_SHIFT == Missing.ZERO).any():
            raise NotCoveredError("zeros that stand for missing values")
        return cls(
            leaves,
            _ints(fields, "split_feature"),
            _doubles(fields, "threshold"),
            decisions,
            _ints(fields, "left_child"),
            _ints(fields, "right_child"),
            _categories(fields),
        )

    @property
    def categorical(self) -> npt.NDArray[np.bool_]:
        """Which splits are by category."""
        return (self.decisions & CATEGORICAL).astype(bool)


@dataclass(frozen=True, slots=True)
class Trees:
    """A model's trees in order, and how many columns its rows have; `odds` if raw scores are log odds."""

    trees: tuple[Tree, ...]
    columns: int
    odds: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a model's text; NotCoveredError says what the engine cannot do."""
        head, *blocks = re.split(r"^Tree=", text.partition("\nend of trees")[0], flags=re.MULTILINE)
        fields = _fields(head)
        if "average_output" in head.splitlines():
            raise NotCoveredError("averaged trees")
        if fields.get("num_class", "1") != "1" or fields.get("num_tree_per_iteration", "1") != "1":
            raise NotCoveredError("several classes")
        columns = int(fields["max_feature_idx"]) + 1
        trees = tuple(Tree.read(_fields(block)) for block in blocks)
        return cls(trees, columns, fields.get("objective") == "binary sigmoid:1")


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _doubles(fields: Mapping[str, str], name: str) -> Doubles:
    return np.array(fields.get(name, "").split(), dtype=np.float64)


def _ints(fields: Mapping[str, str], name: str) -> Ints:
    return np.array(fields.get(name, "").split(), dtype=np.int64)


def _categories(fields: Mapping[str, str]) -> tuple[Ints, ...]:
    ends, words = _ints(fields, "cat_boundaries"), _ints(fields, "cat_threshold").astype("<u4")
    return tuple(_codes(words[first:end]) for first, end in itertools.pairwise(ends))


def _codes(words: npt.NDArray[np.uint32]) -> Ints:
    return np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little"))
