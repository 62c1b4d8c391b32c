"""Point the table names of a statement to where they are in DuckDB: the attached file or the system views."""

from __future__ import annotations

from sqlglot import exp

from local_cloud.redshift.errors import NotEmulatedError
from local_cloud.redshift.functions import SCHEMA
from local_cloud.redshift.system_views import DATABASE, is_system_view, stored_name

_RESERVED = ("svv_", "svl_", "svcs_", "sys_", "stl_", "stv_", "pg_", "duckdb_", "sqlite_", "pragma_")
_CLOSED_SCHEMAS = frozenset({SCHEMA, "main", "temp", "memory", "system", DATABASE})


def common_table_names(tree: exp.Expr) -> set[str]:
    """Names that WITH defines in a statement."""
    return {cte.alias.lower() for cte in tree.find_all(exp.CTE)}


def _place(table: exp.Table, database: str) -> None:
    catalog, schema, name = (part.lower() for part in (table.catalog, table.db, table.name))
    if catalog and catalog != database:
        raise NotEmulatedError(f'queries across databases ("{catalog}" from "{database}")')
    table.set("catalog", None)
    known = f"{schema}.{name}" if schema == "information_schema" else name
    if is_system_view(known) and schema in ("", "information_schema", "pg_catalog"):
        _point_to_view(table, known)
    elif name.startswith(_RESERVED) or schema in ("information_schema", "pg_catalog"):
        raise NotEmulatedError(f'the system table "{table.sql(dialect="redshift")}"')
    elif schema in _CLOSED_SCHEMAS:
        raise NotEmulatedError(f'a schema called "{schema}"')


def _point_to_view(table: exp.Table, view: str) -> None:
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
    table.set("catalog", exp.to_identifier("memory"))
    table.set("db", exp.to_identifier(SCHEMA))
    table.set("this", exp.to_identifier(stored_name(view)))


def place_tables(tree: exp.Expr, database: str) -> None:
    """Point the tables of a statement to the attached database and the system views, in place."""
    own = common_table_names(tree)
    for column in tree.find_all(exp.Column):
        column.set("catalog", None)
    for table in list(tree.find_all(exp.Table)):
        if not (table.name.lower() in own and not table.db):
            _place(table, database)
