"""Standing still: no call is half done, and no other thread runs, while the state is written down."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from local_cloud.wire import AwsError

_TURN_SECONDS = 1.0  # longer than a state takes; and the longest that a thread which computes can keep us waiting


class Gate:
    """What moto does passes here, call by call; `quiet` waits until nothing is inside, and lets nothing in."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._shut = False

    @contextmanager
    def call(self) -> Iterator[None]:
        """Pass; raises `AwsError` (ServiceUnavailable) once the gate is shut."""
        with self._changed:
            if self._shut:
                raise AwsError("ServiceUnavailable", "The local cloud is stopping.", 503)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def quiet(self, patience: float) -> Iterator[None]:
        """Stand still inside the block. A call that is not done after `patience` seconds (a long poll) stays inside."""
        with self._changed:
            self._changed.wait_for(lambda: not self._inside, patience)
            with _alone():
                yield

    def shut(self) -> None:
        """Let nothing in any more."""
        with self._changed:
            self._shut = True


@contextmanager
def _alone() -> Iterator[None]:
    """Keep the interpreter to this thread, as long as it does not wait for anything."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        time.sleep(2 * interval)  # whoever has been waiting for the old interval takes a last turn
        yield
    finally:
        sys.setswitchinterval(interval)
