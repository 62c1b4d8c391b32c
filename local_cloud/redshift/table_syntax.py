"""Read CREATE TABLE: Redshift's own grammar, so that what Redshift would not parse is refused here too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from local_cloud.redshift.column_syntax import Draft, read_column, read_references
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState
from local_cloud.redshift.reader import TokenReader
from local_cloud.redshift.tables import Layout, Table, TableName


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE TABLE as written: a column list, or a table to be LIKE, or a query."""

    name: TableName
    temporary: bool = False
    if_not_exists: bool = False
    table: Table | None = None
    like: TableName | None = None
    including_defaults: bool = False
    query: str | None = None
    query_columns: tuple[str, ...] = ()


def _table_constraint(reader: TokenReader, draft: Draft) -> bool:
    if reader.accept("CONSTRAINT"):
        reader.name()
    if reader.accept("PRIMARY", "KEY"):
        draft.primary_key = reader.names()
    elif reader.keyword() == "UNIQUE" and reader.keyword(1) == "(":
        reader.next()
        reader.names()
    elif reader.accept("FOREIGN", "KEY"):
        reader.names()
        reader.expect("REFERENCES")
        read_references(reader)
    else:
        return False
    return True


def _body(reader: TokenReader, draft: Draft) -> None:
    reader.expect("(")
    while True:
        if not _table_constraint(reader, draft):
            draft.columns.append(read_column(reader, draft))
        if not reader.accept(","):
            break
    reader.expect(")")


def _attributes(reader: TokenReader, draft: Draft) -> None:
    """Physical attributes after the column list: kept for the catalogue, without any effect."""
    while not reader.at_end and reader.keyword() != "AS":
        if reader.accept("BACKUP"):
            reader.accept_any("YES", "NO")
        elif reader.accept("DISTSTYLE"):
            draft.diststyle = reader.accept_any("AUTO", "EVEN", "KEY", "ALL").lower() or reader.fail()
        elif reader.accept("DISTKEY"):
            draft.distkey, draft.diststyle = reader.names()[0], "key"
        elif reader.accept("ENCODE"):
            reader.expect("AUTO")
        else:
            reader.accept_any("COMPOUND", "INTERLEAVED")
            reader.expect("SORTKEY")
            draft.sortkey = () if reader.accept("AUTO") else reader.names()


def _finished(draft: Draft, name: TableName, *, temporary: bool) -> Table:
    names = [column.name for column in draft.columns]
    unknown = {*draft.primary_key, *draft.sortkey, *([draft.distkey] if draft.distkey else [])} - set(names)
    if unknown:
        raise SqlError(f'column "{min(unknown)}" named in key does not exist', SqlState.UNDEFINED_COLUMN)
    repeated = {column for column in names if names.count(column) > 1}
    if repeated:
        raise SqlError(f'column "{min(repeated)}" duplicated', SqlState.SYNTAX)
    key = draft.primary_key
    columns = tuple(replace(column, nullable=column.nullable and column.name not in key) for column in draft.columns)
    return Table(name, columns, temporary, Layout(draft.diststyle, draft.distkey, draft.sortkey, key))


def read_create_table(reader: TokenReader, translate: Callable[[str], str]) -> CreateTable:
    """Read what follows CREATE; `translate` turns a DEFAULT expression into DuckDB's."""
    if reader.accept("LOCAL"):
        reader.accept_any("TEMPORARY", "TEMP") or reader.fail()
        temporary = True
    else:
        temporary = bool(reader.accept_any("TEMPORARY", "TEMP"))
    reader.expect("TABLE")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = reader.table()
    if temporary and name.schema:
        raise SqlError("cannot create temporary relation in non-temporary schema", SqlState.SYNTAX)
    start = CreateTable(name, temporary, if_not_exists)
    if reader.keyword() == "(" and reader.keyword(1) == "LIKE":
        return _like(reader, start)
    if reader.keyword() == "(" and not _names_only(reader):
        return _with_columns(reader, start, translate)
    return _as_query(reader, start)


def _names_only(reader: TokenReader) -> bool:
    return reader.keyword(2) in (",", ")")


def _like(reader: TokenReader, start: CreateTable) -> CreateTable:
    reader.expect("(", "LIKE")
    source = reader.table()
    defaults = reader.accept("INCLUDING", "DEFAULTS")
    if not defaults:
        reader.accept("EXCLUDING", "DEFAULTS")
    reader.expect(")")
    _attributes(reader, Draft())
    reader.finish()
    return replace(start, like=source, including_defaults=defaults)


def _with_columns(reader: TokenReader, start: CreateTable, translate: Callable[[str], str]) -> CreateTable:
    draft = Draft()
    _body(reader, draft)
    _attributes(reader, draft)
    reader.finish()
    if start.temporary and any(column.identity for column in draft.columns):
        raise NotEmulatedError("IDENTITY columns in temporary tables")
    draft.columns = [replace(c, default=translate(c.default) if c.default else None) for c in draft.columns]
    table = _finished(draft, start.name, temporary=start.temporary)
    return replace(start, table=table)


def _as_query(reader: TokenReader, start: CreateTable) -> CreateTable:
    columns = reader.names() if reader.keyword() == "(" else ()
    _attributes(reader, Draft())
    reader.expect("AS")
    query = reader.rest() or reader.fail()
    return replace(start, query=query, query_columns=columns)
