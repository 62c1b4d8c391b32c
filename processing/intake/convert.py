"""Turning the values of one column into the table's type, and saying which ones cannot be turned."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from rightpack.errors import ContractError

ABSENT: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
YES: Final = ("1", "1.0", "true", "t", "yes", "y")
NO: Final = ("0", "0.0", "false", "f", "no", "n")
LARGEST_EXACT: Final = 2.0**53
TIMESTAMP: Final = pa.timestamp("us")


@dataclass(frozen=True, slots=True)
class Converted:
    """Values in the wanted type, null where there is none.

    `problems` says by position what is wrong with the value, to be read behind it ("'abc' is not a number"); `changed`
    counts the values that were mended.
    """

    values: pa.Array
    problems: dict[int, str] = field(default_factory=dict)
    changed: int = 0


Converter = Callable[[pa.Array], Converted]
Parser = Callable[[str], Any]


def as_number(*, factor: float = 1.0, decimal: str = ".", lowest: float | None = None) -> Converter:
    """Numbers times `factor`; below `lowest` or not finite is a problem."""
    reason = "is not a finite number" if lowest is None else f"is not a finite number from {lowest:g} on"

    def convert(raw: pa.Array) -> Converted:
        parsed = _cast(_simple(raw, decimal=decimal), pa.float64(), _number, "a number")
        values = pc.multiply(pc.if_else(pc.is_nan(parsed.values), None, parsed.values), factor)
        refused = pc.invert(pc.is_finite(values))
        if lowest is not None:
            refused = pc.or_(refused, pc.less(values, lowest))
        return Converted(values, parsed.problems | dict.fromkeys(_places(refused), reason))

    return convert


def as_whole_number(*, lowest: int) -> Converter:
    """Whole numbers from `lowest` on, as INTEGER holds them."""
    number = as_number(lowest=float(lowest))

    def convert(raw: pa.Array) -> Converted:
        found = number(raw)
        refused = pc.or_(pc.not_equal(pc.floor(found.values), found.values), pc.greater(found.values, 2**31 - 1))
        problems = dict.fromkeys(_places(refused), "is not a whole number")
        values = pc.if_else(pc.fill_null(refused, False), None, found.values)
        return Converted(pc.cast(values, pa.int32()), problems | found.problems)

    return convert


def as_measure(*, factor: float = 1.0, decimal: str = ".") -> Converter:
    """Physical measures: a zero means that nobody measured, so it becomes null (and is counted as changed)."""
    number = as_number(factor=factor, decimal=decimal, lowest=0.0)

    def convert(raw: pa.Array) -> Converted:
        found = number(raw)
        zero = pc.fill_null(pc.equal(found.values, 0.0), False)
        return Converted(pc.if_else(zero, None, found.values), found.problems, pc.sum(zero).as_py() or 0)

    return convert


def as_text(limit: int, *, cut: bool = False) -> Converter:
    """Trimmed text of at most `limit` bytes; longer ones are cut where `cut`, a problem elsewhere."""

    def convert(raw: pa.Array) -> Converted:
        values = _text(raw)
        long = _places(pc.greater(pc.binary_length(values), limit))
        if not long:
            return Converted(values)
        if not cut:
            return Converted(values, dict.fromkeys(long, f"is longer than {limit} bytes"))
        texts = values.to_pylist()
        for place in long:
            texts[place] = texts[place].encode()[:limit].decode(errors="ignore")
        return Converted(pa.array(texts, pa.string()), changed=len(long))

    return convert


def as_one_of(allowed: Collection[str]) -> Converter:
    """Trimmed text that must be one of the words in `allowed`."""

    def convert(raw: pa.Array) -> Converted:
        values = _text(raw)
        strange = pc.and_(pc.is_valid(values), pc.invert(_among(values, allowed)))
        return Converted(values, dict.fromkeys(_places(strange), f"is not one of {', '.join(allowed)}"))

    return convert


def as_free_name(limit: int, taken: Collection[str]) -> Converter:
    """Trimmed text as in `as_text`, but none of the words that rightpack uses itself."""
    text = as_text(limit)

    def convert(raw: pa.Array) -> Converted:
        found = text(raw)
        clash = dict.fromkeys(
            _places(_among(found.values, taken)), "is a name that rightpack gives itself; take another"
        )
        return Converted(found.values, found.problems | clash)

    return convert


def as_flag(*, inverted: bool = False, to: pa.DataType | None = None) -> Converter:
    """Yes or no, in the usual spellings, as 1 or 0 (the other way round where `inverted`)."""

    def convert(raw: pa.Array) -> Converted:
        texts = pc.utf8_lower(_text(raw))
        yes, no = _among(texts, YES), _among(texts, NO)
        unclear = pc.and_(pc.is_valid(texts), pc.invert(pc.or_(yes, no)))
        values = pc.if_else(pc.or_(yes, no), no if inverted else yes, None)
        problems = dict.fromkeys(_places(unclear), "is neither yes (1) nor no (0)")
        return Converted(values.cast(pa.int8()).cast(to or pa.int16()), problems)

    return convert


def as_moment(date_format: str = "") -> Converter:
    """Dates and times as UTC without a zone; texts in ISO 8601 or in the format given (as for strptime)."""
    kind = f"a date like {date_format}" if date_format else "a date like 2026-11-20 or 2026-11-20T08:00:00"

    def convert(raw: pa.Array) -> Converted:
        values = _simple(raw)
        if pa.types.is_string(values.type):
            return _dates(values, date_format, kind)
        if not (pa.types.is_date(values.type) or pa.types.is_timestamp(values.type)):
            raise ContractError(f"holds {values.type}, not {kind}")
        return Converted(pc.cast(values, TIMESTAMP, safe=False))

    return convert


def _dates(texts: pa.Array, date_format: str, kind: str) -> Converted:
    if not date_format:
        return _cast(texts, TIMESTAMP, lambda text: _utc(dt.datetime.fromisoformat(text)), kind)
    read = dt.datetime.strptime  # most files name no zone, so there is none to ask for
    return _each(texts, TIMESTAMP, lambda text: _utc(read(text, date_format)), kind)


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _number(text: str) -> float:
    if "_" in text or not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _places(mask: pa.Array) -> list[int]:
    """Positions where a mask is true; null counts as false."""
    return list(pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist())


def _among(values: pa.Array, words: Collection[str]) -> pa.Array:
    return pc.is_in(values, pa.array(list(words), pa.string()))


def _plain(raw: pa.Array) -> pa.Array:
    """Undo dictionaries and the several ways to store a string."""
    if pa.types.is_dictionary(raw.type):
        raw = raw.cast(raw.type.value_type)
    kinds = (pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return raw.cast(pa.string()) if any(kind(raw.type) for kind in kinds) else raw


def _text(raw: pa.Array) -> pa.Array:
    """Trimmed text, null where nothing is left."""
    raw = _plain(raw)
    if pa.types.is_floating(raw.type):
        raw = _whole(raw)
    if pa.types.is_boolean(raw.type):
        raw = raw.cast(pa.int8())
    try:
        trimmed = pc.utf8_trim_whitespace(raw.cast(pa.string()))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise ContractError(f"holds {raw.type}, which cannot be read as text") from error
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _whole(raw: pa.Array) -> pa.Array:
    """Integers that some tool stored as floating point because a few were missing."""
    raw = pc.if_else(pc.is_nan(raw), None, raw)
    exact = pc.and_(pc.equal(pc.floor(raw), raw), pc.less(pc.abs(raw), LARGEST_EXACT))
    if not pc.all(pc.fill_null(exact, True)).as_py():
        raise ContractError("holds fractions or huge numbers where text is needed; store ids as text or integers")
    return raw.cast(pa.int64())


def _simple(raw: pa.Array, *, decimal: str = ".") -> pa.Array:
    """Trimmed text without the usual spellings of nothing, or the values as they are where they are no text."""
    raw = _plain(raw)
    if not pa.types.is_string(raw.type):
        return raw
    trimmed = pc.utf8_trim_whitespace(raw)
    if decimal != ".":
        trimmed = pc.replace_substring(trimmed, decimal, ".")
    return pc.if_else(_among(trimmed, ABSENT), None, trimmed)


def _cast(raw: pa.Array, target: pa.DataType, parse: Parser, kind: str) -> Converted:
    """Cast all at once; only when that fails look at each value."""
    try:
        return Converted(raw.cast(target))
    except pa.ArrowNotImplementedError as error:
        raise ContractError(f"holds {raw.type}, not {kind}") from error
    except pa.ArrowInvalid as error:
        if not pa.types.is_string(raw.type):
            raise ContractError(f"holds {raw.type} that is not {kind}: {error}") from error
        return _each(raw, target, parse, kind)


def _each(raw: pa.Array, target: pa.DataType, parse: Parser, kind: str) -> Converted:
    values, problems = [], {}
    for place, text in enumerate(raw.to_pylist()):
        try:
            values.append(None if text is None else parse(text))
        except (ValueError, OverflowError):  # the latter where a time zone leads beyond the calendar
            values.append(None)
            problems[place] = f"is not {kind}"
    return Converted(pa.array(values, target), problems)
