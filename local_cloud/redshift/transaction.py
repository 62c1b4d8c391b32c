"""The transaction of a session: its snapshot is taken by the first statement that reads, and after the lock."""

from __future__ import annotations

import threading
from typing import Any

import duckdb

from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.redshift.locks import WriteLock


class Transaction:
    """BEGIN to COMMIT of one connection; without BEGIN every statement is a transaction of its own."""

    def __init__(self, cursor: Any, lock: WriteLock, cancelled: threading.Event) -> None:
        self._cursor = cursor
        self._lock = lock
        self._cancelled = cancelled
        self.explicit = False
        self._running = False
        self._failed = False

    @property
    def state(self) -> str:
        """I outside of a block, T in one, E in one that has failed."""
        return "E" if self._failed else "T" if self.explicit else "I"

    def begin(self) -> None:
        """Open a block; the snapshot is taken later."""
        self.explicit = True

    def check(self) -> None:
        """Refuse statements in a block that has failed."""
        if self._failed:
            raise SqlError(
                "current transaction is aborted, commands ignored until end of transaction block",
                SqlState.IN_FAILED_TRANSACTION,
            )

    def read(self) -> None:
        """Take the snapshot unless it is taken."""
        if not self._running:
            self._cursor.execute("BEGIN TRANSACTION")
            self._running = True

    def write(self) -> None:
        """Wait for the write lock, then take the snapshot."""
        self.lock()
        self.read()

    def lock(self) -> None:
        """Wait for the write lock only: what follows sees all that was committed before."""
        self._lock.acquire(self, self._cancelled)

    def statement_done(self) -> None:
        """End the statement; outside a block that commits it."""
        if not self.explicit:
            self.commit()

    def statement_failed(self) -> None:
        """End a failed statement; outside a block that undoes it, inside it spoils the block."""
        if self.explicit:
            self._failed = True
        else:
            self.rollback()

    def commit(self) -> bool:
        """Commit and close the block; a failed one is rolled back instead, which is answered by False."""
        if self._failed:
            self.rollback()
            return False
        try:
            if self._running:
                self._cursor.execute("COMMIT")
                self._running = False
        finally:
            self.rollback()
        return True

    def rollback(self) -> None:
        """Undo the block, if there is one, and let other writers in."""
        try:
            if self._running:
                self._cursor.execute("ROLLBACK")
        except (duckdb.TransactionException, duckdb.InterruptException):
            pass  # a failed COMMIT has ended the transaction already; closing the connection ends an interrupted one
        finally:
            self._running = self._failed = self.explicit = False
            self._lock.release(self)
