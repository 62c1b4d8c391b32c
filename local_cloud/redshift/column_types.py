"""The data types of Redshift: what each is called by SQL, by the catalogue, by the Data API and by DuckDB."""

from __future__ import annotations

import re
from dataclasses import dataclass

from local_cloud.redshift.errors import NotEmulatedError

MAX_VARCHAR = 65535
_DEFAULT_LENGTHS = {"character varying": 256, "character": 1, "binary varying": 64000}


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type by its catalogue name (`character varying`); `size` is its length in bytes, or precision and scale."""

    base: str
    size: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """The type as the catalogue writes it, e.g. `character varying(25)` or `numeric(12,2)`."""
        return f"{self.base}({','.join(map(str, self.size))})" if self.size else self.base

    @property
    def max_bytes(self) -> int | None:
        """The longest value of a character column, in bytes."""
        return self.size[0] if self.base in ("character varying", "character") and self.size else None

    @property
    def duckdb(self) -> str:
        """The DuckDB type that stores it."""
        name = _NAMES[self.base].duckdb
        return f"{name}({','.join(map(str, self.size))})" if self.base == "numeric" else name

    @property
    def api(self) -> str:
        """`typeName` in the answers of the Data API."""
        return _NAMES[self.base].api


@dataclass(frozen=True, slots=True)
class _Names:
    duckdb: str
    api: str
    aliases: tuple[str, ...]


_NAMES = {
    "smallint": _Names("SMALLINT", "int2", ("int2",)),
    "integer": _Names("INTEGER", "int4", ("int", "int4")),
    "bigint": _Names("BIGINT", "int8", ("int8",)),
    "numeric": _Names("DECIMAL", "numeric", ("decimal",)),
    "real": _Names("FLOAT", "float4", ("float4",)),
    "double precision": _Names("DOUBLE", "float8", ("float8", "float")),
    "boolean": _Names("BOOLEAN", "bool", ("bool",)),
    "character": _Names("VARCHAR", "bpchar", ("char", "nchar", "bpchar")),
    "character varying": _Names("VARCHAR", "varchar", ("varchar", "nvarchar", "text")),
    "date": _Names("DATE", "date", ()),
    "timestamp without time zone": _Names("TIMESTAMP", "timestamp", ("timestamp",)),
    "timestamp with time zone": _Names("TIMESTAMP WITH TIME ZONE", "timestamptz", ("timestamptz",)),
    "time without time zone": _Names("TIME", "time", ("time",)),
    "time with time zone": _Names("TIME WITH TIME ZONE", "timetz", ("timetz",)),
    "binary varying": _Names("BLOB", "varbyte", ("varbyte", "varbinary")),
}
_BASES = {alias: base for base, names in _NAMES.items() for alias in (base, *names.aliases)}
_FROM_DUCKDB = {names.duckdb: base for base, names in _NAMES.items() if base != "character"} | {
    "TINYINT": "smallint",
    "TIMESTAMP_NS": "timestamp without time zone",
    "TIMESTAMP_MS": "timestamp without time zone",
    "TIMESTAMP_S": "timestamp without time zone",
}


def named(name: str, size: tuple[int, ...] = ()) -> ColumnType:
    """The type called `name` in SQL, with Redshift's default length or precision where none is given."""
    base = _BASES.get(name.lower())
    if base is None:
        raise NotEmulatedError(f'columns of type "{name}"')
    if base == "numeric":
        return ColumnType(base, (*size, 0)[:2] if size else (18, 0))
    if base in _DEFAULT_LENGTHS:
        fixed = (256,) if name.lower() in ("text", "bpchar") else (_DEFAULT_LENGTHS[base],)
        return ColumnType(base, size or fixed)
    return ColumnType(base)


def labelled(label: str) -> ColumnType:
    """The type whose `label` this is."""
    base, _, size = label.rstrip(")").partition("(")
    return ColumnType(base, tuple(int(part) for part in size.split(",")) if size else ())


def stored_as(duckdb: str) -> ColumnType:
    """The type Redshift would report for a value that DuckDB types as `duckdb`; 128-bit sums count as `bigint`."""
    if match := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", duckdb):
        return ColumnType("numeric", (int(match[1]), int(match[2])))
    if duckdb in ("HUGEINT", '"NULL"'):
        return ColumnType("bigint" if duckdb == "HUGEINT" else "character varying")
    if duckdb == "INTERVAL":
        return ColumnType("character varying")
    if duckdb not in _FROM_DUCKDB:
        raise NotEmulatedError(f"values of the type {duckdb}")
    return ColumnType(_FROM_DUCKDB[duckdb])
