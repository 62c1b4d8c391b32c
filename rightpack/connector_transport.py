"""Redshift through a driver (redshift_connector): one connection and one transaction for every batch.

The driver itself is handed in, so that this module stays free of packages.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any, Final, Protocol

from rightpack.errors import PlatformError, RightpackError
from rightpack.transport import StatementError, conflict
from rightpack.warehouse import quoted

LONGEST_LABEL: Final = 320
OUR_FAULT_OR_THEIRS: Final = ("08", "53", "57", "58")  # SQLSTATE classes: connection, resources, operator, system


class Cursor(Protocol):
    """What of a DB-API cursor is used."""

    description: Any

    def execute(self, operation: str, /) -> Any:
        """Run one statement."""
        ...

    def fetchall(self) -> Sequence[Sequence[Any]]:
        """All rows of the last statement."""
        ...


class Connection(Protocol):
    """What of a DB-API connection is used; without `autocommit`, its first statement opens a transaction."""

    autocommit: bool

    def cursor(self) -> Cursor:
        """A cursor."""
        ...

    def commit(self) -> None:
        """Commit the transaction."""
        ...

    def close(self) -> None:
        """Close; what is not committed is undone."""
        ...


class ConnectorTransport:
    """Statements and queries of one warehouse.

    Args:
        connect: opens a connection.
        errors: what the driver raises. An error whose first argument is a dictionary (fields C, M, D) is an answer of
            the warehouse; any other one means that there was no answer.
    """

    def __init__(self, connect: Callable[[], Connection], errors: tuple[type[Exception], ...]) -> None:
        self._connect = connect
        self._errors = errors

    def run(self, statements: Sequence[str], *, token: str, name: str = "") -> None:
        """Run statements as one transaction, under the label `name` (or the token) in the query history."""
        label = (name or token)[:LONGEST_LABEL]
        with self._answers(label), self._connection() as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(f"SET query_group TO {quoted(label)}")
            connection.autocommit = False
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query as dictionaries; dates and decimals come as texts, as from the Data API."""
        with self._answers("A query"), self._connection() as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(query)
            names = [_text(column[0]) for column in cursor.description]
            return [dict(zip(names, map(_cell, row), strict=True)) for row in cursor.fetchall()]

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = self._connect()
        try:
            yield connection
        finally:
            with suppress(*self._errors):  # one that is broken is closed already
                connection.close()

    @contextmanager
    def _answers(self, about: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise _failure(about, error) from error


def _failure(about: str, error: Exception) -> RightpackError:
    answer = error.args[0] if error.args else None
    if not isinstance(answer, dict):
        return PlatformError(f"{about}: the connection to the warehouse failed: {error}")
    reason = " ".join(str(answer[field]) for field in ("M", "D") if answer.get(field))
    if met := conflict(about, reason):
        return met
    if str(answer.get("C", ""))[:2] in OUR_FAULT_OR_THEIRS:
        return PlatformError(f"{about}: {reason}")
    return StatementError(f"{about}: {reason}")


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _cell(value: Any) -> Any:
    match value:
        case dt.datetime():
            text = value.replace(tzinfo=None).isoformat(" ")
            return (text.rstrip("0") if "." in text else text) + ("+00" if value.tzinfo else "")
        case dt.date() | dt.time():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case _:
            return value
