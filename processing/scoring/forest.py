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
ROWS: Final = 16_384  # at once: their bins stay in the cache while the tables pass by
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
        *((name, ctypes.c_int32) for name in ("trees", "blocks", "columns", "used")),
        *((name, ctypes.c_void_p) for name in ("starts", "features", "rows", "masks", "leaves")),
        *((name, ctypes.c_void_p) for name in ("sources", "categories", "places", "thresholds")),
    )


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
        self._arrays = _arrays(Tables.of(trees))
        self._form = _form(trees, self._arrays)

    def raw(self, matrix: Matrix) -> Doubles:
        """Raw scores of rows [rows, columns]: the sums of their leaves, in the order of the trees."""
        if matrix.shape[1] != self._columns:
            raise InternalError(f"The model takes rows of {self._columns} columns, not {matrix.shape[1]}.")
        rows = np.ascontiguousarray(matrix, np.float32)
        sums = np.empty(len(rows))
        bins = np.empty((min(ROWS, len(rows)), self._form.used), np.uint16)
        for first in range(0, len(rows), ROWS):
            some = rows[first : first + ROWS]
            self._library.rightpack_score(
                ctypes.byref(self._form), self._width, some.ctypes.data, len(some), bins.ctypes.data,
                sums[first:].ctypes.data,
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
    used = sorted(tables.binnings)
    thresholds = [tables.binnings[column].thresholds for column in used]
    return {
        "starts": tables.starts,
        "features": np.searchsorted(used, tables.columns).astype(np.int32),
        "rows": tables.rows,
        "masks": tables.masks,
        "leaves": tables.leaves,
        "sources": np.array(used, np.int32),
        "categories": np.array([tables.binnings[column].categories for column in used], np.int32),
        "places": np.cumsum([0, *map(len, thresholds)]).astype(np.int64),
        "thresholds": np.concatenate([np.zeros(0, np.float32), *thresholds]),
    }


def _form(trees: Trees, arrays: dict[str, npt.NDArray[Any]]) -> _Form:
    addresses = {name: array.ctypes.data for name, array in arrays.items()}
    blocks, used = len(arrays["starts"]) - 1, len(arrays["sources"])
    return _Form(trees=len(trees.trees), blocks=blocks, columns=trees.columns, used=used, **addresses)
