"""What the code that loads and asks needs of a way to the warehouse; it does not know which of the two it has.

`DataApi` needs nothing but boto3 and no network path to the warehouse. `ConnectorTransport` needs a driver and a path,
and has no limits on the number and the length of statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from rightpack.errors import ConflictError, DataError
from rightpack.layout import Layout
from rightpack.settings import Warehouse


class StatementError(DataError):
    """The warehouse refused a statement; the message holds its words."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which warehouse: Redshift Serverless workgroup and database."""

    workgroup: str
    database: str

    @classmethod
    def of(cls, warehouse: Warehouse, layout: Layout) -> Self:
        """The warehouse of the settings; the workgroup's name defaults to the stage's own."""
        return cls(warehouse.workgroup or layout.workgroup, warehouse.database)


class Transport(Protocol):
    """A way to one database."""

    def run(self, statements: Sequence[str], *, token: str, name: str = "") -> None:
        """Run statements as one transaction; `name` labels it in the warehouse's history.

        Raises:
            StatementError: a statement was refused; nothing has changed.
            ConflictError: another writer was faster; nothing has changed.
            PlatformError: no answer; the transaction may be committed or not, and only the data tell.
        """
        ...

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query as dictionaries; decimals, dates and times are texts. Raises what `run` raises."""
        ...


def conflict(about: str, reason: str) -> ConflictError | None:
    """The error of a transaction that Redshift undid because of another one (its error 1023), else None."""
    if "1023" in reason or "erializable isolation" in reason:
        return ConflictError(f"{about} met a concurrent writer: {reason}")
    return None
