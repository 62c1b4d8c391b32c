"""Feedback added up by product and package type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import EVIDENCE, PRODUCT, TYPE
from processing.decisions.arrays import Floats


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts [products, types]: units shipped, damage reported, units tested, tests failed."""

    shipped: Floats
    bad: Floats
    tested: Floats
    failed: Floats

    @classmethod
    def of(cls, table: pa.Table, ids: pa.Array, types: Sequence[str]) -> Self:
        """From rows by product and type (`EVIDENCE`), to the products `ids` and `types`; other rows are left out."""
        row = pc.index_in(table[PRODUCT].combine_chunks(), value_set=ids)
        place = pc.index_in(table[TYPE].combine_chunks(), value_set=pa.array(types, pa.string()))
        known = pc.and_(pc.is_valid(row), pc.is_valid(place)).to_numpy(zero_copy_only=False)
        cells = pc.fill_null(row, 0).to_numpy() * len(types) + pc.fill_null(place, 0).to_numpy()

        def total(name: str) -> Floats:
            values = table[name].to_numpy().astype(np.float64)
            sums = np.bincount(cells[known], values[known], minlength=len(ids) * len(types))
            return sums.astype(np.float64).reshape(len(ids), len(types))

        return cls(*(total(name) for name in EVIDENCE))

    def take(self, rows: Any) -> Counts:
        """Some of the products."""
        return Counts(self.shipped[rows], self.bad[rows], self.tested[rows], self.failed[rows])
