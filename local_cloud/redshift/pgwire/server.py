"""The listener: one thread for each connection, and one that looks after those whose client has gone."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from local_cloud.redshift.database import Databases, Target
from local_cloud.redshift.errors import SqlState
from local_cloud.redshift.pgwire.certificate import server_context
from local_cloud.redshift.pgwire.connection import Connection
from local_cloud.redshift.pgwire.logins import Login, Logins
from local_cloud.redshift.pgwire.messages import ClientGoneError
from local_cloud.redshift.pgwire.startup import Channel, Opening, greet, open_channel, refuse, sign_in
from local_cloud.redshift.runner import Faults

LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
_DATABASE = re.compile(r"[a-z0-9_-]{1,127}")
_LOOK_SECONDS = 0.1
_JOIN_SECONDS = 10
_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR

Key = tuple[int, int]


class WireServer:
    """The wire protocol for the databases of one cloud; it listens from the first use of `port` on."""

    def __init__(self, root: Path, databases: Databases, *, faults: Faults | None = None) -> None:
        self.logins = Logins()
        self._root = root
        self._databases = databases
        self._faults = faults or Faults()
        self._starting = threading.Lock()
        self._listener: socket.socket | None = None
        self._numbers = itertools.count(1000)
        self._open: dict[Key, Connection] = {}
        self._sockets: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._changing = threading.Lock()
        self._closing = threading.Event()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        with self._starting:
            if self._listener is None:
                self._listener = self._listen()
            return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Cut every connection; what they left open is undone."""
        self._closing.set()
        with self._starting:
            if self._listener is None:
                return
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._changing:
            sockets, threads = list(self._sockets), list(self._threads)
        for connected in sockets:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_JOIN_SECONDS)

    def _listen(self) -> socket.socket:
        self._context = server_context(self._root)
        listener = socket.create_server((HOST, 0))
        self._start(partial(self._accept, listener), "redshift-wire")
        self._start(self._look_after, "redshift-wire-watch")
        return listener

    def _start(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        with self._changing:
            self._threads = {other for other in self._threads if other.is_alive()} | {thread}
            thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(partial(self._talk, connected), "redshift-wire-connection")

    def _talk(self, connected: socket.socket) -> None:
        channel = Channel.over(connected)
        self._keep(channel.peer)
        try:
            channel, opening = open_channel(channel, self._context)
            self._keep(channel.peer)
            self._serve(channel, opening)
        except (ClientGoneError, OSError, ValueError):
            LOG.debug("a connection of the wire protocol has ended")
        finally:
            with self._changing:
                self._sockets -= {connected, channel.peer}
            channel.stream.close()
            channel.peer.close()

    def _keep(self, connected: socket.socket) -> None:
        with self._changing:
            self._sockets.add(connected)

    def _serve(self, channel: Channel, opening: Opening) -> None:
        from local_cloud.redshift.session import Session

        if opening.cancels is not None:
            self._cancel(opening.cancels)
            return
        user = opening.settings.get("user", "")
        login = sign_in(channel, user, self.logins)
        database = opening.settings.get("database", user).lower()
        if not _DATABASE.fullmatch(database):
            refuse(channel, SqlState.INVALID_LOGIN, f'database "{database}" does not exist')
            return
        cancelled = threading.Event()
        session = Session(self._databases.open(_target(login, database)), user, cancelled)
        connection = Connection(channel, session, cancelled, self._faults)
        key = next(self._numbers), secrets.randbelow(2**31)
        self._open[key] = connection
        try:
            greet(channel, user, key)
            connection.serve()
        finally:
            session.close()
            del self._open[key]

    def _cancel(self, key: Key) -> None:
        connection = self._open.get(key)
        while connection is not None and connection.busy and not self._closing.is_set():
            connection.cancel()
            self._closing.wait(_LOOK_SECONDS)

    def _look_after(self) -> None:
        """Stop statements whose client has gone: one that waits for a lock would wait for ever."""
        while not self._closing.wait(_LOOK_SECONDS):
            for connection in list(self._open.values()):
                if connection.busy and _has_gone(connection):
                    connection.cancel()
        for connection in list(self._open.values()):
            connection.cancel()


def _target(login: Login, database: str) -> Target:
    return Target(login.kind, login.name, database)


def _has_gone(connection: Connection) -> bool:
    poll = select.poll()
    try:
        poll.register(connection.fileno, _GONE)
        return any(event & _GONE for _, event in poll.poll(0))
    except (OSError, ValueError):
        return True
