"""Redshift through the Data API: asynchronous statements, one transaction per batch."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rightpack.errors import PlatformError, RightpackError
from rightpack.transport import StatementError, Target, conflict

if TYPE_CHECKING:
    from mypy_boto3_redshift_data import RedshiftDataAPIServiceClient

__all__ = ["DataApi", "StatementError", "Target"]

MAX_STATEMENTS: Final = 40
RUNNING: Final = frozenset({"SUBMITTED", "PICKED", "STARTED"})
FIRST_POLL_SECONDS: Final = 0.02
LONGEST_POLL_SECONDS: Final = 2.0
NO_ANSWER: Final = re.compile(
    r"connection .*(lost|closed|reset|refused|terminated)|terminating connection|restart|timed out|not reachable"
    r"|temporarily unavailable|internal error",
    re.IGNORECASE,
)  # a failure that says nothing about the statement: it may even have been committed


class DataApi:
    """Statements and queries of one warehouse."""

    def __init__(
        self, client: RedshiftDataAPIServiceClient, target: Target, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._target = {"WorkgroupName": target.workgroup, "Database": target.database}
        self._sleep = sleep

    def start(self, statements: Sequence[str], *, token: str, name: str = "", with_event: bool = False) -> str:
        """Start statements as one transaction and return the id; the same token within 8 hours starts nothing new."""
        if not 0 < len(statements) <= MAX_STATEMENTS:
            raise ValueError(f"{len(statements)} statements; a batch holds 1 to {MAX_STATEMENTS}")
        options: dict[str, Any] = {**self._target, "ClientToken": token[:64], "WithEvent": with_event}
        if name:
            options["StatementName"] = name
        if len(statements) == 1:
            return self._client.execute_statement(Sql=statements[0], **options)["Id"]
        return self._client.batch_execute_statement(Sqls=list(statements), **options)["Id"]

    def wait(self, statement_id: str) -> None:
        """Wait for a terminal state; StatementError, ConflictError or PlatformError if it is not FINISHED."""
        with _reached(statement_id):
            found = self._ended(statement_id)
        if found["Status"] != "FINISHED":
            raise _failure(statement_id, found["Status"], found.get("Error", ""))

    def _ended(self, statement_id: str) -> Any:
        pause = FIRST_POLL_SECONDS
        while (found := self._client.describe_statement(Id=statement_id))["Status"] in RUNNING:
            self._sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
        return found

    def run(self, statements: Sequence[str], *, token: str, name: str = "") -> None:
        """Start and wait."""
        with _reached(name or token):
            statement_id = self.start(statements, token=token, name=name)
        self.wait(statement_id)

    def rows(self, query: str, *, token: str = "") -> list[dict[str, Any]]:
        """Rows of a query as dictionaries; dates and decimals come as texts, as the service sends them."""
        options: dict[str, Any] = {**self._target, "ClientToken": token[:64]} if token else {**self._target}
        statement_id = self._client.execute_statement(Sql=query, **options)["Id"]
        self.wait(statement_id)
        return list(self._result(statement_id))

    def _result(self, statement_id: str) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator("get_statement_result").paginate(Id=statement_id):
            names = [column["name"] for column in page["ColumnMetadata"]]
            for record in page["Records"]:
                yield dict(zip(names, map(_cell, record), strict=True))


@contextmanager
def _reached(about: str) -> Iterator[None]:
    """An answer that did not come although boto3 tried again is no refusal: the statement may have run."""
    from botocore.exceptions import HTTPClientError

    try:
        yield
    except HTTPClientError as error:
        raise PlatformError(f"{about}: no answer from the Data API: {error}") from error


def _cell(field: Any) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))


def _failure(statement_id: str, status: str, error: str) -> RightpackError:
    if met := conflict(f"Statement {statement_id}", error):
        return met
    if status == "ABORTED" or not error or NO_ANSWER.search(error):
        return PlatformError(f"Statement {statement_id} ended as {status}. {error}")
    return StatementError(f"Statement {statement_id}: {error}")
