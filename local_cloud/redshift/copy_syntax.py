"""Read COPY."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_cloud.redshift.bulk_options import read_authorization, require_authorization
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState
from local_cloud.redshift.lexer import Kind
from local_cloud.redshift.reader import TokenReader
from local_cloud.redshift.tables import TableName

_FORMATS = ("PARQUET", "CSV", "ORC", "AVRO", "JSON", "FIXEDWIDTH", "SHAPEFILE")
_PARQUET_OPTIONS = frozenset({"ACCEPTINVCHARS", "STATUPDATE", "FILLRECORD", "EXPLICIT_IDS", "SERIALIZETOJSON"})
_NO_EFFECT = frozenset({"ACCEPTINVCHARS", "STATUPDATE", "COMPUPDATE", "MANIFEST", "REGION"})
_CSV_OPTIONS = _NO_EFFECT | {
    "IGNOREHEADER", "DELIMITER", "QUOTE", "NULL", "EMPTYASNULL", "BLANKSASNULL", "GZIP", "DATEFORMAT", "TIMEFORMAT",
}  # fmt: skip
_SWITCHES = ("ON", "OFF", "TRUE", "FALSE", "PRESET")
_DATE_FORMATS = {"DATEFORMAT": ("auto", "YYYY-MM-DD"), "TIMEFORMAT": ("auto", "YYYY-MM-DD HH:MI:SS")}


@dataclass(slots=True)
class Copy:
    """One COPY; options by their upper-case names, with an empty value where they have none."""

    table: TableName
    columns: tuple[str, ...]
    source: str
    format: str = "TEXT"
    manifest: bool = False
    options: dict[str, str] = field(default_factory=dict)
    role: str = ""


def read_copy(sql: str) -> Copy:
    """Read a COPY statement and refuse the options that its format does not take."""
    reader = TokenReader(sql)
    reader.expect("COPY")
    table = reader.table()
    columns = reader.names() if reader.keyword() == "(" else ()
    reader.expect("FROM")
    copy = Copy(table, columns, reader.text())
    role: str | None = None
    while not reader.at_end:
        if (given := read_authorization(reader)) is not None:
            role = given
        else:
            _read_option(reader, copy)
    copy.role = require_authorization("COPY", role)
    _check(copy)
    return copy


def _read_option(reader: TokenReader, copy: Copy) -> None:
    if reader.accept("FORMAT"):
        reader.accept("AS")
        copy.format = reader.accept_any(*_FORMATS) or reader.fail()
    elif format_name := reader.accept_any(*_FORMATS):
        copy.format = format_name
    elif reader.accept("MANIFEST"):
        copy.manifest = True
    else:
        token = reader.next()
        if token.kind is not Kind.WORD:
            raise SqlError(f'syntax error at or near "{token.value}"', SqlState.SYNTAX)
        copy.options[token.keyword] = _option_value(reader)


def _option_value(reader: TokenReader) -> str:
    reader.accept("AS")
    if switch := reader.accept_any(*_SWITCHES):
        return switch
    if reader.keyword() or reader.at_end:
        return ""
    return reader.next().value


def _check(copy: Copy) -> None:
    given = set(copy.options)
    if copy.format == "PARQUET":
        if wrong := given - _PARQUET_OPTIONS:
            raise SqlError(f"{min(wrong)} argument is not supported for PARQUET based COPY", SqlState.NOT_SUPPORTED)
        unknown = given - _NO_EFFECT
    elif copy.format == "CSV":
        unknown = given - _CSV_OPTIONS
    else:
        raise NotEmulatedError(f"COPY of {copy.format}; write FORMAT AS PARQUET or CSV")
    if unknown:
        raise NotEmulatedError(f"COPY with {min(unknown)}")
    for option, known in _DATE_FORMATS.items():
        if copy.options.get(option, "auto") not in known:
            raise NotEmulatedError(f"COPY with {option} {copy.options[option]!r}")
