"""The start of a connection: TLS if the client asks for it, its settings, its password."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import BinaryIO, Final

from local_cloud.redshift.errors import SqlState
from local_cloud.redshift.pgwire import messages
from local_cloud.redshift.pgwire.logins import Login, Logins
from local_cloud.redshift.pgwire.messages import ClientGoneError

_PROTOCOL: Final = 196608  # 3.0
_TLS: Final = 80877103
_GSS: Final = 80877104
_CANCEL: Final = 80877102


@dataclass(slots=True)
class Channel:
    """The socket of a client and the stream of what comes in on it."""

    peer: socket.socket
    stream: BinaryIO

    @classmethod
    def over(cls, connected: socket.socket) -> Channel:
        """The channel of a connected socket."""
        return cls(connected, connected.makefile("rb"))

    def send(self, data: bytes) -> None:
        """Send everything."""
        self.peer.sendall(data)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a client asked for at the start: settings, or the cancellation of the connection with this key."""

    settings: dict[str, str]
    cancels: tuple[int, int] | None = None


def open_channel(channel: Channel, context: ssl.SSLContext) -> tuple[Channel, Opening]:
    """Read packets until the client says what it wants; the channel is another one after a switch to TLS."""
    while True:
        code, body = messages.read_packet(channel.stream)
        if code == _TLS:
            channel.send(b"S")
            channel = Channel.over(context.wrap_socket(channel.peer, server_side=True))
        elif code == _GSS:
            channel.send(b"N")
        elif code == _CANCEL:
            return channel, Opening({}, (body.int32(), body.int32()))
        elif code == _PROTOCOL:
            return channel, Opening(_settings(body))
        else:
            raise ClientGoneError


def _settings(body: messages.Body) -> dict[str, str]:
    found: dict[str, str] = {}
    while name := body.text():
        found[name] = body.text()
    return found


def sign_in(channel: Channel, user: str, logins: Logins) -> Login:
    """Ask for the password; raises ClientGoneError after telling the client that it is wrong."""
    channel.send(messages.ASK_PASSWORD)
    kind, body = messages.read_message(channel.stream)
    login = logins.find(user, body.text()) if kind == b"p" else None
    if login is None:
        refuse(channel, SqlState.INVALID_LOGIN, f'password authentication failed for user "{user}"')
        raise ClientGoneError
    return login


def refuse(channel: Channel, state: SqlState, reason: str) -> None:
    """Tell the client why there will be no connection."""
    channel.send(messages.error({"S": "FATAL", "C": state, "M": reason}))


def greet(channel: Channel, user: str, key: tuple[int, int]) -> None:
    """Tell a client that has signed in what it talks to, and the key with which to cancel."""
    settings = {
        "server_version": "8.0.2",  # drivers parse it; no server_protocol_version, so that they send plain values
        "server_encoding": "UNICODE",
        "client_encoding": "UTF8",
        "DateStyle": "ISO, MDY",
        "TimeZone": "UTC",
        "integer_datetimes": "on",
        "is_superuser": "off",
        "session_authorization": user,
    }
    told = b"".join(messages.parameter_status(name, value) for name, value in settings.items())
    number = b"".join(part.to_bytes(4, "big", signed=True) for part in key)
    channel.send(messages.AUTHENTICATED + told + messages.message(b"K", number) + messages.ready("I"))
