"""Cuts an object of a batch transform into the payloads of its requests, and puts the answers together again."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local_cloud.sagemaker.errors import JobFailedError
from local_cloud.wire import Json

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Batching:
    """How records become requests; `limit` is the largest payload in bytes, 0 for no limit."""

    by_line: bool
    one_record: bool
    limit: int
    newline: bool

    @classmethod
    def of(cls, request: Json, megabytes: int, strategy: str) -> Batching:
        """Read SplitType and AssembleWith of a CreateTransformJob request."""
        return cls(
            by_line=request["TransformInput"].get("SplitType", "None") == "Line",
            one_record=strategy == "SingleRecord",
            limit=megabytes * _MEGABYTE,
            newline=request["TransformOutput"].get("AssembleWith", "None") == "Line",
        )

    def payloads(self, key: str, body: bytes) -> Iterator[bytes]:
        """Yield the body of every request for one object; raises `JobFailedError` for a record too large to send."""
        if not self.by_line:
            self._check(key, body, "object; SplitType is None, so it is one record")
            yield body
            return
        batch: list[bytes] = []
        size = 0
        for line in io.BytesIO(body):  # a newline ends a record, nothing else does
            self._check(key, line, "record")
            if batch and (self.one_record or (self.limit and size + len(line) > self.limit)):
                yield b"".join(batch)
                batch, size = [], 0
            batch.append(line)
            size += len(line)
        if batch:
            yield b"".join(batch)

    def records(self, body: bytes) -> Iterator[bytes]:
        """Yield the records of one object, their newlines included: lines that hold something, or all of it."""
        if not self.by_line:
            yield body
            return
        yield from (line for line in io.BytesIO(body) if line.strip())

    def assemble(self, answers: Sequence[bytes]) -> bytes:
        """Join the answers of one object in the order of its records; AssembleWith Line ends each with a newline."""
        return b"".join(answer + b"\n" for answer in answers) if self.newline else b"".join(answers)

    def _check(self, key: str, record: bytes, what: str) -> None:
        if self.limit and len(record) > self.limit:
            raise JobFailedError(
                f"ClientError: {key}: {len(record)} bytes in one {what}; MaxPayloadInMB allows {self.limit} bytes. "
                "Write smaller objects or raise MaxPayloadInMB."
            )
