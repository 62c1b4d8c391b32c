from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from rightpack.connector_transport import ConnectorTransport
from rightpack.errors import ConflictError, PlatformError
from rightpack.transport import StatementError


class DriverError(Exception):
    """What a driver raises."""


@dataclass
class FakeConnection:
    """A connection that does as it is told and remembers it; `fails` maps a statement to its error."""

    fails: dict[str, Exception] = field(default_factory=dict)
    said: list[tuple[str, bool]] = field(default_factory=list)
    autocommit: bool = False
    description: Any = ((b"id", 23), ("day", 1082))
    closed: int = 0

    def cursor(self) -> FakeConnection:
        return self

    def execute(self, operation: str, /) -> None:
        self.said.append((operation, self.autocommit))
        if operation in self.fails:
            raise self.fails[operation]

    def fetchall(self) -> list[list[Any]]:
        return [[1, dt.date(2026, 1, 2)], [None, None]]

    def commit(self) -> None:
        self.execute("COMMIT")

    def close(self) -> None:
        self.closed += 1
        raise DriverError("connection is closed")


def transport(connection: FakeConnection) -> ConnectorTransport:
    return ConnectorTransport(lambda: connection, (DriverError, OSError))


def test_statements_are_one_labelled_transaction_on_a_connection_of_its_own() -> None:
    connection = FakeConnection()
    transport(connection).run(["a", "b"], token="t", name="it's")
    label, *rest = connection.said
    assert label == ("SET query_group TO 'it''s'", True)
    assert rest == [("a", False), ("b", False), ("COMMIT", False)]
    assert connection.closed == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DriverError({"C": "42P01", "M": "relation does not exist"}), StatementError),
        (DriverError({"C": "22P02", "M": "invalid input", "D": "predictions_mismatch"}), StatementError),
        (DriverError({"C": "XX000", "M": "1023", "D": "Serializable isolation violation on table"}), ConflictError),
        (DriverError({"C": "40001", "M": "Serializable isolation violation"}), ConflictError),
        (DriverError({"C": "57P01", "M": "terminating connection"}), PlatformError),
        (DriverError("BrokenPipe: server socket closed"), PlatformError),
        (ConnectionResetError(104, "reset"), PlatformError),
    ],
)
def test_what_an_error_means(error: Exception, expected: type[Exception]) -> None:
    connection = FakeConnection({"b": error})
    with pytest.raises(expected, match="run-1"):
        transport(connection).run(["a", "b", "c"], token="t", name="run-1")
    assert [statement for statement, _ in connection.said[1:]] == ["a", "b"]
    assert connection.closed == 1


def test_an_answer_that_is_lost_with_the_commit_is_no_refusal() -> None:
    connection = FakeConnection({"COMMIT": DriverError("server socket closed")})
    with pytest.raises(PlatformError):
        transport(connection).run(["a"], token="t")


def test_rows_come_as_dictionaries_of_what_the_data_api_would_send() -> None:
    connection = FakeConnection()
    assert transport(connection).rows("q") == [{"id": 1, "day": "2026-01-02"}, {"id": None, "day": None}]
    assert connection.said == [("q", True)]


def test_moments_and_decimals_are_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=dt.UTC)
    row = [Decimal("1.50"), moment]
    monkeypatch.setattr(FakeConnection, "fetchall", lambda _: [row])
    assert transport(FakeConnection()).rows("q") == [{"id": "1.50", "day": "2026-01-02 03:04:05.25+00"}]
