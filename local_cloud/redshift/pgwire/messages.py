"""Frames of the protocol: what comes in as kind and body, what goes out as bytes that are collected until a flush."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Final

from local_cloud.redshift.column_types import ColumnType
from local_cloud.redshift.pgwire.values import modifier, oid_of, size_of

_MOST_BYTES: Final = 2**30
_INT16, _INT32 = struct.Struct("!h"), struct.Struct("!i")
_FIELD = struct.Struct("!ihihih")

PARSE_COMPLETE: Final = b"1\0\0\0\4"
BIND_COMPLETE: Final = b"2\0\0\0\4"
CLOSE_COMPLETE: Final = b"3\0\0\0\4"
NO_DATA: Final = b"n\0\0\0\4"
EMPTY_QUERY: Final = b"I\0\0\0\4"
PORTAL_SUSPENDED: Final = b"s\0\0\0\4"
AUTHENTICATED: Final = b"R\0\0\0\x08\0\0\0\0"
ASK_PASSWORD: Final = b"R\0\0\0\x08\0\0\0\3"


class ClientGoneError(Exception):
    """The client closed its end, or sent what is no frame of the protocol."""


class Body:
    """The content of one frame, read from the front."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def text(self) -> str:
        """A text that ends with a zero byte."""
        end = self._content.index(b"\0", self._at)
        found = self._content[self._at : end]
        self._at = end + 1
        return found.decode()

    def take(self, length: int) -> bytes:
        """That many bytes."""
        self._at += length
        if self._at > len(self._content):
            raise ValueError("the message is shorter than it says")
        return self._content[self._at - length : self._at]

    def int16(self) -> int:
        """A signed number of 2 bytes."""
        return int(_INT16.unpack(self.take(2))[0])

    def int32(self) -> int:
        """A signed number of 4 bytes."""
        return int(_INT32.unpack(self.take(4))[0])

    def formats(self) -> tuple[int, ...]:
        """A list of format codes: 0 for text, 1 for binary."""
        return tuple(self.int16() for _ in range(self.int16()))


def read_exactly(stream: BinaryIO, length: int) -> bytes:
    """That many bytes; raises ClientGoneError if the stream ends before."""
    if not 0 <= length <= _MOST_BYTES:
        raise ClientGoneError
    found = stream.read(length)
    if found is None or len(found) < length:
        raise ClientGoneError
    return found


def read_packet(stream: BinaryIO) -> tuple[int, Body]:
    """A packet of the start: its code, and what follows."""
    length, code = struct.unpack("!ii", read_exactly(stream, 8))
    return code, Body(read_exactly(stream, length - 8))


def read_message(stream: BinaryIO) -> tuple[bytes, Body]:
    """A message: its kind, and what follows."""
    kind, length = struct.unpack("!ci", read_exactly(stream, 5))
    return kind, Body(read_exactly(stream, length - 4))


def message(kind: bytes, body: bytes) -> bytes:
    """A frame to send."""
    return kind + _INT32.pack(len(body) + 4) + body


def parameter_status(name: str, value: str) -> bytes:
    """A setting that the client should know."""
    return message(b"S", f"{name}\0{value}\0".encode())


def ready(state: str) -> bytes:
    """The next query may come; `state` is I (idle), T (in a block) or E (in a failed block)."""
    return message(b"Z", state.encode())


def error(fields: Mapping[str, str]) -> bytes:
    """An error by its one-letter fields: S severity, C SQLSTATE, M message."""
    return message(b"E", b"".join(f"{key}{text}\0".encode() for key, text in fields.items()) + b"\0")


def complete(tag: str) -> bytes:
    """A statement has run."""
    return message(b"C", tag.encode() + b"\0")


def parameter_description(oids: Sequence[int]) -> bytes:
    """The types of a statement's parameters."""
    return message(b"t", struct.pack(f"!h{len(oids)}i", len(oids), *oids))


def row_description(columns: Sequence[tuple[str, ColumnType]], formats: Sequence[int]) -> bytes:
    """Names and types of the columns that come."""
    parts = [_INT16.pack(len(columns))]
    for (name, kind), code in zip(columns, formats, strict=True):
        parts += [name.encode() + b"\0", _FIELD.pack(0, 0, oid_of(kind), size_of(kind), modifier(kind), code)]
    return message(b"T", b"".join(parts))
