"""Tables as the stand-in knows them, and the DuckDB statements that make one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local_cloud.redshift.column_types import ColumnType
from local_cloud.redshift.lexer import quote_name, quote_text


@dataclass(frozen=True, slots=True)
class TableName:
    """A name in a statement; without a schema, temporary tables and then the search path decide."""

    name: str
    schema: str | None = None
    database: str | None = None

    @classmethod
    def of(cls, parts: Sequence[str]) -> TableName:
        """The name of one, two or three parts."""
        optional = [None, None, *parts]
        return cls(parts[-1], optional[-2], optional[-3])

    @property
    def duckdb(self) -> str:
        """The name quoted for DuckDB."""
        return ".".join(quote_name(part) for part in (self.schema, self.name) if part)

    def __str__(self) -> str:
        return ".".join(part for part in (self.schema, self.name) if part)


@dataclass(frozen=True, slots=True)
class Identity:
    """IDENTITY(seed, step); `by_default` accepts values from the statement too."""

    seed: int
    step: int
    by_default: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `default` is an expression of DuckDB."""

    name: str
    type: ColumnType
    nullable: bool = True
    default: str | None = None
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What Redshift keeps about a table and DuckDB does not need; no key is enforced, as on Redshift."""

    diststyle: str = "auto"
    distkey: str | None = None
    sortkey: tuple[str, ...] = ()
    primary_key: tuple[str, ...] = ()
    identity: dict[str, list[Any]] = field(default_factory=dict)

    def to_json(self) -> str:
        """The layout as the table's comment."""
        parts = {"diststyle": self.diststyle, "distkey": self.distkey, "sortkey": self.sortkey}
        return json.dumps(parts | {"primary_key": self.primary_key, "identity": self.identity})

    @classmethod
    def from_json(cls, text: str | None) -> Layout:
        """The layout in a table's comment; tables made by a query have none."""
        parts = json.loads(text) if text else {}
        return cls(
            parts.get("diststyle", "auto"),
            parts.get("distkey"),
            tuple(parts.get("sortkey", ())),
            tuple(parts.get("primary_key", ())),
            parts.get("identity", {}),
        )


@dataclass(frozen=True, slots=True)
class Table:
    """A table; a `temporary` one has no schema and lives as long as its session."""

    name: TableName
    columns: tuple[Column, ...]
    temporary: bool = False
    layout: Layout = field(default_factory=Layout)

    @property
    def names(self) -> list[str]:
        """The column names in table order."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def like(self, name: TableName, *, temporary: bool, defaults: bool) -> Table:
        """A table with the same columns; keys and identities are not inherited, defaults on demand."""
        columns = tuple(replace(c, identity=None, default=c.default if defaults else None) for c in self.columns)
        return Table(name, columns, temporary)

    @property
    def duckdb(self) -> str:
        """The table's full name for DuckDB."""
        return f"temp.main.{quote_name(self.name.name)}" if self.temporary else self.name.duckdb


def _sequence(table: Table, column: Column) -> str:
    return quote_name(f"identity of {table.name} {column.name}")


def _column_sql(table: Table, column: Column) -> str:
    parts = [quote_name(column.name), column.type.duckdb]
    if column.identity:
        parts.append(f"DEFAULT nextval({quote_text('public.' + _sequence(table, column))})")
    elif column.default:
        parts.append(f"DEFAULT ({column.default})")
    if not column.nullable:
        parts.append("NOT NULL")
    if column.type.max_bytes:
        parts.append(f"CHECK (strlen({quote_name(column.name)}) <= {column.type.max_bytes})")
    return " ".join(parts)


def create_statements(table: Table) -> list[str]:
    """The DuckDB statements that create `table`: lengths in bytes become checks, types and keys become comments."""
    found = [
        f"CREATE SEQUENCE IF NOT EXISTS public.{_sequence(table, column)} INCREMENT {column.identity.step} "
        f"MINVALUE {min(column.identity.seed, 0)} START {column.identity.seed}"
        for column in table.columns
        if column.identity
    ]
    columns = ", ".join(_column_sql(table, column) for column in table.columns)
    found.append(f"CREATE {'TEMP ' if table.temporary else ''}TABLE {table.duckdb} ({columns})")
    found += [
        f"COMMENT ON COLUMN {table.duckdb}.{quote_name(column.name)} IS {quote_text(column.type.label)}"
        for column in table.columns
    ]
    identity = {c.name: [c.identity.seed, c.identity.step, c.identity.by_default] for c in table.columns if c.identity}
    layout = replace(table.layout, identity=identity)
    return [*found, f"COMMENT ON TABLE {table.duckdb} IS {quote_text(layout.to_json())}"]
