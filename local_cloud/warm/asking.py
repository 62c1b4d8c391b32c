"""What stands in for a program of a warm process: it asks for a fork, and then lives, ends and dies with it.

Runs without site packages, within milliseconds. Where the warm process can't help, the real program is started instead.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.02
NAMESPACES = ("/proc/self/ns/user", "/proc/self/ns/mnt")
LENGTH_BYTES = 8
STARTED = "started"  # lies beside the address once somebody has started the warm process


def ask(address: str, command: Sequence[str], real: Sequence[str]) -> NoReturn:
    """Have `command` run by the process that listens at `address`, and end as it ends; else become `real`."""
    asked = _connection(address) if address else None
    if asked is None:
        os.execv(real[0], list(real))  # noqa: S606 - in the place of this very process
    _order(asked, [list(command), dict(os.environ), os.getcwd()])  # noqa: PTH109 - pathlib costs more than all else
    code = int(asked.recv(16) or b"70")
    if code < 0:
        _die(-code)
    os._exit(code)


def _connection(address: str) -> socket.socket | None:
    """A connection, as soon as the warm process has imported everything; None if it never listens."""
    started = f"{os.path.dirname(address)}/{STARTED}"  # noqa: PTH120 - see above
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        asked = socket.socket(socket.AF_UNIX)
        try:
            asked.connect(address)
        except OSError:
            asked.close()
            if not os.path.exists(started):  # noqa: PTH110 - see above
                return None
            time.sleep(POLL_SECONDS)
        else:
            return asked
    return None


def _order(asked: socket.socket, order: object) -> None:
    """Send the command with our output and namespaces, and pass on a polite request to end."""

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        asked.send(b"T")

    signal.signal(signal.SIGTERM, pass_on)
    namespaces = [os.open(name, os.O_RDONLY) for name in NAMESPACES if os.path.exists(name)]  # noqa: PTH110 - see above
    text = json.dumps(order).encode()
    socket.send_fds(asked, [len(text).to_bytes(LENGTH_BYTES, "big")], [1, 2, *namespaces])
    asked.sendall(text)


def _die(number: int) -> None:
    """End by the signal that ended the fork, so that whoever watches sees the same."""
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
