"""The events of a bucket in EventBridge's form, with what moto leaves constant or gets wrong."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from local_cloud.account import ACCOUNT
from local_cloud.events import EventBus
from local_cloud.wire import Json

_CREATED = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}
_DELETED = {"s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated"}
_TAGGING = {"s3:ObjectTagging:Put": "Object Tags Added", "s3:ObjectTagging:Delete": "Object Tags Deleted"}
_MULTIPART_DONE = "s3:ObjectCreated:CompleteMultipartUpload"


class S3Events:
    """Turns moto's bucket notifications into events on the default bus."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._sequence = _Sequence()
        self.completing = threading.local()  #: `.active` while this thread completes a multipart upload

    def notify(self, bucket: Any, name: str, key: Any) -> None:
        """Publish one notification; `name` is the classic one, e.g. `s3:ObjectCreated:Put`."""
        if getattr(self.completing, "active", False) and name != _MULTIPART_DONE:
            return  # moto also tells of the put and the tagging that make up its completion
        kind = _detail_type(name)
        if kind:
            self._bus.publish(self._bus.event("aws.s3", kind, self._detail(bucket, name, key), resources=[bucket.arn]))

    def _detail(self, bucket: Any, name: str, key: Any) -> Json:
        described: Json = {"key": key.name, "sequencer": self._sequence.next()}
        if name not in _DELETED:
            described |= {"size": key.size, "etag": key.etag.strip('"')}
        if key.version_id not in {None, "null"}:
            described["version-id"] = key.version_id
        detail = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": described,
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": ACCOUNT,
            "source-ip-address": "127.0.0.1",
        }
        return detail | _reason(name)


def _detail_type(name: str) -> str | None:
    if name in _CREATED:
        return "Object Created"
    if name in _DELETED:
        return "Object Deleted"
    return _TAGGING.get(name)


def _reason(name: str) -> Json:
    if name in _CREATED:
        return {"reason": _CREATED[name]}
    if name in _DELETED:
        marker = name.endswith("DeleteMarkerCreated")
        return {"reason": "DeleteObject", "deletion-type": "Delete Marker Created" if marker else "Permanently Deleted"}
    return {}


class _Sequence:
    """Hexadecimal numbers of equal length that grow with every event, across restarts as well."""

    def __init__(self) -> None:
        self._lock, self._last = threading.Lock(), 0

    def next(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            return f"{self._last:018X}"
