"""One connection: messages in, a session of the database behind, messages out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.redshift.lexer import statements
from local_cloud.redshift.outcome import Outcome
from local_cloud.redshift.pgwire import messages
from local_cloud.redshift.pgwire.binding import parameter_count
from local_cloud.redshift.pgwire.messages import Body, ClientGoneError
from local_cloud.redshift.pgwire.portals import QUERIES, Columns, Portal, Prepared, find, read_bind
from local_cloud.redshift.pgwire.startup import Channel
from local_cloud.redshift.pgwire.values import UNKNOWN
from local_cloud.redshift.reader import TokenReader
from local_cloud.redshift.redaction import redact
from local_cloud.redshift.runner import Faults

if TYPE_CHECKING:
    from local_cloud.redshift.session import Session

LOG = logging.getLogger(__name__)
_FLUSH_BYTES = 1 << 16
_BEGIN = frozenset({"BEGIN", "START"})
_COMMIT = frozenset({"COMMIT", "END"})


class Connection:
    """Answers a client that has signed in, until it leaves; whoever made the session closes it."""

    def __init__(self, channel: Channel, session: Session, cancelled: threading.Event, faults: Faults) -> None:
        self._channel = channel
        self._session = session
        self._cancelled = cancelled
        self._faults = faults
        self._statements: dict[str, Prepared] = {}
        self._portals: dict[str, Portal] = {}
        self._out = bytearray()
        self._skipping = False  # after an error, until the client synchronises
        self._running = False
        self._ending = threading.Lock()  # a cancellation must not outlive the statement it is for
        self._handlers: dict[bytes, Callable[[Body], None]] = {
            b"P": self._parse,
            b"B": self._bind,
            b"D": self._describe,
            b"E": self._execute,
            b"C": self._close,
        }

    @property
    def busy(self) -> bool:
        """Whether a statement is running."""
        return self._running

    @property
    def fileno(self) -> int:
        """The descriptor of the socket."""
        return self._channel.peer.fileno()

    def serve(self) -> None:
        """Answer until the client leaves."""
        while True:
            kind, body = messages.read_message(self._channel.stream)
            if kind == b"X":
                return
            self._answer(kind, body)

    def cancel(self) -> None:
        """Stop the running statement, from another thread; call again until it is not `busy`."""
        with self._ending:
            if not self._running:
                return
            self._cancelled.set()
        self._session.interrupt()

    def _answer(self, kind: bytes, body: Body) -> None:
        if kind == b"S":
            self._skipping = False
            self._ready()
        elif kind == b"H":
            self._flush()
        elif kind == b"Q":
            self._guarded(self._simple_query, body)
            self._ready()
        elif not self._skipping:
            self._skipping = not self._guarded(self._handlers.get(kind, _unknown), body)

    def _guarded(self, handle: Callable[[Body], None], body: Body) -> bool:
        """Handle a message; an error becomes an answer and False."""
        try:
            handle(body)
        except SqlError as error:
            self._fail(error.state, redact(error.message))
        except (ClientGoneError, OSError):
            raise
        except Exception as error:  # the boundary: a driver must hear of everything, the log gets the cause
            LOG.exception("a message of the wire protocol")
            self._fail(SqlState.INTERNAL, f"the local cloud failed: {type(error).__name__}: {error}")
        else:
            return True
        return False

    def _fail(self, state: SqlState, reason: str) -> None:
        self._send(messages.error({"S": "ERROR", "C": state, "M": reason}))

    def _parse(self, body: Body) -> None:
        name, sql = body.text(), body.text()
        oids = [body.int32() for _ in range(body.int16())]
        oids += [UNKNOWN] * (parameter_count(sql) - len(oids))
        self._statements[name] = Prepared(sql, tuple(oids))
        self._send(messages.PARSE_COMPLETE)

    def _bind(self, body: Body) -> None:
        name, portal = read_bind(body, self._statements)
        self._portals[name] = portal
        self._send(messages.BIND_COMPLETE)

    def _describe(self, body: Body) -> None:
        """Describe a statement or portal; nothing runs for that."""
        if body.take(1) == b"P":
            portal = find(self._portals, body.text(), "portal")
            self._look_at(portal.prepared)
            columns = portal.prepared.columns
            self._describe_rows(columns, portal.codes(columns) if columns else [])
            return
        prepared = find(self._statements, body.text(), "prepared statement")
        self._look_at(prepared)
        self._send(messages.parameter_description(prepared.oids))
        self._describe_rows(prepared.columns, [0] * len(prepared.columns or ()))

    def _look_at(self, prepared: Prepared) -> None:
        if prepared.described or not statements(prepared.sql):
            return
        is_query = TokenReader(prepared.sql).keyword() in QUERIES
        sql = prepared.sampled(self._session.accepts) if is_query else prepared.sql
        prepared.columns = self._session.describe(sql)
        prepared.described = True

    def _describe_rows(self, columns: Columns | None, codes: list[int]) -> None:
        self._send(messages.NO_DATA if columns is None else messages.row_description(columns, codes))

    def _execute(self, body: Body) -> None:
        portal, most = find(self._portals, body.text(), "portal"), body.int32()
        if not statements(portal.sql):
            self._send(messages.EMPTY_QUERY)
            return
        undone = self._run(portal)
        self._send_rows(portal, most, undone=undone)

    def _send_rows(self, portal: Portal, most: int, *, undone: bool) -> None:
        for rows in portal.rows(most):
            self._send(rows)
        self._send(messages.PORTAL_SUSPENDED if portal.suspended else messages.complete(portal.tag(undone=undone)))

    def _run(self, portal: Portal) -> bool:
        """Run a portal unless it has run; the answer is whether that ended a failed block."""
        if portal.outcome is not None:
            return False
        undone = self._session.state == "E"
        keyword = TokenReader(portal.sql).keyword()
        if keyword in _BEGIN:
            self._suffer(self._faults.before_run)
        outcome = self._run_cancellable(portal.sql)
        if keyword in _COMMIT:
            self._suffer(self._faults.after_commit)
        portal.ran(outcome)
        return undone

    def _run_cancellable(self, sql: str) -> Outcome:
        self._running = True
        try:
            return self._session.execute(sql)
        finally:
            with self._ending:
                self._running = False
                self._cancelled.clear()

    def _suffer(self, fault: Callable[[str], None]) -> None:
        """A fault cuts the connection, so that nobody learns what became of a transaction; a conflict is told."""
        try:
            fault(self._session.query_group)
        except SqlError as error:
            if error.state is SqlState.SERIALIZATION:
                raise
            raise ClientGoneError from error

    def _close(self, body: Body) -> None:
        known: dict[str, Prepared] | dict[str, Portal]
        known = self._statements if body.take(1) == b"S" else self._portals
        known.pop(body.text(), None)
        self._send(messages.CLOSE_COMPLETE)

    def _simple_query(self, body: Body) -> None:
        """Run the statements of a text one after the other; an error leaves the rest out."""
        found = statements(body.text())
        if not found:
            self._send(messages.EMPTY_QUERY)
        for sql in found:
            portal = Portal(sql, (), Prepared(sql, ()))
            undone = self._run(portal)
            if portal.columns is not None:
                self._describe_rows(portal.columns, [0] * len(portal.columns))
            self._send_rows(portal, 0, undone=undone)

    def _ready(self) -> None:
        self._send(messages.ready(self._session.state))
        self._flush()

    def _send(self, data: bytes) -> None:
        self._out += data
        if len(self._out) > _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._out:
            self._channel.send(bytes(self._out))
            self._out.clear()


def _unknown(_body: Body) -> None:
    raise SqlError("the local cloud does not know this message of the wire protocol", SqlState.PROTOCOL)
