# ruff: noqa: S608 - every name below is our own
"""The system views that an analyst or a loader reads."""

from __future__ import annotations

from local_cloud.redshift.functions import SCHEMA
from local_cloud.redshift.lexer import quote_text

DATABASE = "__database"  #: alias under which the database file is attached; statements call it by its own name

_USER_OBJECTS = f"NOT internal AND database_name IN ('{DATABASE}', 'temp')"
_SCHEMA_NAME = "CASE WHEN database_name = 'temp' THEN 'pg_temp' ELSE schema_name END"
_TYPE = """coalesce(comment, CASE data_type
    WHEN 'VARCHAR' THEN 'character varying' WHEN 'DOUBLE' THEN 'double precision' WHEN 'FLOAT' THEN 'real'
    WHEN 'TIMESTAMP' THEN 'timestamp without time zone' WHEN 'HUGEINT' THEN 'bigint'
    ELSE replace(lower(data_type), 'decimal', 'numeric') END)"""
_LENGTH = r"TRY_CAST(regexp_extract(type, '^character[a-z ]*\((\d+)\)', 1) AS INTEGER)"

# Internal views over DuckDB's catalogue; the views below select from them.
_BASE = (
    f"""all_tables AS
    SELECT {_SCHEMA_NAME} AS schema, table_name AS name, 'BASE TABLE' AS kind, comment, estimated_size
    FROM duckdb_tables() WHERE {_USER_OBJECTS}
    UNION ALL SELECT {_SCHEMA_NAME}, view_name, 'VIEW', NULL, NULL FROM duckdb_views() WHERE {_USER_OBJECTS}""",
    f"""all_columns AS
    SELECT {_SCHEMA_NAME} AS schema, table_name AS name, column_name, column_index AS position, {_TYPE} AS type,
           is_nullable, column_default
    FROM duckdb_columns() WHERE {_USER_OBJECTS}""",
)
_TABLES = (
    "SELECT {database} AS table_catalog, schema AS table_schema, name AS table_name, kind AS table_type FROM all_tables"
)
_COLUMNS = f"""SELECT {{database}} AS table_catalog, schema AS table_schema, name AS table_name, column_name,
    position AS ordinal_position, column_default, CASE WHEN is_nullable THEN 'YES' ELSE 'NO' END AS is_nullable,
    regexp_replace(type, '\\(.*', '') AS data_type, {_LENGTH} AS character_maximum_length FROM all_columns"""
_VIEWS = {
    "information_schema.tables": _TABLES,
    "information_schema.columns": _COLUMNS,
    "information_schema.views": f"{_TABLES} WHERE kind = 'VIEW'",
    "information_schema.schemata": f"""SELECT schema_name FROM duckdb_schemas()
        WHERE database_name = '{DATABASE}' AND schema_name <> 'main'""",
    "svv_tables": _TABLES,
    "svv_columns": _COLUMNS,
    "svv_table_info": """SELECT schema, name AS "table", estimated_size AS tbl_rows,
        upper(coalesce(json_extract_string(comment, '$.diststyle'), 'auto')) AS diststyle,
        json_extract_string(comment, '$.sortkey[0]') AS sortkey1 FROM all_tables WHERE kind = 'BASE TABLE'""",
    "pg_table_def": """SELECT c.schema AS schemaname, c.name AS tablename, c.column_name AS "column", c.type,
        'none' AS encoding, coalesce(json_extract_string(t.comment, '$.distkey') = c.column_name, false) AS distkey,
        coalesce(list_position(CAST(json_extract(t.comment, '$.sortkey') AS VARCHAR[]), c.column_name), 0)::INTEGER
            AS sortkey,
        NOT c.is_nullable AS "notnull"
        FROM all_columns c JOIN all_tables t USING (schema, name) WHERE t.kind = 'BASE TABLE'""",
    "pg_indexes": """SELECT schema AS schemaname, name AS tablename, name || '_pkey' AS indexname,
        'CREATE UNIQUE INDEX ' || name || '_pkey ON ' || schema || '.' || name || ' USING btree (' ||
        array_to_string(CAST(json_extract(comment, '$.primary_key') AS VARCHAR[]), ', ') || ')' AS indexdef
        FROM all_tables WHERE json_array_length(comment, '$.primary_key') > 0""",
    "sys_load_history": "SELECT * FROM load_history",
    "sys_load_error_detail": "SELECT * FROM load_errors",
    "sys_unload_history": "SELECT * FROM unload_history",
}  # fmt: skip

# What COPY and UNLOAD did; kept in memory and, as on Redshift, not undone by a rollback.
HISTORY_TABLES = {
    "load_history": "query_id BIGINT, table_name VARCHAR, data_source VARCHAR, file_format VARCHAR, "
    "loaded_rows BIGINT, loaded_bytes BIGINT, source_file_count BIGINT, status VARCHAR, error_message VARCHAR, "
    "end_time TIMESTAMP",
    "load_errors": "query_id BIGINT, file_name VARCHAR, column_name VARCHAR, column_type VARCHAR, "
    "error_code INTEGER, error_message VARCHAR, start_time TIMESTAMP",
    "unload_history": "query_id BIGINT, file_path VARCHAR, file_format VARCHAR, unloaded_rows BIGINT, "
    "unloaded_files_count BIGINT, unloaded_files_size BIGINT, status VARCHAR, end_time TIMESTAMP",
}


def stored_name(view: str) -> str:
    """The name of a system view in the internal schema."""
    return view.replace(".", "__")


def is_system_view(name: str) -> bool:
    """Whether there is a system view of this name; those of information_schema have two parts."""
    return name in _VIEWS


def view_statements(database: str) -> list[str]:
    """The DuckDB statements that define the system views of `database` and the tables behind them."""
    tables = [f"CREATE TABLE memory.{SCHEMA}.{name} ({columns})" for name, columns in HISTORY_TABLES.items()]
    bases = [f"CREATE VIEW memory.{SCHEMA}.{body}" for body in _BASE]
    views = [
        f"CREATE VIEW memory.{SCHEMA}.{stored_name(name)} AS {body.replace('{database}', quote_text(database))}"
        for name, body in _VIEWS.items()
    ]
    return tables + bases + views
