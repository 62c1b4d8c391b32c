"""One writer at a time per database: writers queue before they take their snapshot, readers never wait."""

from __future__ import annotations

import threading

from local_cloud.redshift.errors import CancelledError


class WriteLock:
    """The write lock of a database; its owner is a session, not a thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owner: object | None = None

    def acquire(self, owner: object, cancelled: threading.Event) -> None:
        """Wait until the lock is free or ours; raises CancelledError when the statement is cancelled meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: cancelled.is_set() or self._owner in (None, owner))
            if cancelled.is_set():
                raise CancelledError
            self._owner = owner

    def release(self, owner: object) -> None:
        """Let the next writer in, if the lock is ours."""
        with self._changed:
            if self._owner is owner:
                self._owner = None
                self._changed.notify_all()

    def wake(self) -> None:
        """Let those who wait look whether they were cancelled."""
        with self._changed:
            self._changed.notify_all()
