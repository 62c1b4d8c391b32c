"""What goes back over the wire: an answer, and an error in the shape of the protocol that was spoken."""

from __future__ import annotations

import base64
import datetime as dt
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

from local_cloud.inbound import Inbound, Protocol
from local_cloud.query import to_xml
from local_cloud.wire import AwsError, Json


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished response; `body` is sent as it is iterated."""

    status: int
    body: Iterable[bytes] = ()
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def status_line(self) -> str:
        """Status as WSGI wants it."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"


def text(status: int, body: bytes, content_type: str, **headers: str) -> Answer:
    """Build an answer of known length; underscores in header names become hyphens."""
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    fixed = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("x-amzn-RequestId", str(uuid.uuid4())),
    ]
    return Answer(status, [body], fixed + named)


def success(request: Inbound, output: Json) -> Answer:
    """Encode an operation's output for the protocol of its request."""
    if request.protocol is Protocol.QUERY:
        return text(200, to_xml(request.action, output), "text/xml")
    body = json.dumps(output, default=_scalar).encode()
    return text(200, body, request.environ.get("CONTENT_TYPE") or "application/x-amz-json-1.1")


def failure(request: Inbound, error: AwsError) -> Answer:
    """Encode an error for the protocol of its request."""
    if request.protocol is Protocol.S3:
        body = b"" if request.method == "HEAD" else _s3_error(error)
        return text(error.status, body, "application/xml")
    if request.protocol is Protocol.QUERY:
        return text(error.status, _query_error(error), "text/xml")
    if request.protocol is Protocol.CBOR:
        return text(error.status, _cbor_error(error), "application/cbor", smithy_protocol="rpc-v2-cbor")
    body = json.dumps({"__type": error.code, "message": error.message, "Message": error.message}).encode()
    return text(error.status, body, "application/json", x_amzn_ErrorType=error.code)


def _scalar(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{value!r} has no place in a JSON answer")


def _s3_error(error: AwsError) -> bytes:
    code, message = escape(error.code), escape(error.message)
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()


def _query_error(error: AwsError) -> bytes:
    fields = f"<Type>Sender</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    return f"<ErrorResponse><Error>{fields}</Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>".encode()


def _cbor_error(error: AwsError) -> bytes:
    pairs = ("__type", error.code, "message", error.message)
    return b"\xa2" + b"".join(_cbor_text(word) for word in pairs)


def _cbor_text(word: str) -> bytes:
    data = word.encode()
    return b"\x79" + len(data).to_bytes(2, "big") + data
