"""Slices of the validation rows: category x weight band, as far as they hold enough rows to judge a model by."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.columns import Column, Kind, pick
from processing.features.expressions import FloatArray
from rightpack.settings import Slicing

Flags = npt.NDArray[np.bool_]
UNKNOWN = "unknown"


def slices(validation: pa.Table, labels: FloatArray, slicing: Slicing) -> Iterator[tuple[str, Flags]]:
    """Name and rows of each slice that is large enough, by name; a column that is not there does not divide."""
    keys = np.char.add(np.char.add(_categories(validation, slicing), ", "), _bands(validation, slicing))
    for name in np.unique(keys):
        rows = keys == name
        rarer = min(int(labels[rows].sum()), int((1 - labels[rows]).sum()))
        if rows.sum() >= slicing.minimum_rows and rarer >= slicing.minimum_of_each_label:
            yield str(name), rows


def _categories(table: pa.Table, slicing: Slicing) -> npt.NDArray[np.str_]:
    if slicing.category not in table.column_names:
        return np.full(table.num_rows, "any category")
    values = pick(table, Column(slicing.category, Kind.CATEGORY), "the validation data")
    return np.array(values.fill_null(UNKNOWN).to_pylist(), dtype=np.str_)


def _bands(table: pa.Table, slicing: Slicing) -> npt.NDArray[np.str_]:
    if slicing.weight not in table.column_names:
        return np.full(table.num_rows, "any weight")
    values = pick(table, Column(slicing.weight, Kind.NUMBER), "the validation data").to_numpy().astype(np.float64)
    edges = np.array(slicing.weight_edges)
    ends = [f"{edge:,.0f}".replace(",", "") for edge in edges]
    if not ends:
        return np.full(table.num_rows, "any weight")
    middle = [f"{low} to {high} g" for low, high in pairwise(ends)]
    names = np.array([f"below {ends[0]} g", *middle, f"{ends[-1]} g and more", "weight unknown"])
    found: npt.NDArray[np.str_] = names[
        np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, "right"))
    ]
    return found
