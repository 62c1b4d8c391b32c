"""From the columns of an inference drop to what decisions are made about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import LIQUID, MASS, OVERRIDES, PREVIOUS, PRICE, PRODUCT, SIDES, Column, Kind, pick
from processing.decisions.arrays import Floats, Indices
from processing.decisions.fit import Products
from processing.decisions.overrides import Overrides
from rightpack.overrides import Override


def products_of(table: pa.Table) -> Products:
    """Sides, mass, price and liquid; what is absent, not finite or not above 0 is unknown."""
    sides = np.stack([_positive(_numbers(table, name)) for name in SIDES], axis=1)
    price = _numbers(table, PRICE)
    price[price < 0] = np.nan
    return Products(sides, _positive(_numbers(table, MASS)), price, _numbers(table, LIQUID))


def previous_of(table: pa.Table, names: Sequence[str]) -> Indices:
    """Place in `names` of the type that each product has so far; -1 for none, or one that there is no more."""
    if PREVIOUS not in table.column_names:
        return np.full(table.num_rows, -1, dtype=np.intp)
    places = pc.index_in(table[PREVIOUS].cast(pa.string()), value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(places, -1).to_numpy().astype(np.intp))


def overrides_of(table: pa.Table, names: Sequence[str], today: dt.date) -> Overrides:
    """What people decided about the products; DataError names an override that cannot be read or obeyed."""
    if OVERRIDES not in table.column_names:
        return Overrides.none(table.num_rows, len(names))
    said = table.select([PRODUCT, OVERRIDES]).filter(pc.is_valid(table[OVERRIDES]))
    found = [
        Override.parse(row[PRODUCT], line) for row in said.to_pylist() for line in row[OVERRIDES].splitlines() if line
    ]
    return Overrides.resolve(found, table[PRODUCT].combine_chunks(), names, today=today)


def _numbers(table: pa.Table, name: str) -> Floats:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    kind = Kind.FLAG if pa.types.is_boolean(table.schema.field(name).type) else Kind.NUMBER
    values: Floats = np.array(pick(table, Column(name, kind), "the features").cast(pa.float64()).to_numpy())
    values[~np.isfinite(values)] = np.nan
    return values


def _positive(values: Floats) -> Floats:
    return np.where(values > 0, values, np.nan)
