"""Exact evaluation of LightGBM's trees on binned features, several times as fast as LightGBM's own.

The sums are LightGBM's, to the last bit. The compiled part is built with the package; where there was no compiler, or
a model uses what the engine does not cover, there is no forest, the log says why, and LightGBM predicts by itself.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processing.scoring.tables import Tables
from processing.scoring.trees import Doubles, NotCoveredError, Trees
from rightpack.errors import InternalError

LIBRARY: Final = Path(__file__).with_name("_kernel.so")
ROWS: Final = 65_536  # at once: each block's tables come into the cache once for all of them
STRIDE: Final = 16  # of thresholds; see kernel.c
Matrix = npt.NDArray[np.float32]

log = logging.getLogger(__name__)


class Width(IntEnum):
    """Bytes of a processor's vectors."""

    NARROW = 16  # SSE2, NEON
    WIDE = 32  # AVX2
    WIDEST = 64  # AVX-512


class _Form(ctypes.Structure):
    """The model as the compiled part knows it; see `Forest` in kernel.c."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("trees", "blocks", "used", "groups")),
        *((name, ctypes.c_void_p) for name in ("starts", "tables", "rows", "masks", "leaves")),
        *((name, ctypes.c_void_p) for name in ("sources", "members", "steps", "categories")),
        *((name, ctypes.c_void_p) for name in ("edges", "places", "thresholds")),
    )


class _Matrix(ctypes.Structure):
    """Rows as the compiled part knows them; see `Matrix` in kernel.c."""

    _fields_ = (("values", ctypes.c_void_p), ("row", ctypes.c_ssize_t), ("column", ctypes.c_ssize_t))


class Forest:
    """A model's trees, for vectors of `width`, by default this processor's; `odds` if raw scores are log odds.

    NotCoveredError says what the engine cannot do.
    """

    def __init__(self, trees: Trees, width: Width | None = None) -> None:
        self._library = _library()
        if self._library is None:
            raise NotCoveredError("nothing, because its compiled part was not built")
        widest = Width(self._library.rightpack_width())
        self._width = min(width or widest, widest)
        self._columns, self.odds = trees.columns, trees.odds
        tables = Tables.of(trees)
        self._arrays = _arrays(tables)
        self._form = _form(tables, self._arrays)

    def raw(self, matrix: Matrix) -> Doubles:
        """Raw scores of rows [rows, columns]: the sums of their leaves, in the order of the trees."""
        if matrix.shape[1] != self._columns:
            raise InternalError(f"The model takes rows of {self._columns} columns, not {matrix.shape[1]}.")
        rows = np.asarray(matrix, np.float32)
        steps = [stride // rows.itemsize for stride in rows.strides]
        sums = np.empty(len(rows))
        bins = np.empty((ROWS, self._form.groups), np.uint16)
        for first in range(0, len(rows), ROWS):
            some = rows[first : first + ROWS]
            self._library.rightpack_score(
                ctypes.byref(self._form), self._width, ctypes.byref(_Matrix(some.ctypes.data, *steps)), len(some),
                bins.ctypes.data, sums[first:].ctypes.data,
            )  # fmt: skip
        return sums

    def chances(self, matrix: Matrix) -> Doubles:
        """Probabilities of rows [rows, columns]; for models of log odds only."""
        if not self.odds:
            raise InternalError("Scores of this model are not log odds.")
        scores = self.raw(matrix)
        self._library.rightpack_chances(scores.ctypes.data, len(scores))
        return scores


def forest_of(text: str) -> Forest | None:
    """The engine's form of a LightGBM model; None where LightGBM must predict by itself, and the log says why."""
    try:
        return Forest(Trees.parse(text))
    except NotCoveredError as why:
        log.info("LightGBM predicts by itself: the scoring engine does not cover %s.", why)
        return None


@functools.cache
def _library() -> Any:
    if not LIBRARY.exists():
        return None
    found = ctypes.CDLL(str(LIBRARY))
    address, size = ctypes.c_void_p, ctypes.c_size_t
    found.rightpack_score.argtypes = [address, ctypes.c_int, address, size, address, address]
    found.rightpack_score.restype = None
    found.rightpack_chances.argtypes = [address, size]
    found.rightpack_chances.restype = None
    return found


def _arrays(tables: Tables) -> dict[str, npt.NDArray[Any]]:
    """The arrays of the form, by name; they must live as long as it does."""
    used = [column for group in tables.groups for column in group.columns]
    binnings = [tables.binnings[column] for column in used]
    thresholds = [_padded(binning.thresholds) for binning in binnings]
    return {
        "starts": tables.starts,
        "tables": tables.about,
        "rows": tables.rows,
        "masks": tables.masks,
        "leaves": tables.leaves,
        "sources": np.array(used, np.int32),
        "members": np.array([number for number, group in enumerate(tables.groups) for _ in group.columns], np.int32),
        "steps": np.array([step for group in tables.groups for step in group.steps], np.int32),
        "categories": np.array([binning.categories for binning in binnings], np.int32),
        "edges": np.array([len(binning.edges) for binning in binnings], np.int32),
        "places": np.cumsum([0, *map(len, thresholds)]).astype(np.int64),
        "thresholds": np.concatenate([np.zeros(0, np.float32), *thresholds]),
    }


def _padded(thresholds: Matrix) -> Matrix:
    return np.pad(thresholds, (0, STRIDE - len(thresholds) % STRIDE), constant_values=np.inf)


def _form(tables: Tables, arrays: dict[str, npt.NDArray[Any]]) -> _Form:
    addresses = {name: array.ctypes.data for name, array in arrays.items()}
    counts = {"blocks": len(tables.leaves), "used": len(tables.binnings), "groups": len(tables.groups)}
    return _Form(trees=tables.trees, **counts, **addresses)
