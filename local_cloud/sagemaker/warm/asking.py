"""What `python`, `train` and `serve` of a warm image do: ask for a fork of the warm process, and stand in for it.

Runs without site packages, within milliseconds. Where the warm process can't help, the real program is started instead.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from types import FrameType
from typing import NoReturn

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.02
NAMESPACES = ("/proc/self/ns/user", "/proc/self/ns/mnt")
LENGTH_BYTES = 8


def ask(address: str, python: str, path: str) -> NoReturn:
    """Have this command line run by the process that listens at `address`; end as it ends.

    `python` is the real interpreter, and `path` the PYTHONPATH that the warm process knows.
    """
    program, *arguments = [os.path.basename(sys.argv[0]), *sys.argv[1:]]  # noqa: PTH119 - pathlib costs more than all else
    ours = program != "python" or (arguments[:1] == ["-m"] and "".join(arguments[1:2]).startswith("processing."))
    asked = _connection(address) if ours and os.environ.get("PYTHONPATH") == path else None
    if asked is None:
        real = [python, *arguments] if program == "python" else [python, "-m", f"processing.{program}", *arguments]
        os.execv(python, real)  # noqa: S606 - in the place of this very process
    _order(asked, [program, arguments, dict(os.environ), os.getcwd()])  # noqa: PTH109 - see above
    code = int(asked.recv(16) or b"70")
    if code < 0:
        _die(-code)
    os._exit(code)


def _connection(address: str) -> socket.socket | None:
    """A connection, as soon as the warm process has imported everything; None if it never listens."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        asked = socket.socket(socket.AF_UNIX)
        try:
            asked.connect(address)
        except OSError:
            asked.close()
            if not os.path.isdir(os.path.dirname(address)):  # noqa: PTH112, PTH120 - see above
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
