"""What a statement works with: the connection of its session, the catalogue, and what it leaves for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from local_cloud.redshift.catalogue import Catalogue
from local_cloud.redshift.column_types import stored_as
from local_cloud.redshift.database import Database
from local_cloud.redshift.dialect import Scope
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.lexer import quote_text
from local_cloud.redshift.outcome import ResultSet

_CHUNK = 10_000


@dataclass(slots=True)
class Last:
    """What the functions `pg_last_...()` answer."""

    query_id: int = -1
    copy_id: int = -1
    copy_count: int = 0
    unload_id: int = -1
    unload_count: int = 0


@dataclass(slots=True)
class Work:
    """The state of one session as its statements use it."""

    database: Database
    cursor: Any
    catalogue: Catalogue
    user: str
    last: Last = field(default_factory=Last)
    most_bytes: int | None = None  #: of one result; None where it is sent row by row

    @property
    def scope(self) -> Scope:
        """Names and values for the translator."""
        last = {f"pg_last_{key}": str(getattr(self.last, key)) for key in Last.__slots__}
        texts = {
            "current_database": self.database.target.database,
            "current_schema": self.catalogue.current_schema,
            "current_user": self.user,
            "version": "PostgreSQL 8.0.2, Redshift 1.0 (local cloud on DuckDB)",
        }
        values = last | {"pg_backend_pid": "1073"} | {name: quote_text(text) for name, text in texts.items()}
        return Scope(self.database.target.database, values, self.refusal)

    def refusal(self, sql: str) -> str:
        """The error with which DuckDB would refuse a statement before running it; empty if it would run."""
        import duckdb

        try:
            self.cursor.execute(f"EXPLAIN {sql}")
        except duckdb.Error as error:
            return str(error)
        return ""

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run DuckDB SQL and fetch everything."""
        rows: list[tuple[Any, ...]] = self.cursor.execute(sql, list(parameters)).fetchall()
        return rows

    def column(self, sql: str) -> Any:
        """The only column of a query of DuckDB, as a numpy array."""
        (values,) = self.cursor.execute(sql).fetchnumpy().values()
        return values

    def change(self, sql: str) -> int:
        """Run a DuckDB statement that changes rows; returns how many."""
        rows = self.run(sql)
        return int(rows[0][0]) if rows else 0

    def describe(self, query: str) -> list[tuple[str, str]]:
        """Column names and DuckDB types of a query, without running it."""
        return [(row[0], row[1]) for row in self.run(f"DESCRIBE {query}")]

    def fetch(self, query: str) -> ResultSet:
        """Run a query of DuckDB and keep its result, up to the limit of the Data API."""
        self.cursor.execute(query)
        columns = tuple((name, stored_as(str(kind))) for name, kind, *_ in self.cursor.description)
        rows: list[tuple[Any, ...]] = []
        size = 0
        while chunk := self.cursor.fetchmany(_CHUNK):
            rows += chunk
            if self.most_bytes is None:
                continue
            size += sum(len(value) if isinstance(value, str) else 8 for row in chunk for value in row)
            if size > self.most_bytes:
                raise SqlError(f"Database response exceeded size limit of {self.most_bytes} bytes")
        return ResultSet(columns, rows, size)
