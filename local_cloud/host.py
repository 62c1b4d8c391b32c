"""What the services may ask of the machine they run on; `cloud.LocalCloud` is the real one, tests bring a fake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from local_cloud.wire import Call, Json


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a bucket: key, size in bytes, entity tag without quotes."""

    key: str
    size: int
    etag: str


class ObjectStore(Protocol):
    """S3 as the services see it, without HTTP in between; `AwsError` (NoSuchBucket, NoSuchKey) where nothing is."""

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        """Objects whose key starts with `prefix`, in key order."""
        ...

    def read(self, bucket: str, key: str) -> bytes:
        """The whole object."""
        ...

    def download(self, bucket: str, key: str, path: Path) -> None:
        """Write the object to `path`, creating its folder."""
        ...

    def write(self, bucket: str, key: str, body: bytes) -> None:
        """Store `body`; raises the bucket's events as a PutObject would."""
        ...

    def upload(self, bucket: str, key: str, path: Path) -> None:
        """Store the file at `path`; raises the bucket's events as a PutObject would."""
        ...

    def delete(self, bucket: str, key: str) -> None:
        """Remove the object if it is there."""
        ...


class Host(Protocol):
    """The local cloud as its own services see it."""

    url: str  #: endpoint of every service, http://127.0.0.1:PORT
    account: str
    region: str
    root: Path  #: folder of this cloud's state: job folders, logs, databases
    objects: ObjectStore

    def objects_as(self, role_arn: str, *, service: str) -> ObjectStore:
        """S3 with the permissions of a role, which `service` (`sagemaker.amazonaws.com`) takes on."""
        ...

    def permit(self, call: Call, request: Json) -> None:
        """Judge an operation that a service calls in the name of a role (`call.principal`, its ARN).

        Raises:
            AwsError: AccessDenied, where permissions are enforced.
        """
        ...

    def emit(self, source: str, detail_type: str, detail: Mapping[str, Any], *, resources: Sequence[str] = ()) -> None:
        """Put an event on the default bus as the AWS service `source` would."""
        ...

    def credentials(self, role_arn: str, session: str) -> dict[str, str]:
        """Environment variables (AWS_ACCESS_KEY_ID ...) of a fresh session of the role."""
        ...

    def invoke(self, function: str, payload: bytes) -> tuple[bytes, bool]:
        """Run a Lambda function by ARN or name and wait: the answer and whether it is a function error."""
        ...

    def send_message(self, queue_url: str, body: str) -> None:
        """Put a message on an SQS queue."""
        ...

    def put_log(self, group: str, stream: str, lines: Sequence[str], *, role: str) -> None:
        """Append lines to a CloudWatch Logs stream, creating group and stream, as a role; lost where that may not."""
        ...

    def put_metric(self, namespace: str, name: str, value: float, dimensions: Mapping[str, str]) -> None:
        """Record one CloudWatch data point now."""
        ...
