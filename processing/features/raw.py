"""Raw columns of one table as numpy arrays, each made once however many models ask for it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import Column, Kind, pick
from processing.features.expressions import Expression, FloatArray
from rightpack.errors import SettingsError

Matrix = npt.NDArray[np.float32]
T = TypeVar("T")
BLOCK: Final = 100_000  # rows of text that are counted at once
SEPARATORS: Final = r"[^\p{L}\p{N}]+"


class RawColumns:
    """Columns of `table` by name and kind; ContractError names `source` where one is missing or of another kind."""

    def __init__(self, table: pa.Table, source: str) -> None:
        self._table, self._source = table, source
        self._numbers: dict[str, FloatArray] = {}
        self._derived: dict[str, FloatArray] = {}
        self._texts: dict[tuple[str, int], Matrix] = {}
        self._categories: dict[str, pa.Array] = {}
        self._made: dict[Hashable, Any] = {}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self._table.num_rows)

    def number(self, name: str) -> FloatArray:
        """A numeric column; missing and not finite values are NaN."""
        if name not in self._numbers:
            values = self._pick(name, Kind.NUMBER).to_numpy(zero_copy_only=False).astype(np.float64)
            self._numbers[name] = np.where(np.isfinite(values), values, np.nan)
        return self._numbers[name]

    def derived(self, expression: Expression) -> FloatArray:
        """A derived column."""
        if expression.text not in self._derived:
            values = {name: self.number(name) for name in sorted(expression.names)}
            self._derived[expression.text] = expression.evaluate(values, self.rows)
        return self._derived[expression.text]

    def category(self, name: str) -> pa.Array:
        """A categorical column as texts; an empty text is a missing one, as CSV cannot tell them apart."""
        if name not in self._categories:
            values = self._pick(name, Kind.CATEGORY)
            self._categories[name] = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
        return self._categories[name]

    def text(self, name: str, buckets: int) -> Matrix:
        """How often tokens of each hash bucket occur in a text column: [rows, buckets]."""
        if (name, buckets) not in self._texts:
            values = self._pick(name, Kind.TEXT)
            counts = [token_counts(values.slice(start, BLOCK), buckets) for start in range(0, self.rows, BLOCK)]
            self._texts[name, buckets] = np.concatenate(counts) if counts else np.zeros((0, buckets), np.float32)
        return self._texts[name, buckets]

    def made(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` makes of these columns; under one key it is made once."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def plain_text(self, name: str) -> pa.Array:
        """A text column as it is."""
        return self._pick(name, Kind.TEXT)

    def keys(self, *names: str) -> pa.Array:
        """The first of the key columns `names` that is there."""
        name = next((n for n in names if n in self._table.column_names), names[-1])
        return self._pick(name, Kind.KEY)

    def _pick(self, name: str, kind: Kind) -> pa.Array:
        values = pick(self._table, Column(name, kind), self._source)
        return values.combine_chunks()


def token_counts(values: pa.Array, buckets: int) -> Matrix:
    """Hashed counts of the lower-case words and numbers in each text; a missing text has none."""
    if buckets < 1:
        raise SettingsError(f"features.text_buckets: texts need at least one hash bucket, not {buckets}.")
    tokens = pc.split_pattern_regex(pc.fill_null(pc.utf8_lower(values), ""), pattern=SEPARATORS)
    words = pc.list_flatten(tokens).dictionary_encode()
    hashed = [zlib.crc32(word.encode()) % buckets if word else -1 for word in words.dictionary.to_pylist()]
    bucket = np.asarray(hashed, dtype=np.int64)[words.indices.to_numpy()]
    row = pc.list_parent_indices(tokens).to_numpy()
    real = bucket >= 0
    counts = np.bincount(row[real] * buckets + bucket[real], minlength=len(values) * buckets)
    return counts.reshape(len(values), buckets).astype(np.float32)
