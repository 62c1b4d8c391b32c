"""ALTER TABLE. A change of columns rebuilds the table: DuckDB alters no column that has a length check."""

from __future__ import annotations

from dataclasses import replace

from local_cloud.redshift.column_syntax import read_column, read_type
from local_cloud.redshift.dialect import translate_expression
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState
from local_cloud.redshift.lexer import quote_name
from local_cloud.redshift.outcome import Outcome
from local_cloud.redshift.reader import TokenReader
from local_cloud.redshift.tables import Column, Layout, Table, TableName, create_statements
from local_cloud.redshift.work import Work

_PHYSICAL = ("DISTSTYLE", "DISTKEY", "SORTKEY", "COMPOUND", "ENCODE")
_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN")


def alter(work: Work, sql: str) -> Outcome:
    """Run an ALTER statement."""
    reader = TokenReader(sql)
    reader.expect("ALTER")
    if reader.keyword() in ("USER", "GROUP", "ROLE", "DEFAULT"):
        return Outcome()  # permissions inside the database are not checked
    if not reader.accept("TABLE"):
        raise NotEmulatedError(f"ALTER {reader.keyword()}")
    table = work.catalogue.table(reader.table())
    if reader.accept("RENAME"):
        _rename(work, reader, table)
    elif reader.accept("ADD"):
        _add(work, reader, table)
    elif reader.accept("DROP"):
        _drop_column(work, reader, table)
    elif reader.accept("ALTER"):
        _alter_column(work, reader, table)
    elif not reader.accept("OWNER", "TO"):
        raise NotEmulatedError(f"ALTER TABLE ... {reader.keyword()}")
    return Outcome()


def _rename(work: Work, reader: TokenReader, table: Table) -> None:
    if reader.accept("TO"):
        new = TableName(reader.name(), table.name.schema)
        if work.catalogue.find(new):
            raise SqlError(f'Relation "{new}" already exists', SqlState.DUPLICATE_TABLE)
        work.run(f"ALTER TABLE {table.duckdb} RENAME TO {quote_name(new.name)}")
        return
    reader.accept("COLUMN")
    old = _known(table, reader.name())
    reader.expect("TO")
    name = _free(table, reader.name())
    columns = [replace(c, name=name) if c is old else c for c in table.columns]
    _rebuild(work, table, columns, values={c.name: quote_name(old.name if c.name == name else c.name) for c in columns})


def _add(work: Work, reader: TokenReader, table: Table) -> None:
    if reader.keyword() in _CONSTRAINTS:
        return  # keys are not enforced
    reader.accept("COLUMN")
    column = read_column(reader)
    reader.finish()
    _free(table, column.name)
    if column.identity:
        raise NotEmulatedError("adding an IDENTITY column")
    default = translate_expression(column.default, work.scope) if column.default else None
    if not column.nullable and default is None:
        raise SqlError(
            "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression", SqlState.NOT_SUPPORTED
        )
    values = {c.name: quote_name(c.name) for c in table.columns}
    _rebuild(
        work,
        table,
        [*table.columns, replace(column, default=default)],
        values=values | {column.name: default or "NULL"},
    )


def _drop_column(work: Work, reader: TokenReader, table: Table) -> None:
    reader.accept("COLUMN")
    dropped = _known(table, reader.name())
    reader.accept_any("CASCADE", "RESTRICT")
    reader.finish()
    columns = [column for column in table.columns if column is not dropped]
    _rebuild(work, table, columns, values={column.name: quote_name(column.name) for column in columns})


def _alter_column(work: Work, reader: TokenReader, table: Table) -> None:
    if reader.keyword() in _PHYSICAL:
        return
    reader.expect("COLUMN")
    column = _known(table, reader.name())
    if reader.accept("ENCODE"):
        return
    reader.expect("TYPE")
    kind = read_type(reader)
    reader.finish()
    if column.type.base != "character varying" or kind.base != "character varying":
        raise SqlError(
            f'cannot alter the type of column "{column.name}": only VARCHAR sizes can change', SqlState.NOT_SUPPORTED
        )
    columns = [replace(c, type=kind) if c is column else c for c in table.columns]
    _rebuild(work, table, columns, values={c.name: quote_name(c.name) for c in columns})


def _known(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise SqlError(f'column "{name}" of relation "{table.name.name}" does not exist', SqlState.UNDEFINED_COLUMN)
    return column


def _free(table: Table, name: str) -> str:
    if table.column(name):
        raise SqlError(f'column "{name}" of relation "{table.name.name}" already exists', SqlState.DUPLICATE_TABLE)
    return name


def _kept_layout(table: Table, names: list[str]) -> Layout:
    layout = table.layout
    return replace(
        layout,
        distkey=layout.distkey if layout.distkey in names else None,
        sortkey=tuple(name for name in layout.sortkey if name in names),
        primary_key=tuple(name for name in layout.primary_key if name in names),
    )


def _rebuild(work: Work, table: Table, columns: list[Column], *, values: dict[str, str]) -> None:
    """Replace the table by one with these columns, filled with one expression of the old row for each."""
    aside = replace(table, name=replace(table.name, name=f"{table.name.name} before ALTER"))
    new = replace(table, columns=tuple(columns), layout=_kept_layout(table, [c.name for c in columns]))
    work.run(f"ALTER TABLE {table.duckdb} RENAME TO {quote_name(aside.name.name)}")
    for statement in create_statements(new):
        work.run(statement)
    listed = ", ".join(values[column.name] for column in columns)
    work.run(f"INSERT INTO {new.duckdb} SELECT {listed} FROM {aside.duckdb}")  # noqa: S608 - quoted names
    work.run(f"DROP TABLE {aside.duckdb}")
