"""Mask tables: for each column and bin, the leaves of eight trees at a time that are still possible.

Leaves are numbered from left to right: of the leaves that all splits leave possible, the first is the one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from processing.scoring.trees import (
    DEFAULT_LEFT,
    MISSING_SHIFT,
    MOST_LEAVES,
    Doubles,
    Ints,
    Missing,
    NotCoveredError,
    Tree,
    Trees,
)

TREES: Final = 8  # of one block: a row of masks is 64 bytes
MOST_BINS: Final = 2**16 // TREES  # 16 bits count the masks up to a bin's
MOST_TOGETHER: Final = 256  # combinations of bins that share a table
ZERO: Final = np.float32(1e-35)  # LightGBM predicts for 0 where a value is not farther away from it
ALL: Final = 2**MOST_LEAVES - 1
Masks = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Binning:
    """How a column's values become bins: by rising thresholds, or by code where there are `categories`.

    A bin is the number of thresholds below a value, or its code. Codes without a split come next, missing values last.
    """

    edges: Doubles
    categories: int = 0

    @property
    def bins(self) -> int:
        """Number of bins."""
        return (self.categories or len(self.edges)) + 2

    @property
    def thresholds(self) -> npt.NDArray[np.float32]:
        """The largest 32-bit numbers that are not above the edges: a 32-bit value compares alike with both.

        About 0 they keep values together that LightGBM takes for 0.
        """
        with np.errstate(over="ignore"):
            near = self.edges.astype(np.float32)
            near = np.where(near.astype(np.float64) > self.edges, np.nextafter(near, np.float32(-np.inf)), near)
        near = np.where((near >= -ZERO) & (near < 0), np.nextafter(-ZERO, np.float32(-np.inf)), near)
        return np.where((near >= 0) & (near < ZERO), ZERO, near)


@dataclass(frozen=True, slots=True)
class Splits:
    """Every split of a model: its tree, column and so on; `masks` are the leaves left to a row that goes right.

    A categorical split's threshold is its place in `codes`, which tells the codes that go left.
    """

    tree: Ints
    column: Ints
    threshold: Doubles
    categorical: npt.NDArray[np.bool_]
    missing_left: npt.NDArray[np.bool_]
    masks: Masks
    codes: tuple[Ints, ...]

    @classmethod
    def of(cls, trees: Trees, masks: Masks) -> Self:
        """Of all trees in order, with the masks of their splits."""
        every = trees.trees
        threshold = np.concatenate([np.zeros(0), *(tree.thresholds for tree in every)])
        decisions = np.concatenate([np.zeros(0, np.int64), *(tree.decisions for tree in every)])
        before = np.cumsum([0, *(len(tree.categories) for tree in every)])
        tree = np.repeat(np.arange(len(every)), [len(tree.features) for tree in every])
        categorical = (decisions & 1).astype(bool)
        threshold[categorical] += before[tree[categorical]]
        default_left = (decisions & DEFAULT_LEFT).astype(bool)
        return cls(
            tree,
            np.concatenate([np.zeros(0, np.int64), *(tree.features for tree in every)]),
            threshold,
            categorical,
            np.where(decisions >> MISSING_SHIFT == Missing.NAN, default_left, threshold >= 0) & ~categorical,
            masks,
            tuple(codes for tree in every for codes in tree.categories),
        )

    def binning(self, column: int) -> Binning:
        """What all splits by this column together can tell apart."""
        here = self.column == column
        numbers, kinds = here & ~self.categorical, here & self.categorical
        if kinds.any() and numbers.any():
            raise NotCoveredError(f"column {column} is a number here and a category there")
        codes = [self.codes[int(place)] for place in self.threshold[kinds]]
        binning = Binning(
            np.unique(self.threshold[numbers]), 1 + max((int(c[-1]) for c in codes if len(c)), default=-1)
        )
        if binning.bins > MOST_BINS:
            raise NotCoveredError(f"column {column} has {binning.bins} bins; the most is {MOST_BINS}")
        return binning


Parts = dict[int, Masks]


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that share tables, which have a row of masks for each combination of their bins."""

    columns: tuple[int, ...]
    bins: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Number of combinations."""
        return math.prod(self.bins)

    @property
    def steps(self) -> tuple[int, ...]:
        """By how many rows the next bin of each column is away."""
        return tuple(math.prod(self.bins[:place]) for place in range(len(self.bins)))

    def table(self, parts: Parts) -> Masks:
        """Masks [rows, 8] from those of single columns; a column without any excludes nothing."""
        masks = np.full((self.rows, TREES), ALL, np.uint64)
        for column, bins, step in zip(self.columns, self.bins, self.steps, strict=True):
            if column in parts:
                masks &= parts[column][np.arange(self.rows) // step % bins]
        return masks


@dataclass(frozen=True, slots=True)
class Tables:
    """The engine's form of a model.

    `starts` [blocks + 1] is each block's first table; `about` and `rows` [tables] say which of the `groups` of columns
    a table is about and where it begins in `masks` [rows, 8]; `leaves` is [blocks, 8, 64]; `binnings` has the columns
    that splits look at.
    """

    trees: int
    starts: npt.NDArray[np.int32]
    about: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int64]
    masks: Masks
    leaves: Doubles
    binnings: dict[int, Binning]
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, trees: Trees) -> Self:
        """Build them; NotCoveredError says what the engine cannot do."""
        blocks = -(-len(trees.trees) // TREES)
        leaves = np.zeros((blocks, TREES, MOST_LEAVES))
        found = [_laid_out(tree, leaves[n // TREES, n % TREES]) for n, tree in enumerate(trees.trees)]
        splits = Splits.of(trees, np.concatenate([np.zeros(0, np.uint64), *found]))
        binnings = {int(column): splits.binning(column) for column in np.unique(splits.column)}
        groups, parts = _together(binnings), _parts(splits, binnings, blocks)
        keys = [(b, g) for b in range(blocks) for g, group in enumerate(groups) if parts[b].keys() & set(group.columns)]
        rows = np.cumsum([0, *(groups[group].rows for _, group in keys)])
        masks = _aligned(int(rows[-1]))
        for (block, group), (first, end) in zip(keys, pairwise(rows), strict=True):
            masks[first:end] = groups[group].table(parts[block])
        starts = np.searchsorted([block for block, _ in keys], np.arange(blocks + 1)).astype(np.int32)
        about = np.array([group for _, group in keys], np.int32)
        return cls(len(trees.trees), starts, about, rows[:-1].astype(np.int64), masks, leaves, binnings, groups)


def _together(binnings: Mapping[int, Binning]) -> tuple[Group, ...]:
    """Those of fewest bins first, as many columns to a group as have few combinations."""
    groups: list[Group] = []
    for column in sorted(binnings, key=lambda column: (binnings[column].bins, column)):
        bins = binnings[column].bins
        if groups and groups[-1].rows * bins <= MOST_TOGETHER:
            last = groups.pop()
            groups.append(Group((*last.columns, column), (*last.bins, bins)))
        else:
            groups.append(Group((column,), (bins,)))
    return tuple(groups)


def _parts(splits: Splits, binnings: dict[int, Binning], blocks: int) -> list[Parts]:
    """Masks of each block, by column."""
    keys, table = np.unique(np.stack([splits.tree // TREES, splits.column]), axis=1, return_inverse=True)
    rows = np.cumsum([0, *(binnings[int(column)].bins for column in keys[1])])
    masks = np.full((int(rows[-1]), TREES), ALL, np.uint64)
    _fill(masks, rows, table.ravel(), splits, binnings)
    found: list[Parts] = [{} for _ in range(blocks)]
    for block, column, first, end in zip(*keys.tolist(), rows[:-1], rows[1:], strict=True):
        found[block][column] = masks[first:end]
    return found


def _laid_out(tree: Tree, leaves: Doubles) -> Masks:
    """Write the leaves from left to right; for each split, the bits of all leaves but those to its left."""
    masks = np.zeros(len(tree.features), np.uint64)
    count = 0

    def descend(node: int) -> None:
        nonlocal count
        if node < 0:
            leaves[count] = tree.leaves[~node]
            count += 1
            return
        first = count
        descend(tree.left[node])
        masks[node] = ALL ^ (2**count - 2**first)
        descend(tree.right[node])

    descend(0 if len(tree.features) else -1)
    return masks


def _aligned(rows: int) -> Masks:
    """Masks [rows, 8] that exclude nothing yet; they begin where a vector of 64 bytes may."""
    room = np.full((rows + 1) * TREES, ALL, np.uint64)
    start = -room.ctypes.data % 64 // room.itemsize
    return room[start : start + rows * TREES].reshape(rows, TREES)


def _fill(masks: Masks, rows: Ints, table: Ints, splits: Splits, binnings: dict[int, Binning]) -> None:
    """Where a bin goes right, exclude the leaves to the left."""
    slot = splits.tree % TREES
    number = ~splits.categorical
    for column, binning in binnings.items():
        here = number & (splits.column == column)
        cut = rows[table[here]] + 1 + np.searchsorted(binning.edges, splits.threshold[here])
        np.bitwise_and.at(masks, (cut, slot[here]), splits.masks[here])
    tables = np.unique(table[number])
    for first, end in zip(rows[tables], rows[tables + 1], strict=True):
        np.bitwise_and.accumulate(
            masks[first : end - 1], out=masks[first : end - 1]
        )  # what is beyond one is beyond all
    right = number & ~splits.missing_left
    np.bitwise_and.at(masks, (rows[table[right] + 1] - 1, slot[right]), splits.masks[right])
    for split in np.flatnonzero(splits.categorical):
        _exclude_codes(masks[rows[table[split]] : rows[table[split] + 1], slot[split]], splits, int(split))


def _exclude_codes(masks: Masks, splits: Splits, split: int) -> None:
    left = np.zeros(len(masks), bool)
    left[splits.codes[int(splits.threshold[split])]] = True
    masks[~left] &= splits.masks[split]
