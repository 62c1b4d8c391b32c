"""One session: statements in order over one connection, each sent to what runs it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import duckdb

from local_cloud.redshift.alter import alter
from local_cloud.redshift.catalogue import Catalogue
from local_cloud.redshift.column_types import ColumnType, stored_as
from local_cloud.redshift.copying import run_copy
from local_cloud.redshift.data_statements import run_data_statement
from local_cloud.redshift.database import Database
from local_cloud.redshift.definitions import create, drop, truncate
from local_cloud.redshift.dialect import translate_query
from local_cloud.redshift.errors import CancelledError, NotEmulatedError, SqlError, SqlState, from_duckdb
from local_cloud.redshift.lexer import statements
from local_cloud.redshift.outcome import Outcome, ResultSet
from local_cloud.redshift.reader import TokenReader
from local_cloud.redshift.transaction import Transaction
from local_cloud.redshift.unloading import run_unload
from local_cloud.redshift.work import Work

_DATA = frozenset({"SELECT", "WITH", "(", "INSERT", "UPDATE", "DELETE", "MERGE"})
_BEGIN = frozenset({"BEGIN", "START"})
_END = {"COMMIT": True, "END": True, "ROLLBACK": False, "ABORT": False}
_NO_EFFECT = frozenset({"ANALYZE", "COMMENT", "GRANT", "REVOKE"})
_CHANGES: dict[str, Callable[[Work, str], Outcome]] = {"ALTER": alter, "COPY": run_copy, "CREATE": create, "DROP": drop}
_QUERIES = frozenset({"SELECT", "WITH", "("})
_SHOWN = {"enable_case_sensitive_identifier": "off", "query_group": "", "timezone": "UTC", "datestyle": "ISO, MDY"}
_SETTINGS_WITHOUT_EFFECT = frozenset({"query_group", "wlm_query_slot_count", "enable_result_cache_for_session"})


class Session:
    """A connection to a database with its own transaction and temporary tables."""

    def __init__(
        self, database: Database, user: str, cancelled: threading.Event, *, most_bytes: int | None = None
    ) -> None:
        cursor = database.cursor()
        catalogue = Catalogue(cursor, database.target.database)
        self._work = Work(database, cursor, catalogue, user, most_bytes=most_bytes)
        self._transaction = Transaction(cursor, database.lock, cancelled)
        self._cancelled = cancelled
        self._settings = dict(_SHOWN)

    @property
    def state(self) -> str:
        """I outside of a transaction block, T in one, E in one that has failed."""
        return self._transaction.state

    @property
    def query_group(self) -> str:
        """The label that SET query_group gave to what follows."""
        return self._settings["query_group"]

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
        statement = _only(sql)
        if self._cancelled.is_set():
            raise CancelledError
        self._work.last.query_id = self._work.database.next_query_id()
        keyword = TokenReader(statement).keyword()
        if keyword in _END:
            return self._end(keep=_END[keyword])
        self._transaction.check()
        with self._spoiling():
            outcome = self._dispatch(keyword, statement)
            self._transaction.statement_done()
        return outcome

    def describe(self, sql: str) -> tuple[tuple[str, ColumnType], ...] | None:
        """Columns that a statement would answer with, without running it; None where it answers with no rows."""
        statement = _only(sql)
        keyword = TokenReader(statement).keyword()
        if keyword == "SHOW":
            return ((_shown_name(statement), ColumnType("character varying")),)
        if keyword not in _QUERIES:
            return None
        self._transaction.check()
        with self._spoiling():
            columns = self._work.describe(translate_query(statement, self._work.scope))
            return tuple((name, stored_as(kind)) for name, kind in columns)

    def accepts(self, sql: str) -> bool:
        """Whether a query would run, as far as that can be told beforehand; leaves the transaction as it is."""
        try:
            return not self._work.refusal(translate_query(_only(sql), self._work.scope))
        except SqlError:
            return False

    @contextmanager
    def _spoiling(self) -> Iterator[None]:
        """A failure inside ends a statement's own transaction, or spoils the block."""
        try:
            yield
        except duckdb.Error as error:
            self._transaction.statement_failed()
            raise from_duckdb(error) from error
        except BaseException:
            self._transaction.statement_failed()
            raise

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
            case "SHOW":
                return self._show(sql)
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
        elif name in _SETTINGS_WITHOUT_EFFECT:
            self._settings[name] = reader.next().value
        else:
            raise NotEmulatedError(f"SET {name}")

    def _show(self, sql: str) -> Outcome:
        name = _shown_name(sql)
        shown = self._settings | {"search_path": ", ".join(self._work.catalogue.search_path)}
        if name not in shown:
            raise SqlError(f'unrecognized configuration parameter "{name}"', SqlState.UNDEFINED_OBJECT)
        columns = ((name, ColumnType("character varying")),)
        return Outcome(1, ResultSet(columns, [(shown[name],)]))

    def _use_schemas(self, reader: TokenReader) -> None:
        schemas = [_schema(reader)]
        while reader.accept(","):
            schemas.append(_schema(reader))
        reader.finish()
        self._work.catalogue.search_path = schemas
        self._work.database.use_schemas(self._work.cursor, schemas)


def _only(sql: str) -> str:
    found = statements(sql)
    if len(found) != 1:
        raise SqlError(
            "cannot insert multiple commands into a prepared statement" if found else "the statement is empty",
            SqlState.SYNTAX,
        )
    return found[0]


def _shown_name(sql: str) -> str:
    reader = TokenReader(sql)
    reader.expect("SHOW")
    name = reader.name()
    if not reader.at_end:
        raise NotEmulatedError(f"SHOW {name} with more than a name")
    return name


def _schema(reader: TokenReader) -> str:
    token = reader.next()
    if token.value.startswith("$"):
        raise NotEmulatedError("$user in search_path")
    return token.value.lower()


def _with_from(sql: str) -> str:
    """Redshift takes DELETE without FROM, sqlglot does not."""
    return re.sub(r"^\s*DELETE\s+(?!FROM\b)", "DELETE FROM ", sql, flags=re.IGNORECASE)
