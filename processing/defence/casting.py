"""Columns in their canonical types, and the values that cannot be: those are remembered and become null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import Column, check_names, check_type, to_canonical
from rightpack.errors import ContractError

SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Misfit:
    """Rows of one column whose value is not of its kind: where, and what they hold."""

    column: Column
    rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """A table in canonical types, `misfits` null in it."""

    table: pa.Table
    misfits: tuple[Misfit, ...]


def cast(table: pa.Table, columns: Sequence[Column], source: str, *, most: int) -> Cast:
    """Bring the contract's columns of `table` into their canonical types.

    Raises:
        ContractError: a required column is missing, one is there twice or of another type, or more than `most`
            different values of a column are not of its kind; names `source`.
    """
    check_names(table.column_names, columns, source)
    made, misfits = {}, []
    for column in (c for c in columns if c.name in set(table.column_names)):
        made[column.name], misfit = _column(table[column.name], column, source, most)
        misfits += [misfit] if misfit else []
    return Cast(pa.table(made), tuple(misfits))


def _column(values: pa.ChunkedArray, column: Column, source: str, most: int) -> tuple[pa.ChunkedArray, Misfit | None]:
    check_type(values.type, column, source)
    try:
        return to_canonical(values, column, source), None
    except ContractError as whole:
        wrong = _wrong_values(values, column, source, most)
        if wrong is None:
            raise ContractError(f"{whole}, and so it is in more than {most} different values.") from whole
    where = pc.is_in(values, value_set=wrong)
    rows = np.flatnonzero(where.to_numpy())
    shown = tuple(str(v)[:SHOWN] for v in values.take(pa.array(rows)).to_pylist())
    sound = pc.if_else(where, pa.scalar(None, values.type), values)
    return to_canonical(sound, column, source), Misfit(column, rows, shown)


def _wrong_values(values: pa.ChunkedArray, column: Column, source: str, most: int) -> pa.Array | None:
    """Values that cannot be cast, each once; None if there are more than `most`. Each split halves where to look."""
    found: list[pa.Array] = []
    suspects = [pc.unique(values.drop_null())]
    while suspects:
        part = suspects.pop()
        if _fits(part, column, source):
            continue
        if len(part) == 1:
            found.append(part)
            if len(found) > most:
                return None
            continue
        middle = len(part) // 2
        suspects += [part[middle:], part[:middle]]
    return pa.concat_arrays(found)


def _fits(part: pa.Array, column: Column, source: str) -> bool:
    try:
        to_canonical(pa.chunked_array([part]), column, source)
    except ContractError:
        return False
    return True
