"""Types and values of the protocol: object ids, how cells are written, and what parameters mean as SQL."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from local_cloud.redshift.column_types import ColumnType
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState
from local_cloud.redshift.lexer import redshift_text
from local_cloud.redshift.results import as_text

NULL: Final = b"\xff\xff\xff\xff"
TEXT_SAMPLE: Final = "'1'"
UNKNOWN: Final = 705

_OIDS: Final = {
    "boolean": 16,
    "bigint": 20,
    "smallint": 21,
    "integer": 23,
    "real": 700,
    "double precision": 701,
    "character": 1042,
    "character varying": 1043,
    "date": 1082,
    "time without time zone": 1083,
    "timestamp without time zone": 1114,
    "timestamp with time zone": 1184,
    "time with time zone": 1266,
    "numeric": 1700,
    "binary varying": 6551,
}
_NAMES: Final = {oid: name for name, oid in _OIDS.items()}
UNTYPED: Final = frozenset({0, 25, UNKNOWN, 1042, 1043})
_SIZES: Final = {16: 1, 20: 8, 21: 2, 23: 4, 700: 4, 701: 8, 1082: 4, 1083: 8, 1114: 8, 1184: 8, 1266: 12}
_NUMBERS: Final = {20: "!iq", 21: "!ih", 23: "!ii", 700: "!if", 701: "!id"}
_EPOCH: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_LENGTH = struct.Struct("!i")

Encoder = Callable[[Any], bytes]


def oid_of(kind: ColumnType) -> int:
    """The object id of a type."""
    return _OIDS[kind.base]


def size_of(kind: ColumnType) -> int:
    """Bytes of a value in binary form; -1 where that varies."""
    return _SIZES.get(oid_of(kind), -1)


def modifier(kind: ColumnType) -> int:
    """Length, or precision and scale, as the catalogue of PostgreSQL packs them; -1 where there is none."""
    if kind.base == "numeric" and kind.size:
        return ((kind.size[0] << 16) | kind.size[1]) + 4
    return kind.size[0] + 4 if kind.max_bytes else -1


def encoder(kind: ColumnType, *, binary: bool) -> Encoder:
    """Writes a cell of that type with its length before it."""
    oid = oid_of(kind)
    if binary and oid in _NUMBERS:
        return _number_encoder(oid)
    if binary and oid in _BINARY:
        return _prefixed(_BINARY[oid])
    return _prefixed(_TEXT.get(oid, _plain))


def _prefixed(encode: Callable[[Any], bytes]) -> Encoder:
    def write(value: Any) -> bytes:
        data = encode(value)
        return _LENGTH.pack(len(data)) + data

    return write


def _number_encoder(oid: int) -> Encoder:
    packer, size = struct.Struct(_NUMBERS[oid]), _SIZES[oid]
    convert: Callable[[Any], Any] = float if oid in (700, 701) else int

    def write(value: Any) -> bytes:
        try:
            return packer.pack(size, convert(value))
        except (struct.error, OverflowError, ValueError) as error:
            raise SqlError(f"value {value} out of range for type {_NAMES[oid]}", SqlState.OUT_OF_RANGE) from error

    return write


def _plain(value: Any) -> bytes:
    return as_text(value).encode()


def _microseconds(value: dt.datetime) -> bytes:
    moment = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return struct.pack("!q", (moment - _EPOCH) // _MICROSECOND)


def _time_of_day(value: dt.time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


def _zoned_time(value: dt.time) -> bytes:
    offset = value.utcoffset() or dt.timedelta()
    return struct.pack("!qi", _time_of_day(value), -int(offset.total_seconds()))


_TEXT: Final[dict[int, Callable[[Any], bytes]]] = {
    16: lambda value: b"t" if value else b"f",
    6551: lambda value: bytes(value).hex().encode(),
}
_BINARY: Final[dict[int, Callable[[Any], bytes]]] = {
    16: lambda value: b"\1" if value else b"\0",
    1082: lambda value: struct.pack("!i", (value - _EPOCH.date()).days),
    1083: lambda value: struct.pack("!q", _time_of_day(value)),
    1114: _microseconds,
    1184: _microseconds,
    1266: _zoned_time,
}


def literal(data: bytes | None, oid: int, *, binary: bool) -> str:
    """A parameter as an SQL literal of its type; texts stay untyped, so that they fit where they stand."""
    if oid in UNTYPED:
        return "NULL" if data is None else redshift_text(_utf8(data))
    name = _NAMES.get(oid)
    if name is None or name == "binary varying":
        raise NotEmulatedError(f"parameters of the type with the object id {oid}")
    if data is None:
        return f"CAST(NULL AS {name})"
    text = _from_binary(data, oid) if binary else _utf8(data)
    if oid == _OIDS["numeric"]:
        return _decimal(text)
    return f"CAST({redshift_text(text)} AS {name})"


def sample(oid: int) -> str:
    """An SQL literal of the type of a parameter, to find out what a statement answers before its values are there."""
    if oid in UNTYPED:
        return "NULL"
    samples = {16: "true", 1082: "2000-01-01", 1083: "00:00:00", 1266: "00:00:00"}
    samples |= {1114: "2000-01-01 00:00:00", 1184: "2000-01-01 00:00:00"}
    return literal(samples.get(oid, "1").encode(), oid, binary=False)


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SqlError("a parameter is not valid UTF-8", SqlState.INVALID_TEXT) from error


def _from_binary(data: bytes, oid: int) -> str:
    if oid in _NUMBERS:
        return str(struct.unpack("!" + _NUMBERS[oid][2:], data)[0])
    if oid == _OIDS["boolean"]:
        return "true" if data == b"\1" else "false"
    if oid in (1114, 1184):
        moment: dt.datetime = _EPOCH + struct.unpack("!q", data)[0] * _MICROSECOND
        return moment.replace(tzinfo=None).isoformat(" ") + ("+00" if oid == _OIDS["timestamp with time zone"] else "")
    if oid == _OIDS["date"]:
        return str(_EPOCH.date() + dt.timedelta(days=struct.unpack("!i", data)[0]))
    raise NotEmulatedError(f"binary parameters of the type {_NAMES[oid]}")


def _decimal(text: str) -> str:
    try:
        _, digits, exponent = Decimal(text).as_tuple()
    except ArithmeticError as error:
        raise SqlError(f'invalid input syntax for numeric: "{text}"', SqlState.INVALID_TEXT) from error
    if not isinstance(exponent, int):
        raise SqlError(f'invalid input syntax for numeric: "{text}"', SqlState.INVALID_TEXT)
    scale = max(-exponent, 0)
    precision = max(len(digits) + max(exponent, 0), scale, 1)
    if precision > 38:
        raise SqlError(f"the numeric {text} has more than 38 digits", SqlState.OUT_OF_RANGE)
    return f"CAST('{Decimal(text):f}' AS DECIMAL({precision}, {scale}))"
