"""CREATE, DROP and TRUNCATE."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from local_cloud.redshift.dialect import parse, render, translate_expression, translate_query
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState, SqlSyntaxError
from local_cloud.redshift.lexer import Kind, quote_name, quote_text, tokens
from local_cloud.redshift.outcome import Outcome
from local_cloud.redshift.placing import common_table_names
from local_cloud.redshift.reader import TokenReader
from local_cloud.redshift.system_views import DATABASE, is_system_view
from local_cloud.redshift.table_syntax import CreateTable, read_create_table
from local_cloud.redshift.tables import Table, TableName, create_statements
from local_cloud.redshift.work import Work

_LATE_BINDING = "with no schema binding"
_USERS = ("USER", "GROUP", "ROLE")


def create(work: Work, sql: str) -> Outcome:
    """Run a CREATE statement."""
    reader = TokenReader(sql)
    reader.expect("CREATE")
    kind = reader.keyword()
    if kind in ("TABLE", "TEMP", "TEMPORARY", "LOCAL"):
        return _create_table(work, reader)
    if kind == "SCHEMA":
        return _create_schema(work, reader)
    if kind == "VIEW" or (kind == "OR" and reader.keyword(2) == "VIEW"):
        return _create_view(work, reader)
    if kind in _USERS:
        return Outcome()  # permissions inside the database are not checked
    reader.accept("OR", "REPLACE")
    raise NotEmulatedError(f"CREATE {reader.next().value}")


def _create_table(work: Work, reader: TokenReader) -> Outcome:
    wanted = read_create_table(reader, lambda default: translate_expression(default, work.scope))
    name = wanted.name if wanted.temporary else work.catalogue.qualified(wanted.name)
    existing = work.catalogue.find(name)
    if existing and existing.temporary == wanted.temporary:
        if wanted.if_not_exists:
            return Outcome()
        raise SqlError(f'Relation "{wanted.name}" already exists', SqlState.DUPLICATE_TABLE)
    if wanted.query is not None:
        return _create_from_query(work, wanted, Table(name, (), wanted.temporary))
    for statement in create_statements(_definition(work, wanted, name)):
        work.run(statement)
    return Outcome()


def _definition(work: Work, wanted: CreateTable, name: TableName) -> Table:
    """The table as asked for; LIKE copies names, types and NOT NULL from the catalogue, never by a query."""
    if wanted.table is not None:
        return Table(name, wanted.table.columns, wanted.temporary, wanted.table.layout)
    assert wanted.like is not None  # noqa: S101 - the grammar leaves only LIKE
    source = work.catalogue.table(wanted.like)
    return source.like(name, temporary=wanted.temporary, defaults=wanted.including_defaults)


def _create_from_query(work: Work, wanted: CreateTable, table: Table) -> Outcome:
    query = storable(work, translate_query(wanted.query or "", work.scope), wanted.query_columns)
    count = work.change(f"CREATE {'TEMP ' if wanted.temporary else ''}TABLE {table.duckdb} AS {query}")
    return Outcome(count)


def storable(work: Work, query: str, names: tuple[str, ...] = ()) -> str:
    """The query with column types that Redshift has: sums of whole numbers come as 128 bits from DuckDB.

    `names` renames the columns; raises SqlError for duplicate names, as a table needs different ones.
    """
    columns = work.describe(query)
    if names and len(names) != len(columns):
        raise SqlError(f"the query has {len(columns)} columns, but {len(names)} names are given", SqlState.SYNTAX)
    final = list(names) or [name for name, _ in columns]
    if repeated := {name for name in final if final.count(name) > 1}:
        raise SqlError(f'column "{min(repeated)}" duplicated', SqlState.SYNTAX)
    if not names and all(kind != "HUGEINT" for _, kind in columns):
        return query
    parts = [
        f"{f'CAST({quote_name(name)} AS BIGINT)' if kind == 'HUGEINT' else quote_name(name)} AS {quote_name(new)}"
        for (name, kind), new in zip(columns, final, strict=True)
    ]
    return f"SELECT {', '.join(parts)} FROM ({query})"  # noqa: S608 - quoted names


def _create_schema(work: Work, reader: TokenReader) -> Outcome:
    reader.expect("SCHEMA")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = reader.name()
    if reader.accept("AUTHORIZATION"):
        reader.name()
    if not reader.at_end:
        raise NotEmulatedError("CREATE SCHEMA with more than AUTHORIZATION")
    clause = "IF NOT EXISTS " if if_not_exists else ""
    work.run(f"CREATE SCHEMA {clause}{DATABASE}.{quote_name(name)}")
    return Outcome()


def _create_view(work: Work, reader: TokenReader) -> Outcome:
    replace = reader.accept("OR", "REPLACE")
    reader.expect("VIEW")
    name = work.catalogue.qualified(reader.table())
    columns = reader.names() if reader.keyword() == "(" else ()
    reader.expect("AS")
    body, late = _without_late_binding(reader.rest())
    query = _view_query(work, body)
    listed = f" ({', '.join(map(quote_name, columns))})" if columns else ""
    work.run(f"CREATE {'OR REPLACE ' if replace else ''}VIEW {name.duckdb}{listed} AS {query}")
    if late:
        work.run(f"COMMENT ON VIEW {name.duckdb} IS {quote_text(_LATE_BINDING)}")
    return Outcome()


def _view_query(work: Work, body: str) -> str:
    """The query of a view, with the schema that each table has now: later search paths do not matter."""
    tree = parse(body)
    if not isinstance(tree, exp.Query):
        raise SqlSyntaxError(body.split(maxsplit=1)[0])
    own = common_table_names(tree)
    for table in tree.find_all(exp.Table):
        if table.db or table.name.lower() in own or is_system_view(table.name.lower()):
            continue
        place = work.catalogue.place(TableName(table.name.lower()))
        if place.temporary:
            raise SqlError(f'a view cannot read the temporary table "{place.name}"', SqlState.NOT_SUPPORTED)
        table.set("db", exp.to_identifier(place.name.schema))
    return render(tree, body, work.scope)


def _without_late_binding(body: str) -> tuple[str, bool]:
    tail = [token for token in tokens(body) if token.kind is not Kind.END][-4:]
    if [token.keyword for token in tail] == _LATE_BINDING.upper().split():
        return body[: tail[0].start], True
    return body, False


def drop(work: Work, sql: str) -> Outcome:
    """Run a DROP statement."""
    reader = TokenReader(sql)
    reader.expect("DROP")
    kind = reader.accept_any("TABLE", "VIEW", "SCHEMA")
    if not kind:
        if reader.keyword() in _USERS:
            return Outcome()
        raise NotEmulatedError(f"DROP {reader.keyword()}")
    if_exists = reader.accept("IF", "EXISTS")
    names = [reader.table()]
    while reader.accept(","):
        names.append(reader.table())
    cascade = reader.accept_any("CASCADE", "RESTRICT") == "CASCADE"
    reader.finish()
    for name in names:
        if kind == "SCHEMA":
            _drop_schema(work, name.name, if_exists=if_exists, cascade=cascade)
        else:
            _drop_relation(work, kind, name, if_exists=if_exists, cascade=cascade)
    return Outcome()


def _drop_schema(work: Work, name: str, *, if_exists: bool, cascade: bool) -> None:
    clause = "IF EXISTS " if if_exists else ""
    work.run(f"DROP SCHEMA {clause}{DATABASE}.{quote_name(name)} {'CASCADE' if cascade else 'RESTRICT'}")


def _drop_relation(work: Work, kind: str, name: TableName, *, if_exists: bool, cascade: bool) -> None:
    place = work.catalogue.find(name)
    if place is None:
        if if_exists:
            return
        raise SqlError(f'{kind.capitalize()} "{name}" does not exist', SqlState.UNDEFINED_TABLE)
    if place.kind != kind.lower():
        raise SqlError(f'"{name}" is not a {kind.lower()}', SqlState.NOT_SUPPORTED)
    for view in _dependent_views(work, place.name):
        if not cascade:
            raise SqlError(f"cannot drop {kind.lower()} {name} because view {view} depends on it; use DROP ... CASCADE")
        _drop_relation(work, "VIEW", view, if_exists=True, cascade=True)
    target = Table(place.name, (), place.temporary).duckdb
    work.run(f"DROP {kind} {target}")


def _dependent_views(work: Work, name: TableName) -> list[TableName]:
    """The views that read a relation, late-binding ones left out."""
    if name.schema is None:
        return []
    rows = work.run(
        "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal AND database_name = ? "
        "AND coalesce(comment, '') <> ?",
        [DATABASE, _LATE_BINDING],
    )
    return [
        TableName(view, schema)
        for schema, view, sql in rows
        if (view, schema) != (name.name, name.schema) and _reads(sql, name)
    ]


def _reads(view_sql: str, name: TableName) -> bool:
    definition = sqlglot.parse_one(view_sql, read="duckdb").args["expression"]
    return any(
        (table.name, table.db or "public") == (name.name, name.schema) for table in definition.find_all(exp.Table)
    )


def truncate(work: Work, sql: str) -> Outcome:
    """Empty a table; the caller commits, as Redshift does."""
    reader = TokenReader(sql)
    reader.expect("TRUNCATE")
    reader.accept("TABLE")
    table = work.catalogue.table(reader.table())
    reader.finish()
    work.run(f"DELETE FROM {table.duckdb}")  # noqa: S608 - quoted name
    return Outcome(0)
