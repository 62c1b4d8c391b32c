"""Which objects a COPY reads: those under a prefix, or those of a manifest, whose promises are checked first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.host import ObjectStore
from local_cloud.redshift.copy_syntax import Copy
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.staging import Location, listed, service_error
from local_cloud.wire import AwsError

_COLUMNAR = ("PARQUET",)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One object to load and its local copy."""

    location: Location
    size: int
    path: Path


def stage_sources(objects: ObjectStore, copy: Copy, folder: Path) -> list[SourceFile]:
    """Download what the COPY names; raises SqlError when something is missing or not as long as its manifest says."""
    source = Location.of(copy.source)
    found = _manifest_objects(objects, copy, source) if copy.manifest else _prefix_objects(objects, source)
    if not found:
        raise SqlError(f"The specified S3 prefix '{source.key}' does not exist")
    files = [SourceFile(place, size, folder / f"{at:05d}") for at, (place, size) in enumerate(found)]
    for file in files:
        objects.download(file.location.bucket, file.location.key, file.path)
    return files


def _prefix_objects(objects: ObjectStore, source: Location) -> list[tuple[Location, int]]:
    return [
        (Location(source.bucket, entry.key), entry.size)
        for entry in listed(objects, source)
        if not entry.key.endswith("/") and not entry.key.rpartition("/")[2].startswith(("_", "."))
    ]


def _manifest_objects(objects: ObjectStore, copy: Copy, source: Location) -> list[tuple[Location, int]]:
    found = []
    for entry in _manifest_entries(objects, source):
        place = Location.of(str(entry.get("url")))
        expected = (entry.get("meta") or {}).get("content_length")
        if copy.format in _COLUMNAR and expected is None:
            raise SqlError(
                f"The manifest {source.url} lacks meta.content_length of {place.url}, which {copy.format} needs"
            )
        size = _size(objects, place)
        if size is None:
            if entry.get("mandatory"):
                raise SqlError(f'Problem reading manifest file: the mandatory url "{place.url}" was not found')
            continue
        if expected is not None and expected != size:
            raise SqlError(f"content_length of {place.url} is {size}, but {expected} in the manifest {source.url}")
        found.append((place, size))
    return found


def _manifest_entries(objects: ObjectStore, source: Location) -> Iterable[dict[str, Any]]:
    try:
        body = objects.read(source.bucket, source.key)
    except AwsError as error:
        raise SqlError(f"Problem reading manifest file - {service_error(error, source)}") from error
    try:
        entries = json.loads(body)["entries"]
    except (ValueError, KeyError, TypeError) as error:
        raise SqlError(f'Problem reading manifest file - {source.url} is not JSON with a list "entries"') from error
    return [entry for entry in entries if isinstance(entry, dict)]


def _size(objects: ObjectStore, place: Location) -> int | None:
    return next((entry.size for entry in listed(objects, place) if entry.key == place.key), None)
