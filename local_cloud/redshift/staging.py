"""Objects in S3 as local files, so that DuckDB reads and writes nothing but files of its own staging folder."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_cloud.host import ObjectStore, StoredObject
from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.wire import AwsError


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket with a key or a prefix."""

    bucket: str
    key: str

    @classmethod
    def of(cls, url: str) -> Location:
        """The location of `s3://bucket/key`."""
        match = re.fullmatch(r"s3://([^/]+)/(.*)", url, re.DOTALL)
        if match is None:
            raise SqlError(f'"{url}" is not a valid S3 location; write s3://bucket/key', SqlState.SYNTAX)
        return cls(match[1], match[2])

    @property
    def url(self) -> str:
        """The location as a URL."""
        return f"s3://{self.bucket}/{self.key}"


def listed(objects: ObjectStore, prefix: Location) -> list[StoredObject]:
    """The objects under a prefix; a missing bucket fails as on Redshift."""
    try:
        return objects.list(prefix.bucket, prefix.key)
    except AwsError as error:
        raise service_error(error, prefix) from error


def service_error(error: AwsError, place: Location) -> SqlError:
    """An error of S3 as Redshift reports it."""
    return SqlError(f"S3ServiceException:{error.message},Status {error.status},Error {error.code},Location {place.url}")


@contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """A new folder that is removed afterwards."""
    path = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
