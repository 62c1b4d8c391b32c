"""The contract of raw columns: which must be there, of which kind, and how each becomes one canonical Arrow type.

Training and serving both read columns through here, so a decimal, an integer or a text that holds numbers gives the
same value on both sides.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from rightpack.errors import ContractError, SettingsError
from rightpack.settings import Features

PRODUCT: Final = "product_id"
ROW: Final = "row_id"
LABEL_ID: Final = "label_id"
LABEL: Final = "suitable"
WEIGHT: Final = "weight"
MOMENT: Final = "observed_at"
SIDES: Final = ("length_cm", "width_cm", "height_cm")
MASS: Final = "weight_g"
PRICE: Final = "price"
LIQUID: Final = "is_liquid"
PREVIOUS: Final = "previous_type"
OVERRIDES: Final = "overrides"
DAMAGE: Final = "damage:"  # how columns of damage rates begin in scores; the package type follows
COUNTS: Final = (
    "earlier_units",
    "earlier_bad",
    "recent_units",
    "recent_bad",
)  # shipments and damage, lately and before
TYPE: Final = "package_type"
EVIDENCE: Final = ("shipped", "bad", "tested", "failed")  # units by product and type, all that was ever heard
RESERVED: Final = frozenset(
    {PRODUCT, ROW, LABEL_ID, LABEL, WEIGHT, MOMENT, PREVIOUS, OVERRIDES, TYPE, *EVIDENCE, *COUNTS}
)


class Kind(StrEnum):
    """What a column holds, whatever its type in the file."""

    KEY = "key"
    LABEL = "label"
    WEIGHT = "weight"
    MOMENT = "moment"
    NUMBER = "number"
    CATEGORY = "category"
    TEXT = "text"
    FLAG = "flag"


TYPES: Final = {
    Kind.KEY: pa.string(),
    Kind.LABEL: pa.int8(),
    Kind.WEIGHT: pa.float64(),
    Kind.MOMENT: pa.timestamp("us"),
    Kind.NUMBER: pa.float64(),
    Kind.CATEGORY: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.FLAG: pa.bool_(),
}
MUST_BE_FILLED: Final = frozenset({Kind.KEY, Kind.LABEL, Kind.WEIGHT, Kind.MOMENT})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the contract."""

    name: str
    kind: Kind
    required: bool = True


DECIDED: Final = (
    Column(PREVIOUS, Kind.CATEGORY, required=False),
    Column(OVERRIDES, Kind.TEXT, required=False),
)  # what was decided about a product before, by a run and by people


def feature_columns(features: Features) -> tuple[Column, ...]:
    """Raw feature columns in a fixed order; SettingsError if one has the name of a column of our own."""
    kinds = ((features.numeric, Kind.NUMBER), (features.categorical, Kind.CATEGORY), (features.text, Kind.TEXT))
    columns = tuple(Column(name, kind) for names, kind in kinds for name in names)
    names = [c.name for c in columns]
    wrong = sorted(RESERVED.intersection(names) | {n for n in names if names.count(n) > 1})
    if wrong:
        raise SettingsError(f"features lists {wrong[0]!r}, which is named twice or belongs to rightpack itself.")
    return columns


def training_columns(features: Features) -> tuple[Column, ...]:
    """What a training drop holds."""
    return (
        Column(LABEL_ID, Kind.KEY, required=False),
        Column(PRODUCT, Kind.KEY),
        Column(LABEL, Kind.LABEL),
        Column(WEIGHT, Kind.WEIGHT),
        Column(MOMENT, Kind.MOMENT),
        *(Column(name, Kind.NUMBER, required=False) for name in COUNTS),
        *feature_columns(features),
    )


def inference_columns(features: Features) -> tuple[Column, ...]:
    """What an inference drop holds: features, and what the recommendation looks at where the shop knows it."""
    return (Column(PRODUCT, Kind.KEY), *product_columns(features), *DECIDED)


def damage_columns(features: Features) -> tuple[Column, ...]:
    """What a drop of evidence on damage holds: a row per product and package type."""
    return (
        Column(PRODUCT, Kind.KEY),
        Column(TYPE, Kind.KEY),
        Column(MOMENT, Kind.MOMENT),
        *(Column(name, Kind.WEIGHT) for name in EVIDENCE),
        *(Column(name, Kind.WEIGHT, required=False) for name in COUNTS[2:]),
        *product_columns(features),
    )


def product_columns(features: Features) -> tuple[Column, ...]:
    """Features, and what decisions look at where the shop knows it."""
    own = feature_columns(features)
    known = {c.name for c in own}
    wanted = [Column(name, Kind.NUMBER, required=False) for name in (*SIDES, MASS, PRICE, LIQUID)]
    return (*own, *(c for c in wanted if c.name not in known))


def conform(table: pa.Table, columns: Sequence[Column], source: str) -> pa.Table:
    """`table` with exactly the contract's columns that it has, in canonical types.

    Raises:
        ContractError: a required column is missing, or one holds another kind of values; names `source`.
    """
    check_names(table.column_names, columns, source)
    there = set(table.column_names)
    return pa.table({c.name: pick(table, c, source) for c in columns if c.name in there})


def check_names(names: Sequence[str], columns: Sequence[Column], source: str) -> None:
    """ContractError if a required column is missing, or one of the contract's is there twice."""
    there, ours = set(names), {c.name for c in columns}
    for column in columns:
        if column.required and column.name not in there:
            raise _absent(column, [n for n in names if n not in ours], source)
        if names.count(column.name) > 1:
            raise ContractError(f"{source} has column {column.name!r} twice.")


def pick(table: pa.Table, column: Column, source: str) -> pa.ChunkedArray:
    """One column in its canonical type, or ContractError."""
    names = table.column_names
    if names.count(column.name) > 1:
        raise ContractError(f"{source} has column {column.name!r} twice.")
    if column.name not in names:
        raise _absent(column, names, source)
    values = canonical(table[column.name], column, source)
    if column.kind in MUST_BE_FILLED and values.null_count:
        row = values.is_null().index(pa.scalar(True)).as_py()
        what = f"Column {column.name!r} of {source}"
        raise ContractError(f"{what} is empty in {values.null_count} rows, first in row {row}.")
    return values


def _absent(column: Column, others: Sequence[str], source: str) -> ContractError:
    """What to say of a missing column: the nearest of the `others` may be what it was renamed to."""
    near = difflib.get_close_matches(column.name, others, n=1, cutoff=0.5)
    hint = f"the nearest that is there is {near[0]!r}" if near else f"others there: {', '.join(others) or 'none'}"
    return ContractError(f"{source} has no column {column.name!r} ({column.kind}); {hint}.")


def canonical(values: pa.ChunkedArray, column: Column, source: str) -> pa.ChunkedArray:
    """`values` cast to the one type of the column's kind; ContractError names the first value that cannot be."""
    check_type(values.type, column, source)
    cast = to_canonical(values, column, source)
    _check_range(cast, column, source)
    return cast


def check_type(kind: pa.DataType, column: Column, source: str) -> None:
    """ContractError if values of this type are never of the column's kind."""
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not _acceptable(plain, column.kind):
        raise ContractError(f"Column {column.name!r} of {source} holds {plain}, not a {column.kind}.")


def to_canonical(values: pa.ChunkedArray, column: Column, source: str) -> pa.ChunkedArray:
    """`values` of an acceptable type in the one of the column's kind, whatever their range."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if column.kind is Kind.CATEGORY and pa.types.is_floating(values.type):
        values = _cast(pc.if_else(pc.is_nan(values), None, values), pa.int64(), column, source)
    return _cast(values, TYPES[column.kind], column, source)


def _acceptable(kind: pa.DataType, wanted: Kind) -> bool:
    is_, whole = pa.types, pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    text = _is_text(kind)
    number = whole or is_.is_floating(kind) or is_.is_decimal(kind)
    accepted = {
        Kind.KEY: text or is_.is_integer(kind),
        Kind.LABEL: number,
        Kind.WEIGHT: number,
        Kind.MOMENT: is_.is_timestamp(kind) or is_.is_date(kind) or text,
        Kind.NUMBER: number or text,
        Kind.CATEGORY: text or whole or is_.is_floating(kind),
        Kind.TEXT: text,
        Kind.FLAG: whole or text,
    }
    return bool(accepted[wanted] or is_.is_null(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _cast(values: pa.ChunkedArray, wanted: pa.DataType, column: Column, source: str) -> pa.ChunkedArray:
    if pa.types.is_decimal(values.type) and pa.types.is_integer(wanted):
        values = values.cast(pa.float64())
    if _is_text(values.type) and wanted != pa.string():
        trimmed = pc.utf8_trim_whitespace(values.cast(pa.string()))
        values = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    try:
        return values.cast(wanted, safe=not pa.types.is_timestamp(values.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        what = f"Column {column.name!r} of {source}"
        raise ContractError(f"{what} is not a {column.kind} everywhere: {str(error).splitlines()[0]}") from error


def _check_range(values: pa.ChunkedArray, column: Column, source: str) -> None:
    if column.kind is Kind.LABEL:
        wrong = pc.invert(pc.is_in(values, value_set=pa.array([0, 1, None], pa.int8())))
    elif column.kind is Kind.WEIGHT:
        wrong = pc.invert(pc.and_(pc.is_finite(values), pc.greater_equal(values, 0.0)))
    else:
        return
    row = pc.index(pc.fill_null(wrong, False), pa.scalar(True)).as_py()
    if row >= 0:
        allowed = "0 or 1" if column.kind is Kind.LABEL else "a number of at least 0"
        raise ContractError(f"Column {column.name!r} of {source} is {values[row].as_py()} in row {row}, not {allowed}.")
