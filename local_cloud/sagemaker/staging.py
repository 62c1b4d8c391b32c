"""Between S3 and the folders of a job, as SageMaker stages input channels and uploads outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from local_cloud.host import ObjectStore, StoredObject
from local_cloud.sagemaker.errors import JobFailedError, invalid
from local_cloud.wire import NotSimulatedError


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Split `s3://bucket/key`; the key may be empty."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise invalid(f"{uri!r} is not an S3 URI of the form s3://bucket/key.")
    return bucket, key


def below(prefix: str, key: str) -> str:
    """Path of an object relative to the prefix it was found under; a half-named last folder stays in the path."""
    if key == prefix:
        return key.rsplit("/", 1)[-1]
    if prefix and not prefix.endswith("/"):
        prefix = f"{prefix}/" if key.startswith(f"{prefix}/") else prefix[: prefix.rfind("/") + 1]
    return key[len(prefix) :].lstrip("/")


def only_prefix(data_type: str, what: str) -> None:
    """Refuse anything but `S3Prefix`; `what` names the input in the message."""
    if data_type != "S3Prefix":
        raise NotSimulatedError(f"S3DataType {data_type} ({what}); S3Prefix is")


class Staging:
    """Copies objects to folders and back; `objects` is the cloud's S3, `bound` what a role sees of it."""

    def __init__(self, objects: ObjectStore, bound: Callable[[str], ObjectStore]) -> None:
        self.objects = objects
        self._bound = bound

    def of(self, role: str) -> Staging:
        """Copying in the name of a role, with its permissions."""
        return Staging(self._bound(role), self._bound)

    def found(self, uri: str) -> list[tuple[str, StoredObject]]:
        """Objects under an S3 prefix with their relative path; raises `JobFailedError` when there are none."""
        found = self._below(uri)
        if not found:
            raise JobFailedError(f"ClientError: Data download failed: NoSuchKey: no S3 objects found under {uri}.")
        return found

    def _below(self, uri: str) -> list[tuple[str, StoredObject]]:
        bucket, prefix = bucket_and_key(uri)
        stored = (item for item in self.objects.list(bucket, prefix) if not item.key.endswith("/"))
        return [(below(prefix, item.key), item) for item in stored]

    def download(self, uri: str, folder: Path, *, share: tuple[int, int] = (0, 1)) -> None:
        """Copy what is under an S3 prefix into a folder; of a share (place from 0, hosts) only every n-th object."""
        place, count = share
        folder.mkdir(parents=True, exist_ok=True)
        self._fetch(uri, self.found(uri)[place::count], folder)

    def restore(self, uri: str, folder: Path) -> None:
        """Copy what is under an S3 prefix into a folder, if there is anything."""
        self._fetch(uri, self._below(uri), folder)

    def _fetch(self, uri: str, found: Sequence[tuple[str, StoredObject]], folder: Path) -> None:
        bucket, _ = bucket_and_key(uri)
        for path, item in found:
            if ".." in path.split("/"):
                raise JobFailedError(f"ClientError: the key {item.key!r} would leave the folder it is staged to.")
            self.objects.download(bucket, item.key, folder / path)

    def upload(self, folder: Path, uri: str) -> None:
        """Copy every file below a folder under an S3 prefix; links are left out, as the service does."""
        bucket, prefix = bucket_and_key(uri)
        base = prefix.rstrip("/")
        for path in _files(folder):
            name = path.relative_to(folder).as_posix()
            self.objects.upload(bucket, f"{base}/{name}" if base else name, path)

    def put(self, path: Path, uri: str) -> None:
        """Store one file as the object `uri`."""
        bucket, key = bucket_and_key(uri)
        self.objects.upload(bucket, key, path)

    def exists(self, uri: str) -> bool:
        """Whether exactly this object is there."""
        bucket, key = bucket_and_key(uri)
        return any(item.key == key for item in self.objects.list(bucket, key))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path
