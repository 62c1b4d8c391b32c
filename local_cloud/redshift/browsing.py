"""ListDatabases, ListSchemas, ListTables and DescribeTable."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from local_cloud.redshift.database import Database, Databases
from local_cloud.redshift.functions import SCHEMA
from local_cloud.redshift.results import column_metadata, window
from local_cloud.redshift.submissions import Resolve, read_target
from local_cloud.wire import AwsError, Call, Json

_MOST = 1000
_KINDS = {"BASE TABLE": "TABLE", "VIEW": "VIEW"}


def _matches(pattern: str | None) -> Callable[[str], bool]:
    """A LIKE pattern as the API takes it."""
    escaped = re.escape(pattern or "%").replace("%", ".*").replace("_", ".")
    return lambda name: re.fullmatch(escaped, name, re.IGNORECASE) is not None


class Browser:
    """Answers questions about a database from its system views."""

    def __init__(self, databases: Databases, resolve: Resolve) -> None:
        self._databases = databases
        self._resolve = resolve

    def list_databases(self, _call: Call, request: Json) -> Json:
        """Names of the databases in the workgroup or cluster."""
        target = read_target(request, self._resolve)
        self._databases.open(target)
        return {"Databases": self._databases.names(target.kind, target.name)}

    def list_schemas(self, _call: Call, request: Json) -> Json:
        """Names of the schemas that match SchemaPattern."""
        wanted = _matches(request.get("SchemaPattern"))
        rows = self._rows(request, "SELECT schema_name FROM information_schema__schemata ORDER BY 1")
        found, more = window([{"name": name} for (name,) in rows if wanted(name)], request, most=_MOST)
        return {"Schemas": [schema["name"] for schema in found], **more}

    def list_tables(self, _call: Call, request: Json) -> Json:
        """Tables and views that match SchemaPattern and TablePattern."""
        schemas, tables = _matches(request.get("SchemaPattern")), _matches(request.get("TablePattern"))
        query = "SELECT table_schema, table_name, table_type FROM svv_tables ORDER BY 1, 2"
        found = [
            {"schema": schema, "name": name, "type": _KINDS[kind]}
            for schema, name, kind in self._rows(request, query)
            if schemas(schema) and tables(name)
        ]
        listed, more = window(found, request, most=_MOST)
        return {"Tables": listed, **more}

    def describe_table(self, _call: Call, request: Json) -> Json:
        """The columns of a table; `public` unless Schema is given."""
        from local_cloud.redshift.column_types import labelled

        schema, table = request.get("Schema") or "public", request.get("Table") or ""
        query = "SELECT column_name, type, is_nullable FROM all_columns WHERE schema = ? AND name = ? ORDER BY position"
        rows = self._rows(request, query, schema.lower(), table.lower())
        if not rows:
            raise AwsError("ResourceNotFoundException", f"The table {schema}.{table} does not exist.")
        columns = [
            column_metadata(name, labelled(kind), nullable=nullable) | {"schemaName": schema, "tableName": table}
            for name, kind, nullable in rows
        ]
        listed, more = window(columns, request, most=_MOST)
        return {"TableName": table, "ColumnList": listed, **more}

    def _rows(self, request: Json, query: str, *values: str) -> list[Any]:
        database: Database = self._databases.open(read_target(request, self._resolve))
        cursor = database.cursor()
        cursor.execute(f"SET search_path = 'memory.{SCHEMA}'")
        try:
            rows: list[Any] = cursor.execute(query, list(values)).fetchall()
        finally:
            cursor.close()
        return rows
