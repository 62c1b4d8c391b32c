"""What may be wrong with single rows of a table in canonical types, column by column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import MUST_BE_FILLED, Column, Kind
from rightpack.settings import Defence, Range

Rows = npt.NDArray[np.int64]
CONTROL: Final = r"[\x00-\x1f\x7f]"
EARLIEST: Final = dt.datetime(1990, 1, 1)  # noqa: DTZ001 - moments are in UTC and carry no zone
NUMBERS: Final = frozenset({Kind.NUMBER, Kind.WEIGHT})


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows of which one column breaks one rule; `values` are what they hold, where a canonical value does not tell."""

    column: str
    reason: str
    rows: Rows
    values: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What a drop must keep to: columns, limits, its business date, and the columns that name a row (none: no key)."""

    columns: tuple[Column, ...]
    rules: Defence
    date: dt.date
    key: tuple[str, ...] = ()


def without_nan(table: pa.Table, columns: Sequence[Column]) -> tuple[pa.Table, dict[str, int]]:
    """NaN in numbers becomes null, as exports of data frames mean it; how many of which column were."""
    mended = {}
    for column in (c for c in columns if c.kind is Kind.NUMBER and c.name in table.column_names):
        values = table[column.name]
        nan = pc.is_nan(values)
        count = int(pc.sum(nan).as_py() or 0)
        if count:
            place = table.column_names.index(column.name)
            table = table.set_column(place, column.name, pc.if_else(nan, pa.scalar(None, values.type), values))
            mended[column.name] = count
    return table, mended


def findings(table: pa.Table, contract: Contract) -> list[Finding]:
    """Everything that is wrong with rows of `table`, by column in the contract's order."""
    there = set(table.column_names)
    return [
        Finding(column.name, reason, rows)
        for column in contract.columns
        if column.name in there
        for reason, wrong in _rules(table[column.name], column, contract)
        if len(rows := _where(wrong))
    ]


def _where(wrong: pa.ChunkedArray) -> Rows:
    return np.flatnonzero(pc.fill_null(wrong, False).to_numpy())


def _rules(values: pa.ChunkedArray, column: Column, contract: Contract) -> Iterator[tuple[str, pa.ChunkedArray]]:
    rules = contract.rules
    if column.kind in MUST_BE_FILLED and values.null_count:
        yield "is empty", values.is_null()
    if column.kind is Kind.LABEL:
        yield "is neither 0 nor 1", pc.invert(pc.is_in(values, value_set=pa.array([0, 1, None], pa.int8())))
    elif column.kind in NUMBERS:
        least = 0.0 if column.kind is Kind.WEIGHT else None
        yield from _of_numbers(values, rules.ranges.get(column.name, Range(least)))
    elif column.kind is Kind.MOMENT:
        yield from _of_moments(values, contract)
    elif column.kind is Kind.KEY:
        yield from _of_keys(values, rules.key_bytes)
    elif pa.types.is_string(values.type):
        yield from _of_texts(values, rules.text_bytes)


def _of_numbers(values: pa.ChunkedArray, allowed: Range) -> Iterator[tuple[str, pa.ChunkedArray]]:
    finite = pc.is_finite(values)
    yield "is not finite", pc.invert(finite)
    if allowed.least is not None:
        yield f"is below {allowed.least:g}", pc.and_(finite, pc.less(values, allowed.least))
    if allowed.most is not None:
        yield f"is above {allowed.most:g}", pc.and_(finite, pc.greater(values, allowed.most))


def _of_moments(values: pa.ChunkedArray, contract: Contract) -> Iterator[tuple[str, pa.ChunkedArray]]:
    last = contract.date + dt.timedelta(days=contract.rules.future_days)
    end = dt.datetime.combine(last, dt.time.max)
    yield f"is later than {last.isoformat()}", pc.greater(values, pa.scalar(end, values.type))
    yield f"is earlier than {EARLIEST.year}", pc.less(values, pa.scalar(EARLIEST, values.type))


def _of_keys(values: pa.ChunkedArray, most: int) -> Iterator[tuple[str, pa.ChunkedArray]]:
    yield "is blank", pc.equal(pc.utf8_trim_whitespace(values), "")
    yield "holds control characters", pc.match_substring_regex(values, CONTROL)
    yield from _of_texts(values, most)


def _of_texts(values: pa.ChunkedArray, most: int) -> Iterator[tuple[str, pa.ChunkedArray]]:
    yield f"has more than {most} bytes", pc.greater(pc.binary_length(values), most)


def conflicts(table: pa.Table, key: Sequence[str]) -> Rows:
    """Rows that share their key with another row that says something else; rows that are equal do not conflict."""
    if not key or not table.num_rows:
        return np.zeros(0, np.int64)
    shared = _repeated(_codes(table, key))
    if not len(shared):
        return shared
    some = table.take(pa.array(shared))
    keys, wholes = _codes(some, key), _codes(some, some.column_names)
    pairs = np.unique(np.stack([keys, wholes]), axis=1)
    several = np.flatnonzero(np.bincount(pairs[0]) > 1)
    return shared[np.isin(keys, several)]


def _repeated(codes: Rows) -> Rows:
    return np.flatnonzero(np.bincount(codes)[codes] > 1)


def _codes(table: pa.Table, names: Sequence[str]) -> Rows:
    """One number per row, equal where all the columns are."""
    codes = np.zeros(table.num_rows, np.int64)
    for name in names:
        encoded = table[name].combine_chunks().dictionary_encode(null_encoding="encode")
        own = encoded.indices.to_numpy().astype(np.int64)
        mixed = codes * (len(encoded.dictionary) + 1) + own
        codes = own if not codes.any() else np.unique(mixed, return_inverse=True)[1].astype(np.int64)
    return codes
