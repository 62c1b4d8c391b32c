"""S3 without HTTP: jobs are staged straight between moto's buffers and files, some thirty times cheaper."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from local_cloud import backends
from local_cloud.faults.processes import ProcessFaults
from local_cloud.host import StoredObject
from local_cloud.wire import AwsError

_CHUNK = 1 << 20


class Objects:
    """The `ObjectStore` of the host. Writes raise the bucket's events when they are done (`batch` delivers them)."""

    def __init__(self, batch: Callable[[], AbstractContextManager[None]], faults: ProcessFaults | None = None) -> None:
        self._batch = batch
        self._faults = faults or ProcessFaults()

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        """Objects whose key starts with `prefix`, in key order."""
        versions = dict(_bucket(bucket).keys)  # copied in one step, as others may be writing
        latest = ((name, keys[-1]) for name, keys in versions.items() if keys and name.startswith(prefix))
        found = ((name, key) for name, key in sorted(latest) if _is_object(key))
        return [StoredObject(name, key.size, key.etag.strip('"')) for name, key in found]

    def read(self, bucket: str, key: str) -> bytes:
        """The whole object."""
        return bytes(_object(bucket, key).value)

    def download(self, bucket: str, key: str, path: Path) -> None:
        """Write the object to `path`, creating its folder."""
        self._faults.object_read(bucket, key)
        source = _object(bucket, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as target:
            for block in blocks(source, 0, source.size - 1):
                target.write(block)

    def write(self, bucket: str, key: str, body: bytes) -> None:
        """Store `body`; raises the bucket's events as a PutObject would."""
        self._put(bucket, key, body)

    def upload(self, bucket: str, key: str, path: Path) -> None:
        """Store the file at `path`; raises the bucket's events as a PutObject would."""
        if path.stat().st_size == 0:  # an empty file cannot be mapped
            self._put(bucket, key, b"")
            return
        with path.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as body:
            self._put(bucket, key, body)

    def has(self, bucket: str, key: str, path: Path) -> bool:
        """Whether the object is there and holds what the file does."""
        with path.open("rb") as file:
            tag = hashlib.file_digest(file, "md5").hexdigest()
        return any(stored.key == key and stored.etag == tag for stored in self.list(bucket, key))

    def delete(self, bucket: str, key: str) -> None:
        """Remove the object if it is there."""
        _bucket(bucket)
        with self._batch():
            backends.s3().delete_object(bucket, key)

    def _put(self, bucket: str, key: str, body: bytes | mmap.mmap) -> None:
        _bucket(bucket)
        size, problem = self._faults.object_size(bucket, key, len(body))
        kept = body if size == len(body) else bytes(body[:size])
        etag = hashlib.md5(kept, usedforsecurity=False).hexdigest()
        with self._batch():
            backends.s3().put_object(bucket, key, kept, etag=etag)
        if problem is not None:
            raise problem


def blocks(key: Any, first: int, last: int) -> Iterator[bytes]:
    """Read the bytes `first..last` of a stored key piece by piece; moto would copy the whole value for each range."""
    position = first
    while position <= last:
        with key.lock:
            key._value_buffer.seek(position)  # noqa: SLF001 - checked by patches.contract()
            block: bytes = key._value_buffer.read(min(_CHUNK, last - position + 1))  # noqa: SLF001 - as above
        if not block:
            return
        position += len(block)
        yield block


def _bucket(name: str) -> Any:
    bucket = backends.s3().buckets.get(name)
    if bucket is None:
        raise AwsError("NoSuchBucket", f"The bucket {name!r} does not exist.", 404)
    return bucket


def _is_object(key: Any) -> bool:
    return hasattr(key, "_value_buffer")  # the other kind is a delete marker


def _object(bucket: str, name: str) -> Any:
    key = _bucket(bucket).keys.get(name)
    if key is None or not _is_object(key):
        raise AwsError("NoSuchKey", f"The key {name!r} does not exist in the bucket {bucket!r}.", 404)
    return key
