"""Run statements in the background, one thread each; the write lock of the database puts writers in order."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from local_cloud.faults.processes import ProcessFaults
from local_cloud.host import Host
from local_cloud.redshift.database import Databases
from local_cloud.redshift.errors import CancelledError, NotEmulatedError, SqlError, SqlState
from local_cloud.redshift.parameters import bind
from local_cloud.redshift.redaction import redact
from local_cloud.redshift.statements import Part, Statement, StatementStore, Status, database_user

if TYPE_CHECKING:
    from local_cloud.redshift.session import Session

MAX_RESULT_BYTES = 100 * 2**20  #: of one statement; the lower of the two documented limits
LOG = logging.getLogger(__name__)
_ENDS = frozenset({"COMMIT", "END", "ROLLBACK", "ABORT"})
_JOIN_SECONDS = 10
_INTERRUPT_SECONDS = 0.05


def _no_fault(_statement_name: str) -> None:
    """Let everything go well."""


@dataclass(slots=True)
class Faults:
    """Hooks for tests of what goes wrong around a statement; each gets the statement's name and may raise SqlError."""

    before_run: Callable[[str], None] = _no_fault
    after_commit: Callable[[str], None] = _no_fault


def injected(faults: ProcessFaults) -> Faults:
    """The hooks of faults that somebody injects."""

    def refuse(ask: Callable[[str], str], name: str) -> None:
        problem = ask(name)
        if problem:
            raise SqlError(problem, SqlState.SERIALIZATION)

    return Faults(partial(refuse, faults.statement_starts), partial(refuse, faults.statement_ended))


class Runner:
    """Takes statements from SUBMITTED to their end and tells EventBridge."""

    def __init__(self, host: Host, databases: Databases, *, store: StatementStore, faults: Faults) -> None:
        self._host = host
        self._databases = databases
        self._store = store
        self._faults = faults
        self._threads: set[threading.Thread] = set()

    def start(self, statement: Statement) -> None:
        """Run a statement in the background."""
        thread = threading.Thread(target=self._run, args=(statement,), name=f"redshift-{statement.id}", daemon=True)
        self._threads = {other for other in self._threads if other.is_alive()} | {thread}
        thread.start()

    def close(self) -> None:
        """Cancel what is running and wait for it."""
        for statement in self._store.active():
            cancel(statement)
        for thread in list(self._threads):
            thread.join(_JOIN_SECONDS)

    def _run(self, statement: Statement) -> None:
        statement.status, statement.updated = Status.PICKED, self._store.now()
        started = time.perf_counter_ns()
        try:
            self._execute(statement)
            status = Status.FINISHED
        except CancelledError as error:
            status, statement.error = Status.ABORTED, f"ERROR: {error.message}"
        except SqlError as error:
            status, statement.error = _end_of(statement), redact(f"ERROR: {error.message}")
        except Exception as error:  # the boundary: a statement must come to an end, the log gets the cause
            LOG.exception("statement %s", statement.id)
            status, statement.error = Status.FAILED, f"ERROR: the local cloud failed: {type(error).__name__}: {error}"
        statement.nanoseconds = time.perf_counter_ns() - started
        self._finish(statement, status)

    def _finish(self, statement: Statement, status: Status) -> None:
        for part in statement.parts:
            if part.status.active:
                part.status = Status.ABORTED
        statement.interrupt = lambda: None
        statement.updated, statement.status = self._store.now(), status
        try:
            if statement.submission.with_event:
                self._tell(statement)
        finally:
            statement.ended.set()

    def _execute(self, statement: Statement) -> None:
        from local_cloud.redshift.session import Session

        submission = statement.submission
        database, user = self._databases.open(submission.target), database_user(statement.owner)
        session = Session(database, user, statement.cancelled, most_bytes=MAX_RESULT_BYTES)
        statement.interrupt = session.interrupt
        statement.status, statement.updated = Status.STARTED, self._store.now()
        try:
            self._faults.before_run(submission.name)
            failed = self._run_parts(statement, session)
            if submission.atomic:
                session.commit()
            self._faults.after_commit(submission.name)
        finally:
            session.close()
        if failed is not None:
            raise failed

    def _run_parts(self, statement: Statement, session: Session) -> SqlError | None:
        """Run the parts in order; in a batch that commits each of them, the first error is answered at the end."""
        submission = statement.submission
        failed: SqlError | None = None
        if submission.atomic:
            session.begin()
        for part, sql in zip(statement.parts, submission.sqls, strict=True):
            if submission.atomic:
                _refuse_end_of_transaction(sql)
            try:
                self._run_part(part, session, bind(sql, submission.parameters))
            except SqlError as error:
                if submission.atomic or statement.cancelled.is_set():
                    raise
                failed = failed or error
        return failed

    def _run_part(self, part: Part, session: Session, sql: str) -> None:
        part.status, part.updated = Status.STARTED, self._store.now()
        started = time.perf_counter_ns()
        try:
            part.outcome = session.execute(sql)
            part.status = Status.FINISHED
        except SqlError as error:
            part.status = Status.ABORTED if isinstance(error, CancelledError) else Status.FAILED
            part.error = redact(f"ERROR: {error.message}")
            raise
        finally:
            part.query_id = session.last_query_id
            part.nanoseconds, part.updated = time.perf_counter_ns() - started, self._store.now()

    def _tell(self, statement: Statement) -> None:
        detail = {
            "principal": statement.owner,
            "statementName": statement.submission.name,
            "statementId": statement.id,
            "redshiftQueryId": statement.last_part.query_id,
            "state": statement.status.value,
            "rows": rows_of(statement.last_part),
            "expireAt": int(statement.created) + 24 * 3600,
        }
        self._host.emit("aws.redshift-data", "Redshift Data Statement Status Change", detail)


def rows_of(part: Part) -> int:
    """Rows returned or affected; -1 where there is no such number."""
    return part.outcome.count if part.outcome else -1


def cancel(statement: Statement) -> None:
    """Ask a statement to stop."""
    statement.cancelled.set()
    threading.Thread(target=_interrupt, args=(statement,), name=f"cancel-{statement.id}", daemon=True).start()


def _interrupt(statement: Statement) -> None:
    """Interrupt until it helps: an interrupt that comes between two steps of the statement is lost."""
    statement.interrupt()
    while not statement.ended.wait(_INTERRUPT_SECONDS):
        statement.interrupt()


def _end_of(statement: Statement) -> Status:
    return Status.ABORTED if statement.cancelled.is_set() else Status.FAILED


def _refuse_end_of_transaction(sql: str) -> None:
    found = re.match(r"\s*(\w+)", sql)
    word = found[1].upper() if found else ""
    if word in _ENDS:
        raise NotEmulatedError(f"{word} inside a BatchExecuteStatement that is one transaction")
