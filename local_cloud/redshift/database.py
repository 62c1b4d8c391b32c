"""The DuckDB files behind the workgroups: one for each pair of workgroup and database name."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.host import ObjectStore
from local_cloud.redshift.functions import SCHEMA, macro_statements
from local_cloud.redshift.lexer import quote_name, quote_text
from local_cloud.redshift.locks import WriteLock
from local_cloud.redshift.system_views import DATABASE, view_statements

_SETTINGS = {
    "threads": 2,
    "memory_limit": "2GB",
    "default_null_order": "nulls_last_on_asc_first_on_desc",
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


@dataclass(frozen=True, slots=True)
class Target:
    """Whose database: a workgroup or a cluster by name, and the name of the database in it."""

    kind: str
    name: str
    database: str


class Database:
    """One open database. Statements reach no file but those in `staging`."""

    def __init__(self, folder: Path, target: Target, *, objects_of: Callable[[str], ObjectStore], region: str) -> None:
        import duckdb

        self.target = target
        self.objects_of = objects_of  #: S3 as a role sees it; without one (keys, the default role) nothing is judged
        self.region = region
        self.lock = WriteLock()
        home = folder / f"{target.kind}-{target.name}"
        self.staging = home / "staging" / target.database
        self.staging.mkdir(parents=True, exist_ok=True)
        self._query_ids = itertools.count(1001)
        self._connection = duckdb.connect(config={**_SETTINGS, "temp_directory": str(home / "spill")})
        self._open(home / f"{target.database}.duckdb")

    def _open(self, path: Path) -> None:
        for statement in (
            f"ATTACH {quote_text(str(path))} AS {quote_name(DATABASE)} (STORAGE_VERSION 'v1.4.0')",
            f"SET allowed_directories = [{quote_text(str(self.staging))}]",
            "SET enable_external_access = false",
            f"CREATE SCHEMA IF NOT EXISTS {DATABASE}.public",
            f"CREATE SCHEMA memory.{SCHEMA}",
            f"SET search_path = {quote_text(f'memory.{SCHEMA}')}",
            *macro_statements(),
            *view_statements(self.target.database),
        ):
            self._connection.execute(statement)

    def cursor(self) -> Any:
        """A new connection with the settings of a session; DuckDB does not inherit them."""
        cursor = self._connection.cursor()
        self.use_schemas(cursor, ["public"])
        cursor.execute("SET integer_division = true")
        cursor.execute("SET TimeZone = 'UTC'")
        return cursor

    def use_schemas(self, cursor: Any, schemas: Sequence[str]) -> None:
        """Set the search path of a connection."""
        path = ",".join([*(f"{DATABASE}.{quote_name(schema)}" for schema in schemas), f"memory.{SCHEMA}"])
        cursor.execute(f"SET search_path = {quote_text(path)}")

    def next_query_id(self) -> int:
        """The number of the next query."""
        return next(self._query_ids)

    def record(self, table: str, values: Sequence[Any]) -> None:
        """Add a row to a history table, outside of every transaction."""
        cursor = self._connection.cursor()
        marks = ", ".join("?" * len(values))
        cursor.execute(f"INSERT INTO memory.{SCHEMA}.{table} VALUES ({marks})", list(values))  # noqa: S608 - own names
        cursor.close()

    def close(self) -> None:
        """Write everything to the file and let go of it."""
        self._connection.close()


class Databases:
    """The databases in use, opened at first use."""

    def __init__(self, folder: Path, objects_of: Callable[[str], ObjectStore], region: str) -> None:
        self._folder = folder
        self._objects_of = objects_of
        self._region = region
        self._opened: dict[Target, Database] = {}
        self._opening = threading.Lock()

    def open(self, target: Target) -> Database:
        """The database of a target."""
        with self._opening:
            if target not in self._opened:
                self._opened[target] = Database(self._folder, target, objects_of=self._objects_of, region=self._region)
            return self._opened[target]

    def names(self, kind: str, name: str) -> list[str]:
        """Names of the databases that a workgroup or cluster has, opened or on disk."""
        stored = {path.stem for path in (self._folder / f"{kind}-{name}").glob("*.duckdb")}
        opened = {target.database for target in self._opened if (target.kind, target.name) == (kind, name)}
        return sorted(stored | opened)

    def close(self) -> None:
        """Close every database."""
        with self._opening:
            for database in self._opened.values():
                database.close()
            self._opened.clear()
