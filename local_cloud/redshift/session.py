"""One session: statements in order over one connection, each sent to what runs it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress

import duckdb

from local_cloud.redshift.alter import alter
from local_cloud.redshift.catalogue import Catalogue
from local_cloud.redshift.copying import run_copy
from local_cloud.redshift.data_statements import run_data_statement
from local_cloud.redshift.database import Database
from local_cloud.redshift.definitions import create, drop, truncate
from local_cloud.redshift.errors import CancelledError, NotEmulatedError, SqlError, SqlState, from_duckdb
from local_cloud.redshift.lexer import statements
from local_cloud.redshift.outcome import Outcome
from local_cloud.redshift.reader import TokenReader
from local_cloud.redshift.transaction import Transaction
from local_cloud.redshift.unloading import run_unload
from local_cloud.redshift.work import Work

_DATA = frozenset({"SELECT", "WITH", "(", "INSERT", "UPDATE", "DELETE", "MERGE"})
_BEGIN = frozenset({"BEGIN", "START"})
_END = {"COMMIT": True, "END": True, "ROLLBACK": False, "ABORT": False}
_NO_EFFECT = frozenset({"ANALYZE", "COMMENT", "GRANT", "REVOKE"})
_CHANGES: dict[str, Callable[[Work, str], Outcome]] = {"ALTER": alter, "COPY": run_copy, "CREATE": create, "DROP": drop}
_SETTINGS_WITHOUT_EFFECT = frozenset({"query_group", "wlm_query_slot_count", "enable_result_cache_for_session"})


class Session:
    """A connection to a database with its own transaction and temporary tables."""

    def __init__(self, database: Database, user: str, cancelled: threading.Event) -> None:
        cursor = database.cursor()
        self._work = Work(database, cursor, Catalogue(cursor, database.target.database), user)
        self._transaction = Transaction(cursor, database.lock, cancelled)
        self._cancelled = cancelled

    @property
    def last_query_id(self) -> int:
        """The number of the latest query."""
        return self._work.last.query_id

    def begin(self) -> None:
        """Open a transaction block."""
        self._transaction.begin()

    def commit(self) -> None:
        """Commit the block; a conflict that shows only now raises SqlError."""
        try:
            self._transaction.commit()
        except duckdb.Error as error:
            raise from_duckdb(error) from error

    def close(self) -> None:
        """Undo what is open and drop the temporary tables."""
        self._transaction.rollback()
        self._work.cursor.close()

    def interrupt(self) -> None:
        """Stop the running statement, from another thread."""
        self._work.database.lock.wake()
        with suppress(duckdb.ConnectionException):  # it was closed meanwhile
            self._work.cursor.interrupt()

    def execute(self, sql: str) -> Outcome:
        """Run one statement; raises SqlError and leaves a block spoilt when it fails."""
        found = statements(sql)
        if len(found) != 1:
            raise SqlError(
                "cannot insert multiple commands into a prepared statement" if found else "the statement is empty",
                SqlState.SYNTAX,
            )
        if self._cancelled.is_set():
            raise CancelledError
        self._work.last.query_id = self._work.database.next_query_id()
        keyword = TokenReader(found[0]).keyword()
        if keyword in _END:
            return self._end(keep=_END[keyword])
        self._transaction.check()
        try:
            outcome = self._dispatch(keyword, found[0])
            self._transaction.statement_done()
        except duckdb.Error as error:
            self._transaction.statement_failed()
            raise from_duckdb(error) from error
        except BaseException:
            self._transaction.statement_failed()
            raise
        return outcome

    def _dispatch(self, keyword: str, sql: str) -> Outcome:
        if keyword in _DATA:
            return run_data_statement(self._work, self._transaction, _with_from(sql))
        if keyword == "UNLOAD":
            self._transaction.read()
            return run_unload(self._work, sql)
        if keyword in _CHANGES:
            self._transaction.write()
            return _CHANGES[keyword](self._work, sql)
        return self._control(keyword, sql)

    def _control(self, keyword: str, sql: str) -> Outcome:
        match keyword:
            case "BEGIN" | "START":
                self._transaction.begin()
            case "TRUNCATE":
                return self._truncate(sql)
            case "LOCK":
                self._lock(sql)
            case "VACUUM":
                if self._transaction.explicit:
                    raise SqlError("VACUUM cannot run inside a transaction block", SqlState.ACTIVE_TRANSACTION)
            case "SET":
                self._set(sql)
            case _ if keyword not in _NO_EFFECT:
                raise NotEmulatedError(f"the statement {keyword or sql[:20]!r}")
        return Outcome()

    def _end(self, *, keep: bool) -> Outcome:
        if keep:
            self.commit()
        else:
            self._transaction.rollback()
        return Outcome()

    def _truncate(self, sql: str) -> Outcome:
        """TRUNCATE commits at once, with all that the block did before; what follows commits by itself."""
        self._transaction.write()
        outcome = truncate(self._work, sql)
        self._transaction.commit()
        return outcome

    def _lock(self, sql: str) -> None:
        reader = TokenReader(sql)
        reader.expect("LOCK")
        reader.accept("TABLE")
        names = [reader.table()]
        while reader.accept(","):
            names.append(reader.table())
        reader.finish()
        self._transaction.lock()
        for name in names:
            self._work.catalogue.table(name)

    def _set(self, sql: str) -> None:
        reader = TokenReader(sql)
        reader.expect("SET")
        name = reader.name()
        if not reader.accept("TO"):
            reader.expect("=")
        if name == "search_path":
            self._use_schemas(reader)
        elif name not in _SETTINGS_WITHOUT_EFFECT:
            raise NotEmulatedError(f"SET {name}")

    def _use_schemas(self, reader: TokenReader) -> None:
        schemas = [_schema(reader)]
        while reader.accept(","):
            schemas.append(_schema(reader))
        reader.finish()
        self._work.catalogue.search_path = schemas
        self._work.database.use_schemas(self._work.cursor, schemas)


def _schema(reader: TokenReader) -> str:
    token = reader.next()
    if token.value.startswith("$"):
        raise NotEmulatedError("$user in search_path")
    return token.value.lower()


def _with_from(sql: str) -> str:
    """Redshift takes DELETE without FROM, sqlglot does not."""
    return re.sub(r"^\s*DELETE\s+(?!FROM\b)", "DELETE FROM ", sql, flags=re.IGNORECASE)
