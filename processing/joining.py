"""Join scores to rows: every row exactly once, whatever order the transform wrote them in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import ROW
from rightpack.errors import ResultError


def aligned(scores: pa.Table, ids: pa.ChunkedArray, names: Sequence[str]) -> pa.Table:
    """Columns `names` of `scores` in the order of `ids`, which hold no value twice.

    Raises:
        ResultError: a column is missing, or a row is missing, doubled or not one that was sent; names the first.
    """
    missing = [name for name in (ROW, *names) if name not in scores.column_names]
    if missing:
        raise ResultError(f"The scores have no column {missing[0]!r}; they have {', '.join(scores.column_names)}.")
    got = scores[ROW]
    if not _same(got, ids):
        _check_each_once(got, ids)
        places = pc.index_in(ids.combine_chunks(), value_set=got.combine_chunks())
        scores = scores.take(places)
    for name in names:
        _check_chances(scores[name], name)
    return scores.select(list(names))


def _same(got: pa.ChunkedArray, ids: pa.ChunkedArray) -> bool:
    return len(got) == len(ids) and bool(pc.all(pc.equal(got, ids), min_count=0).as_py())


def _check_each_once(got: pa.ChunkedArray, ids: pa.ChunkedArray) -> None:
    counts = f"{len(ids)} rows were sent and {len(got)} scores came back"
    values = got.to_numpy(zero_copy_only=False).astype(object)
    ordered = np.sort(values)
    doubled = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(doubled):
        raise ResultError(f"Row {doubled[0]!r} is scored twice: {counts}.")
    for what, rows, among in (("is not scored", ids, got), ("was never sent", got, ids)):
        absent = rows.filter(pc.invert(pc.is_in(rows, value_set=among.combine_chunks())))
        if len(absent):
            raise ResultError(f"Row {absent[0].as_py()!r} {what}: {counts}.")


def _check_chances(values: pa.ChunkedArray, name: str) -> None:
    inside = pc.and_(pc.greater_equal(values, 0.0), pc.less_equal(values, 1.0))
    if values.null_count or not pc.all(inside, min_count=0).as_py():
        raise ResultError(f"Scores of {name!r} are not all numbers from 0 to 1.")
