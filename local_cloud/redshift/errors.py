"""What a statement may fail with: `SqlError`, worded as Redshift words it, and the way there from DuckDB's errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class SqlState(StrEnum):
    """The SQLSTATE codes that clients branch on."""

    SYNTAX = "42601"
    UNDEFINED_TABLE = "42P01"
    UNDEFINED_COLUMN = "42703"
    UNDEFINED_FUNCTION = "42883"
    UNDEFINED_PARAMETER = "42P02"
    UNDEFINED_OBJECT = "42704"
    DUPLICATE_TABLE = "42P07"
    DATATYPE = "42804"
    NOT_SUPPORTED = "0A000"
    INVALID_TEXT = "22P02"
    OUT_OF_RANGE = "22003"
    TOO_LONG = "22001"
    DIVISION_BY_ZERO = "22012"
    NOT_NULL = "23502"
    CARDINALITY = "21000"
    SERIALIZATION = "40001"
    INVALID_LOGIN = "28000"
    PROTOCOL = "08P01"
    UNDEFINED_STATEMENT = "26000"
    IN_FAILED_TRANSACTION = "25P02"
    ACTIVE_TRANSACTION = "25001"
    CANCELLED = "57014"
    INTERNAL = "XX000"


class SqlError(Exception):
    """A statement failed; the text is what DescribeStatement reports after `ERROR: `."""

    def __init__(self, message: str, state: SqlState = SqlState.INTERNAL) -> None:
        super().__init__(message)
        self.message = message
        self.state = state


class SqlSyntaxError(SqlError):
    """Redshift itself would not parse the statement."""

    def __init__(self, near: str) -> None:
        super().__init__(f'syntax error at or near "{near}"', SqlState.SYNTAX)


class NotEmulatedError(SqlError):
    """Redshift may well run this, the stand-in does not: it refuses rather than guesses."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The local cloud does not simulate {what}.", SqlState.NOT_SUPPORTED)


class CancelledError(SqlError):
    """CancelStatement, or the end of the local cloud, stopped the statement."""

    def __init__(self) -> None:
        super().__init__("Query cancelled on user's request", SqlState.CANCELLED)


_Reword = Callable[[re.Match[str]], str]
_INTEGERS = {
    "INT16": "smallint",
    "INT32": "integer",
    "INT64": "bigint",
    "BOOL": "boolean",
    "DOUBLE": "double precision",
}


def _invalid_text(match: re.Match[str]) -> str:
    kind = _INTEGERS.get(match[2], match[2].lower())
    return f'invalid input syntax for {kind}: "{match[1]}"'


@dataclass(frozen=True, slots=True)
class _Rewording:
    """DuckDB's wording as a pattern, the state it stands for, and Redshift's wording."""

    pattern: str
    state: SqlState
    wording: str | _Reword


_CONFLICT = (
    "1023 DETAIL: Serializable isolation violation: another transaction changed the same rows first. "
    "Run the whole transaction again."
)
_NO_COLUMN = r'column "\1" does not exist'
_NO_RELATION = r'relation "\1" does not exist'
# The first match wins.
_REWORDINGS = (
    _Rewording(r"^Conversion Error: Could not convert string '(.*)' to (\w+)", SqlState.INVALID_TEXT, _invalid_text),
    _Rewording(r"^Conversion Error: (.*out of range.*)", SqlState.OUT_OF_RANGE, r"\1"),
    _Rewording(r"^Conversion Error: (.*)", SqlState.INVALID_TEXT, r"invalid input syntax: \1"),
    _Rewording(r"^Out of Range Error: (.*)", SqlState.OUT_OF_RANGE, r"value out of range: \1"),
    _Rewording(
        r"^Catalog Error: Table with name \"?([^\"]+?)\"? does not exist", SqlState.UNDEFINED_TABLE, _NO_RELATION
    ),
    _Rewording(
        r"^Catalog Error: Schema with name \"?(\w+)\"? does not exist",
        SqlState.UNDEFINED_TABLE,
        r'schema "\1" does not exist',
    ),
    _Rewording(
        r"^Catalog Error: \w+ with name \"?(\w+)\"? already exists",
        SqlState.DUPLICATE_TABLE,
        r'"\1" already exists',
    ),
    _Rewording(r"^Binder Error: Referenced column \"(.+?)\" (?:was )?not found", SqlState.UNDEFINED_COLUMN, _NO_COLUMN),
    _Rewording(
        r"^Binder Error: .* does not have a column (?:named|with name) \"(.+?)\"",
        SqlState.UNDEFINED_COLUMN,
        _NO_COLUMN,
    ),
    _Rewording(
        r"^Binder Error: No function matches the given name and argument types '(.+?)'",
        SqlState.UNDEFINED_FUNCTION,
        r"function \1 does not exist",
    ),
    _Rewording(
        r"^Binder Error: table (\S+) has (\d+) columns but (\d+)",
        SqlState.SYNTAX,
        r"INSERT into \1 has \3 expressions for \2 target columns",
    ),
    _Rewording(
        r"^Constraint Error: NOT NULL constraint failed: (?:\w+\.)*(\w+)",
        SqlState.NOT_NULL,
        r"Cannot insert a NULL value into column \1",
    ),
    _Rewording(
        r"^Constraint Error: CHECK constraint failed on table \S+ with expression .*strlen\(\"?(\w+?)\"?\) <= (\d+)",
        SqlState.TOO_LONG,
        r"value too long for type character varying(\2) in column \1",
    ),
    _Rewording(
        r"^Permission Error: Cannot access file \"(.+?)\"",
        SqlState.UNDEFINED_TABLE,
        _NO_RELATION,
    ),
    _Rewording(r"^TransactionContext Error: .*[Cc]onflict", SqlState.SERIALIZATION, _CONFLICT),
    _Rewording(r"^Invalid Input Error: (division by zero)", SqlState.DIVISION_BY_ZERO, r"\1"),
    _Rewording(r"^Parser Error: (.*)", SqlState.SYNTAX, r"\1"),
    _Rewording(r"^Binder Error: (.*)", SqlState.DATATYPE, r"\1"),
)


def from_duckdb(error: BaseException) -> SqlError:
    """Translate an error of DuckDB to Redshift's words and SQLSTATE; unknown ones keep their first line."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if text.startswith("INTERRUPT Error"):
        return CancelledError()
    for rule in _REWORDINGS:
        if match := re.search(rule.pattern, text):
            message = match.expand(rule.wording) if isinstance(rule.wording, str) else rule.wording(match)
            return SqlError(message, rule.state)
    return SqlError(text)
