"""GetObject for large or partial reads: headers from moto's HEAD, bytes streamed from the stored file."""

from __future__ import annotations

from typing import Any

from local_cloud import backends
from local_cloud.answers import Answer
from local_cloud.inbound import Inbound
from local_cloud.objects import blocks
from local_cloud.server import WsgiApp
from local_cloud.wire import Call

_SMALL = 1 << 20  # below this, and without a range, moto is quick enough
_CHECKED_WHOLE = ("x-amz-checksum",)  # a checksum of the object says nothing about a part of it


class RangedGet:
    """The gateway's route for S3: large and partial GETs here, everything else is left to moto."""

    def __init__(self, moto: WsgiApp) -> None:
        self._moto = moto

    def __call__(self, call: Call, request: Inbound) -> Answer | None:
        """Stream a stored object, or decline."""
        stored = _stored(request) if call.action == "GetObject" else None
        wanted = request.header("Range")
        if stored is None or (stored.size < _SMALL and not wanted):
            return None
        span = _span(wanted, stored.size)
        headers = self._headers(request) if span else None
        if span is None or headers is None:
            return None
        return _answer(stored, span, headers, partial=bool(wanted))

    def _headers(self, request: Inbound) -> list[tuple[str, str]] | None:
        """Headers of moto's HEAD; `None` if a condition fails, so that moto words the refusal."""
        environ = {name: value for name, value in request.environ.items() if name != "HTTP_RANGE"}
        said: list[tuple[str, list[tuple[str, str]]]] = []
        body = self._moto(
            environ | {"REQUEST_METHOD": "HEAD"}, lambda status, headers, _=None: said.append((status, headers))
        )
        getattr(body, "close", lambda: None)()
        status, headers = said[-1]
        return headers if status.startswith("200") else None


def _stored(request: Inbound) -> Any | None:
    bucket, _, name = request.path.lstrip("/").partition("/")
    if {option for option in request.query if not option.startswith("X-Amz-")} - {"versionId", "x-id"}:
        return None
    found = backends.s3().buckets.get(bucket)
    versions = found.keys.getlist(name, []) if found else []
    version = request.query.get("versionId")
    chosen = [key for key in versions if version in {None, key.version_id}]
    return chosen[-1] if chosen and hasattr(chosen[-1], "_value_buffer") else None


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """First and last byte asked for; `None` for what is not one satisfiable range."""
    if not wanted:
        return 0, size - 1
    first, dash, last = wanted.removeprefix("bytes=").strip().partition("-")
    if not dash or not (first + last).isdigit():
        return None
    span = (int(first), min(int(last or size), size - 1)) if first else (max(0, size - int(last)), size - 1)
    return span if 0 <= span[0] <= span[1] else None


def _answer(key: Any, span: tuple[int, int], headers: list[tuple[str, str]], *, partial: bool) -> Answer:
    first, last = span
    dropped = ("content-length", "content-range", *(_CHECKED_WHOLE if partial else ()))
    kept = [(name, value) for name, value in headers if not name.lower().startswith(dropped)]
    kept.append(("Content-Length", str(last - first + 1)))
    if partial:
        kept.append(("Content-Range", f"bytes {first}-{last}/{key.size}"))
    return Answer(206 if partial else 200, blocks(key, first, last), kept)
