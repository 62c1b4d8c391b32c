"""Read data types and column definitions as Redshift writes them."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_cloud.redshift.column_types import MAX_VARCHAR, ColumnType, named
from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.redshift.reader import TokenReader
from local_cloud.redshift.tables import Column, Identity

# Words that end a DEFAULT expression when they stand outside parentheses.
_AFTER_DEFAULT = frozenset(
    (
        "ENCODE",
        "DISTKEY",
        "SORTKEY",
        "NOT",
        "NULL",
        "PRIMARY",
        "UNIQUE",
        "REFERENCES",
        "IDENTITY",
        "GENERATED",
        "COLLATE",
    )
)


@dataclass(slots=True)
class Draft:
    """Column and table attributes as they are met."""

    columns: list[Column] = field(default_factory=list)
    diststyle: str = "auto"
    distkey: str | None = None
    sortkey: tuple[str, ...] = ()
    primary_key: tuple[str, ...] = ()


def read_type(reader: TokenReader) -> ColumnType:
    """Read a data type with its length or precision."""
    name = reader.name()
    if name == "double":
        reader.expect("PRECISION")
        return named("double precision")
    if name == "character" and reader.accept("VARYING"):
        name = "character varying"
    size: tuple[int, ...] = ()
    if reader.accept("("):
        size = (MAX_VARCHAR,) if reader.accept("MAX") else _sizes(reader)
        reader.expect(")")
    if name in ("timestamp", "time"):
        name = _zoned(reader, name)
    return named(name, size)


def _sizes(reader: TokenReader) -> tuple[int, ...]:
    first = int(reader.number())
    return (first, int(reader.number())) if reader.accept(",") else (first,)


def _zoned(reader: TokenReader, name: str) -> str:
    if reader.accept("WITH", "TIME", "ZONE"):
        return name + "tz"
    reader.accept("WITHOUT", "TIME", "ZONE")
    return name


def _default(reader: TokenReader) -> str:
    start, depth = reader.position, 0
    while not reader.at_end:
        keyword = reader.keyword()
        if depth == 0 and reader.position > start and (keyword in _AFTER_DEFAULT or keyword in (",", ")")):
            break
        depth += (keyword == "(") - (keyword == ")")
        reader.next()
    return reader.since(start)


def _identity(reader: TokenReader, *, by_default: bool) -> Identity:
    reader.expect("(")
    seed = reader.integer()
    reader.expect(",")
    step = reader.integer()
    reader.expect(")")
    return Identity(seed, step, by_default)


def read_references(reader: TokenReader) -> None:
    """Move past what follows REFERENCES: foreign keys are not enforced."""
    reader.table()
    if reader.keyword() == "(":
        reader.names()


def read_column(reader: TokenReader, draft: Draft | None = None) -> Column:
    """Read one column definition; keys found on the way go to the draft."""
    draft = draft or Draft()
    name, kind = reader.name(), read_type(reader)
    nullable, default, identity = True, None, None
    while not reader.at_end and reader.keyword() not in (",", ")"):
        if reader.accept("NOT", "NULL"):
            nullable = False
        elif reader.accept("DEFAULT"):
            default = _default(reader)
        elif reader.accept("IDENTITY"):
            identity = _identity(reader, by_default=False)
        elif reader.accept("GENERATED", "BY", "DEFAULT", "AS", "IDENTITY"):
            identity = _identity(reader, by_default=True)
        elif reader.accept("PRIMARY", "KEY"):
            draft.primary_key, nullable = (name,), False
        else:
            _column_attribute(reader, draft, name)
    if identity and kind.base not in ("integer", "bigint"):
        raise SqlError(f'identity column "{name}" must be of type INT or BIGINT', SqlState.SYNTAX)
    return Column(name, kind, nullable and identity is None, default, identity)


def _column_attribute(reader: TokenReader, draft: Draft, column: str) -> None:
    match reader.keyword():
        case "ENCODE" | "COLLATE":
            reader.next()
            reader.name()
        case "DISTKEY":
            reader.next()
            draft.distkey, draft.diststyle = column, "key"
        case "SORTKEY":
            reader.next()
            draft.sortkey = (column,)
        case "NULL" | "UNIQUE":
            reader.next()
        case "REFERENCES":
            reader.next()
            read_references(reader)
        case _:
            reader.fail()
