"""Look up tables in DuckDB's own catalogue, which is transactional: what a batch created, it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from local_cloud.redshift.column_types import labelled, stored_as
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState
from local_cloud.redshift.system_views import DATABASE
from local_cloud.redshift.tables import Column, Identity, Layout, Table, TableName

_FIND = f"""SELECT database_name = 'temp', schema_name, kind, comment FROM (
    SELECT database_name, schema_name, table_name AS name, 'table' AS kind, comment FROM duckdb_tables()
    UNION ALL SELECT database_name, schema_name, view_name, 'view', comment FROM duckdb_views() WHERE NOT internal)
    WHERE database_name IN ('{DATABASE}', 'temp') AND name = ?"""  # noqa: S608 - own names
_COLUMNS = """SELECT column_name, comment, data_type, is_nullable, column_default FROM duckdb_columns()
    WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name leads: a table or a view, with its comment."""

    name: TableName
    temporary: bool
    kind: str
    comment: str | None


class Catalogue:
    """The tables that one session sees."""

    def __init__(self, cursor: Any, database: str) -> None:
        self._cursor = cursor
        self._database = database
        self.search_path: Sequence[str] = ("public",)

    @property
    def current_schema(self) -> str:
        """Where an unqualified CREATE goes."""
        return self.search_path[0]

    def qualified(self, name: TableName) -> TableName:
        """The name with its schema, for a new permanent object."""
        self._check_database(name)
        return replace(name, schema=name.schema or self.current_schema, database=None)

    def find(self, name: TableName) -> Place | None:
        """Where the name leads: a temporary table first, then the search path."""
        self._check_database(name)
        rows = self._cursor.execute(_FIND, [name.name]).fetchall()
        schemas = [name.schema] if name.schema else [None, *self.search_path]
        for wanted in schemas:
            for temporary, schema, kind, comment in rows:
                if (None if temporary else schema) == wanted:
                    return Place(TableName(name.name, wanted), temporary, kind, comment)
        return None

    def place(self, name: TableName) -> Place:
        """Where the name leads; an unknown name is the error of Redshift."""
        found = self.find(name)
        if found is None:
            raise SqlError(f'relation "{name}" does not exist', SqlState.UNDEFINED_TABLE)
        return found

    def table(self, name: TableName) -> Table:
        """The definition of a table; a view is refused."""
        place = self.place(name)
        if place.kind != "table":
            raise SqlError(f'"{name}" is not a table', SqlState.NOT_SUPPORTED)
        layout = Layout.from_json(place.comment)
        return Table(place.name, self.columns(place, layout), place.temporary, layout)

    def columns(self, place: Place, layout: Layout) -> tuple[Column, ...]:
        """The columns of a table or view in their order."""
        where = ["temp", "main"] if place.temporary else [DATABASE, place.name.schema]
        rows = self._cursor.execute(_COLUMNS, [*where, place.name.name]).fetchall()
        return tuple(
            Column(
                name,
                labelled(comment) if comment else stored_as(kind),
                nullable,
                None if name in layout.identity else default,
                Identity(*layout.identity[name]) if name in layout.identity else None,
            )
            for name, comment, kind, nullable, default in rows
        )

    def _check_database(self, name: TableName) -> None:
        if name.database and name.database != self._database:
            raise NotEmulatedError(f'queries across databases ("{name.database}" from "{self._database}")')
