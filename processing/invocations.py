"""The scoring service as a WSGI application: `/ping`, `/execution-parameters`, `/invocations`.

A request's answer depends on its body alone, byte for byte, so a retried request changes nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from processing.scoring.bundle import Bundle
from processing.tables import encode
from rightpack.errors import DataError, RightpackError

PARQUET: Final = "application/x-parquet"
CSV: Final = "text/csv"
LARGEST_PAYLOAD_MB: Final = 25
LARGEST_BODY: Final = 100 * 1024**2  # the most that a batch transform sends at once
StartResponse = Callable[[str, list[tuple[str, str]]], object]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and type of one response."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class BadRequestError(DataError):
    """A request cannot be answered; `status` says why in HTTP's terms."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Application:
    """Scores with `bundle`; `concurrency` is how many requests at once it asks for."""

    bundle: Bundle
    concurrency: int = 1

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._answer(environ)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [answer.body]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        try:
            return self._route(environ)
        except BadRequestError as error:
            return Answer(error.status, str(error).encode())
        except RightpackError as error:
            log.warning("refused: %s", error)
            return Answer(HTTPStatus.BAD_REQUEST, str(error).encode())
        except Exception as error:
            log.exception("scoring failed")
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, f"InternalError: {error!r}".encode())

    def _route(self, environ: Mapping[str, Any]) -> Answer:
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case "GET", "/ping":
                return Answer(HTTPStatus.OK)
            case "GET", "/execution-parameters":
                return Answer(HTTPStatus.OK, self._parameters(), "application/json")
            case "POST", "/invocations":
                return self._score(environ)
            case method, path:
                raise BadRequestError(f"There is no {method} {path}.", HTTPStatus.NOT_FOUND)

    def _parameters(self) -> bytes:
        wish = {
            "MaxConcurrentTransforms": self.concurrency,
            "BatchStrategy": "SINGLE_RECORD",
            "MaxPayloadInMB": min(LARGEST_PAYLOAD_MB, 100 // self.concurrency),  # their product may be 100 at most
        }
        return json.dumps(wish).encode()

    def _score(self, environ: Mapping[str, Any]) -> Answer:
        wanted = _accepted(environ)
        table = _read_body(environ)
        scores = self.bundle.score(table)
        return Answer(HTTPStatus.OK, encode(scores) if wanted == PARQUET else _as_csv(scores), wanted)


def _accepted(environ: Mapping[str, Any]) -> str:
    accept = environ.get("HTTP_ACCEPT", "") or "*/*"
    offered = [part.split(";")[0].strip() for part in accept.split(",")]
    for kind in offered:
        if kind in {PARQUET, CSV}:
            return str(kind)
    if "*/*" in offered:
        return PARQUET
    raise BadRequestError(f"Answers are {PARQUET} or {CSV}, not {accept}.", HTTPStatus.NOT_ACCEPTABLE)


def _read_body(environ: Mapping[str, Any]) -> pa.Table:
    kind = str(environ.get("CONTENT_TYPE", "")).split(";")[0].strip()
    if kind not in {PARQUET, CSV}:
        message = f"Bodies are {PARQUET} or {CSV}, not {kind or 'untyped'}."
        raise BadRequestError(message, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    body = environ["wsgi.input"].read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        message = f"The body is larger than {LARGEST_BODY} bytes; send smaller files."
        raise BadRequestError(message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        return pq.read_table(pa.BufferReader(body), use_threads=False) if kind == PARQUET else _from_csv(body)
    except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as error:
        raise BadRequestError(f"The body is not readable {kind}: {error}") from error


def _from_csv(body: bytes) -> pa.Table:
    """Every column as text: the contract of columns says what it should be, not the values that happen to be there."""
    header = body.split(b"\n", 1)[0]
    names = pacsv.read_csv(pa.BufferReader(header + b"\n")).column_names
    types = dict.fromkeys(names, pa.string())
    options = pacsv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    return pacsv.read_csv(pa.BufferReader(body), parse_options=parsing, convert_options=options)


def _as_csv(table: pa.Table) -> bytes:
    """A header and one line per row; no line break at the end, because batch transform adds its own."""
    sink = pa.BufferOutputStream()
    pacsv.write_csv(table, sink, pacsv.WriteOptions(quoting_style="needed"))
    return bytes(sink.getvalue().to_pybytes()).rstrip(b"\n")
