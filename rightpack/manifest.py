"""Manifests: what a step read and wrote, and which files COPY and UNLOAD speak of.

A step manifest (`manifest.json`) is checked by the next step. A file manifest is Redshift's own form: `entries` with
`url`, `mandatory` and `meta.content_length`, plus `meta.record_count` (which UNLOAD ... MANIFEST VERBOSE writes too).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rightpack.errors import ManifestError

STEP_MANIFEST: Final = "manifest.json"
COPY_MANIFEST: Final = "manifest"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: S3 URI, size in bytes, rows (None where the writer did not say)."""

    url: str
    content_length: int
    record_count: int | None

    @property
    def name(self) -> str:
        """File name without its prefix."""
        return self.url.rpartition("/")[2]


def parse_files(text: str, source: str) -> list[FileEntry]:
    """Entries of a file manifest; ManifestError names `source` and the entry that is wrong."""
    try:
        entries = json.loads(text)["entries"]
        files = [_entry(e) for e in entries]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = str(error) if isinstance(error, RecursionError) else repr(error)
        raise ManifestError(f"{source} is not a manifest with url and meta.content_length: {what}.") from error
    doubled = sorted(name for name, count in Counter(f.name for f in files).items() if count > 1)
    if doubled:
        raise ManifestError(f"{source} lists {doubled[0]} twice; it would be loaded twice.")
    return files


def _entry(raw: Mapping[str, Any]) -> FileEntry:
    meta, url = raw["meta"], raw["url"]
    if not isinstance(url, str):
        raise TypeError(f"url is {url!r}")
    count = meta.get("record_count")
    return FileEntry(url, _size(meta["content_length"]), None if count is None else _size(count))


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no number of bytes or rows")
    return value


def write_files(files: Iterable[FileEntry]) -> str:
    """Text of a COPY manifest in which every file is mandatory."""
    entries = [
        {
            "url": f.url,
            "mandatory": True,
            "meta": {"content_length": f.content_length, "record_count": f.record_count},
        }
        for f in files
    ]
    return json.dumps({"entries": entries}, indent=1)


@dataclass(frozen=True, slots=True)
class Artefact:
    """Something a step read or wrote: name, rows (None where rows mean nothing), bytes and digest of all its files."""

    name: str
    rows: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StepManifest:
    """What one step read and wrote, and how long it took in seconds."""

    step: str
    inputs: tuple[Artefact, ...]
    outputs: tuple[Artefact, ...]
    seconds: float

    def to_json(self) -> str:
        """Text of `manifest.json`."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def read(cls, path: Path) -> StepManifest:
        """Read `manifest.json`; ManifestError if it is absent or unreadable."""
        try:
            raw = json.loads(path.read_text())
            inputs, outputs = (tuple(Artefact(**a) for a in raw[k]) for k in ("inputs", "outputs"))
            return cls(raw["step"], inputs, outputs, float(raw["seconds"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ManifestError(
                f"{path.parent.name}/{path.name} of the step before is unreadable: {error!r}"
            ) from error

    def check(self, folder: Path, name: str) -> Artefact:
        """Return the output called `name`; ManifestError if the files in `folder` are not what it says."""
        wanted = next((a for a in self.outputs if a.name == name), None)
        if wanted is None:
            raise ManifestError(f"Step {self.step} says nothing of an output called {name!r}.")
        size, digest = digest_folder(folder)
        if (size, digest) != (wanted.bytes, wanted.sha256):
            raise ManifestError(
                f"Output {name!r} is not what step {self.step} wrote: {size} bytes, {wanted.bytes} in its manifest."
            )
        return wanted


def files_in(folder: Path) -> list[Path]:
    """Regular files below `folder`, in a stable order, without step manifests."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != STEP_MANIFEST)


def digest_folder(folder: Path) -> tuple[int, str]:
    """Bytes and sha256 of all files below `folder`: each file's relative name and content, in name order."""
    total, whole = 0, hashlib.sha256()
    for path in files_in(folder):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
        total += path.stat().st_size
    return total, whole.hexdigest()


def describe(name: str, folder: Path, rows: int | None = None) -> Artefact:
    """Artefact record of everything in `folder`."""
    size, digest = digest_folder(folder)
    return Artefact(name, rows, size, digest)
