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
Values = npt.NDArray[np.float32]
T = TypeVar("T")
BLOCK: Final = 100_000  # rows of text that are counted at once
SEPARATORS: Final = r"[^\p{L}\p{N}]+"


class RawColumns:
    """Columns of `table` by name and kind; ContractError names `source` where one is missing or of another kind."""

    def __init__(self, table: pa.Table, source: str) -> None:
        self._table, self._source = table, source
        self._made: dict[Hashable, Any] = {}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self._table.num_rows)

    def number(self, name: str) -> Values:
        """A numeric column; missing and not finite values are NaN."""
        return self.made(("number", name), lambda: narrowed(self._doubles(name)))

    def derived(self, expression: Expression) -> Values:
        """A derived column, likewise."""
        return self.made(("derived", expression.text), lambda: narrowed(self._evaluated(expression)))

    def codes(self, name: str, vocabulary: tuple[str, ...]) -> Values:
        """Places of a categorical column's texts in a vocabulary, NaN where one is missing or unknown."""
        return self.made(("codes", name, vocabulary), lambda: self._coded(name, vocabulary))

    def category(self, name: str) -> pa.Array:
        """A categorical column as texts; an empty text is a missing one, as CSV cannot tell them apart."""
        return self.made(("category", name), lambda: _without_empty(self._pick(name, Kind.CATEGORY)))

    def text(self, name: str, buckets: int) -> Matrix:
        """How often tokens of each hash bucket occur in a text column: [rows, buckets]."""
        return self.made(("text", name, buckets), lambda: self._counted(name, buckets))

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

    def _doubles(self, name: str) -> FloatArray:
        return self.made(("doubles", name), lambda: _finite(self._pick(name, Kind.NUMBER)))

    def _evaluated(self, expression: Expression) -> FloatArray:
        return expression.evaluate({name: self._doubles(name) for name in sorted(expression.names)}, self.rows)

    def _coded(self, name: str, vocabulary: tuple[str, ...]) -> Values:
        held = self._table.column(name).combine_chunks() if self._table.column_names.count(name) == 1 else None
        if not isinstance(held, pa.DictionaryArray):
            return codes_of(self.category(name), vocabulary)
        words = RawColumns(pa.table({name: held.dictionary}), self._source).codes(name, vocabulary)  # each once
        places = pc.fill_null(held.indices.cast(pa.int64()), len(words)).to_numpy()
        found: Values = np.append(words, np.float32(np.nan))[places]
        return found

    def _counted(self, name: str, buckets: int) -> Matrix:
        values = self._pick(name, Kind.TEXT)
        counts = [token_counts(values.slice(start, BLOCK), buckets) for start in range(0, self.rows, BLOCK)]
        return np.concatenate(counts) if counts else np.zeros((0, buckets), np.float32)

    def _pick(self, name: str, kind: Kind) -> pa.Array:
        values = pick(self._table, Column(name, kind), self._source)
        return values.combine_chunks()


def narrowed(values: FloatArray) -> Values:
    """Numbers as models see them: of 32 bits, NaN where that is not finite."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    narrow[~np.isfinite(narrow)] = np.nan
    return narrow


def codes_of(texts: pa.Array, vocabulary: tuple[str, ...]) -> Values:
    """Places of texts in a vocabulary, NaN where one is missing or unknown."""
    codes = pc.index_in(texts, value_set=pa.array(vocabulary, pa.string()), skip_nulls=True)
    filled: Values = pc.fill_null(codes.cast(pa.float32()), float("nan")).to_numpy(zero_copy_only=False)
    return filled


def _finite(numbers: pa.Array) -> FloatArray:
    values = np.array(numbers.to_numpy(zero_copy_only=False), np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def _without_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


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
