"""Summaries of a drop's columns for `profile.json`: shares of missing values, quantiles, most frequent categories.

Each summary holds enough to compare two drops without their rows: numbers (and the lengths of texts) as a histogram on
some values that occur, categories as counts of up to `COUNTED` of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import LABEL, MOMENT, Column, Kind

QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
TOP: Final = 20
COUNTED: Final = 200
KNOTS: Final = 50
COMMON: Final = 20
COMMON_SHARE: Final = 0.002


def summarise(table: pa.Table, columns: Sequence[Column]) -> dict[str, dict[str, Any]]:
    """One summary per column of `table` that the contract names, keys excepted."""
    there = set(table.column_names)
    kept = [c for c in columns if c.name in there and c.kind is not Kind.KEY]
    return {c.name: {"kind": c.kind.value, **_column(table[c.name], c.kind)} for c in kept}


def label_counts(table: pa.Table) -> dict[str, Any]:
    """Rows, positives and their share; the share is None without rows."""
    rows, positives = table.num_rows, int(pc.sum(table[LABEL]).as_py() or 0)
    return {"rows": rows, "positives": positives, "label_share": positives / rows if rows else None}


def dates(table: pa.Table) -> dict[str, str | None]:
    """First and last moment of observation."""
    ends = pc.min_max(table[MOMENT]).as_py()
    return {k: ends[e].isoformat() if ends[e] else None for k, e in (("first", "min"), ("last", "max"))}


def _column(values: pa.ChunkedArray, kind: Kind) -> dict[str, Any]:
    share = values.null_count / len(values) if len(values) else 0.0
    counts = {"rows": len(values), "missing": values.null_count, "missing_share": round(share, 6)}
    return {**counts, **_BY_KIND.get(kind, _nothing)(values)}


def _nothing(values: pa.ChunkedArray) -> dict[str, Any]:
    del values
    return {}


def _number(values: pa.ChunkedArray) -> dict[str, Any]:
    numbers = values.drop_null().to_numpy().astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return {"quantiles": None, "mean": None, "histogram": None}
    at = np.quantile(numbers, QUANTILES)
    return {
        "quantiles": {str(q): float(v) for q, v in zip(QUANTILES, at, strict=True)},
        "mean": float(numbers.mean()),
        "histogram": histogram(numbers),
    }


def histogram(numbers: npt.NDArray[np.float64]) -> dict[str, list[float]]:
    """Rows by value: `at` each of the ascending `knots`, and `between` each knot and the one before it.

    The knots are evenly spaced quantiles and the most frequent values, or all values where these are few; so the rows
    of a value that many share are never spread over a range.
    """
    values, counts = np.unique(numbers, return_counts=True)
    upto = np.cumsum(counts)
    kept = np.arange(len(values))
    if len(values) > KNOTS + 1:
        spaced = np.searchsorted(upto, np.linspace(1, len(numbers), KNOTS + 1).round())
        common = np.argsort(-counts, kind="stable")[:COMMON]
        kept = np.union1d(spaced, common[counts[common] > COMMON_SHARE * len(numbers)])
    between = (upto - counts)[kept] - np.r_[0, upto[kept][:-1]]
    return {"knots": values[kept].tolist(), "at": counts[kept].tolist(), "between": between.tolist()}


def _category(values: pa.ChunkedArray) -> dict[str, Any]:
    counts = pc.value_counts(values.drop_null().combine_chunks())
    pairs = zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    ordered = sorted(pairs, key=lambda pair: (-pair[1], str(pair[0])))
    named = {str(name): count for name, count in ordered[:COUNTED]}
    return {"distinct": len(ordered), "top": dict(list(named.items())[:TOP]), "counts": named}


def _text(values: pa.ChunkedArray) -> dict[str, Any]:
    lengths = pc.utf8_length(values)
    known = lengths.drop_null().to_numpy().astype(np.float64)
    return {"mean_length": pc.mean(lengths).as_py(), "histogram": histogram(known) if len(known) else None}


_BY_KIND: Final = {
    Kind.NUMBER: _number,
    Kind.WEIGHT: _number,
    Kind.CATEGORY: _category,
    Kind.FLAG: _category,
    Kind.LABEL: _category,
    Kind.TEXT: _text,
}
