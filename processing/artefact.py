"""The model artefact: `bundle.json` and one folder per package type, text and JSON only, in a `model.tar.gz`.

A training run writes a bundle of one. `card.json` is written last and says `complete`: a training job that ran out of
time may leave a half-written model behind, and nothing that lacks the mark is ever loaded.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any, Final, Self

from rightpack.errors import DataError, InternalError
from rightpack.packaging import EVERY_TYPE

INDEX: Final = "bundle.json"
CARD: Final = "card.json"
POLICY: Final = "policy.json"
ARCHIVE: Final = "model.tar.gz"
VERSION: Final = 1
LIBRARIES: Final = ("lightgbm", "numpy", "pyarrow", "rightpack")
LARGEST_BYTES: Final = 4 * 1024**3
MOST_FILES: Final = 10_000
PADDING: Final = 4096  # what tar may add to each file: headers, and zeros up to a whole block
TEXT: Final = frozenset({".json", ".txt"})
NOT_TEXT: Final = "which is no text or JSON file (*.txt, *.json); a model must not bring code along."


@dataclass(frozen=True, slots=True)
class Card:
    """What a model is and what it has learned from; `label_share` is that of suitable rows.

    `source` is the digest of the code that an architecture from outside has; empty for built-in ones. `topics` says
    which topic model it has a copy of, or why it sees no topics.
    """

    package_type: str
    architecture: str
    parameters: dict[str, Any]
    seed: int
    rows: int
    positives: int
    settings_digest: str
    libraries: dict[str, str]
    tuning: dict[str, float] = field(default_factory=dict)
    source: str = ""
    topics: str = ""
    complete: bool = True

    @property
    def label_share(self) -> float:
        """Share of suitable rows."""
        return self.positives / self.rows

    def save(self, folder: Path) -> None:
        """Write `card.json`, with the digests of the files that are there: it must be the last one."""
        content = {**asdict(self), "label_share": self.label_share, "files": _digests(folder)}
        (folder / CARD).write_text(json.dumps(content, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `card.json`; DataError if the model was never finished, or its files are not what the card says."""
        try:
            raw = json.loads((folder / CARD).read_text())
            raw.pop("label_share")
            files = raw.pop("files", None)
            card = cls(**raw)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"The model in {folder.name!r} has no whole {CARD}; its training did not end.") from error
        if not card.complete:
            raise DataError(f"The model in {folder.name!r} is not complete; its training did not end.")
        if files is not None:  # cards of earlier releases name no files
            _check_digests(folder, files)
        return card


def _digests(folder: Path) -> dict[str, str]:
    """Sha256 of every file of a model but its card, by name."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != CARD)
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def _check_digests(folder: Path, said: object) -> None:
    found = _digests(folder)
    if found == said:
        return
    names = sorted(set(found) | set(said)) if isinstance(said, dict) else []
    wrong = next((n for n in names if isinstance(said, dict) and found.get(n) != said.get(n)), CARD)
    raise DataError(f"File {wrong!r} of the model in {folder.name!r} is not what training wrote; train again.")


def libraries() -> dict[str, str]:
    """Versions of what a model depends on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "source"
    return found


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a bundle; version (an ARN) and approval time are None until the registry knows it."""

    package_type: str
    directory: str
    architecture: str
    model_version: str | None = None
    approved_at: str | None = None


def write_index(folder: Path, entries: Sequence[Entry], left_out: Sequence[str] = ()) -> None:
    """Write `bundle.json`; `left_out` are trained package types without an approved model."""
    content = {"version": VERSION, "models": [asdict(e) for e in entries], "left_out": list(left_out)}
    (folder / INDEX).write_text(json.dumps(content, indent=1, sort_keys=True))


def read_index(folder: Path) -> tuple[list[Entry], list[str]]:
    """Models of a bundle and the types left out; DataError if `bundle.json` is not one."""
    try:
        raw = json.loads((folder / INDEX).read_text())
        if raw["version"] != VERSION:
            raise DataError(f"{INDEX} has version {raw['version']!r}; this release reads version {VERSION}.")
        entries = [Entry(**{k: m.get(k) for k in Entry.__slots__}) for m in raw["models"]]
        left_out = [str(name) for name in raw.get("left_out", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder.name}/{INDEX} is not the index of a model artefact: {error!r}.") from error
    for entry in entries:
        if (
            entry.directory == ".."
            or not entry.directory
            or PurePosixPath(str(entry.directory)).name != entry.directory
        ):
            raise DataError(f"{INDEX} names a folder outside of the artefact: {entry.directory!r}.")
    return entries, left_out


def joint_policy(folder: Path, entries: Sequence[Entry]) -> dict[str, Any]:
    """How far the joint model of a bundle is to be trusted, as it found out itself; empty where there is none."""
    joint = next((entry for entry in entries if entry.package_type == EVERY_TYPE), None)
    if joint is None:
        return {}
    with tarfile.open(folder / ARCHIVE, mode="r:gz") as opened:
        content = opened.extractfile(f"{joint.directory}/{POLICY}")
        if content is None:
            raise DataError(f"The joint model in {ARCHIVE} has no {POLICY}; its training did not end.")
        return dict(json.load(content))


def check_text(folder: Path) -> None:
    """InternalError names a file of a saved model that `unpack` would refuse later."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix not in TEXT):
        raise InternalError(f"The architecture wrote {path.relative_to(folder).as_posix()!r}, {NOT_TEXT}")


def pack(folder: Path, target: Path) -> None:
    """Write all files below `folder` as a tar.gz whose bytes depend on their names and contents only."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size, member.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                archive.addfile(member, content)


def unpack(archive: Path, folder: Path) -> Path:
    """Extract a `model.tar.gz` that holds plain text and JSON files only; DataError says what else is in it."""
    try:
        _check_sum(archive)
        with tarfile.open(archive, mode="r:gz") as opened:
            members = _safe_members(opened)
            opened.extractall(folder, members=members, filter="data")
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{archive.name} is not a whole tar.gz: {error}.") from error
    return folder


def _safe_members(opened: tarfile.TarFile) -> list[tarfile.TarInfo]:
    members: list[tarfile.TarInfo] = []
    names, total = set(), 0
    for member in opened:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise DataError(f"The model artefact holds {member.name!r}, which is no plain file inside of it.")
        if member.isfile() and path.suffix not in TEXT:
            raise DataError(f"The model artefact holds {member.name!r}, {NOT_TEXT}")
        if member.isfile() and path in names:
            raise DataError(f"The model artefact holds {member.name!r} twice.")
        names.add(path)
        total += member.size
        members.append(member)
        if total > LARGEST_BYTES or len(members) > MOST_FILES:
            raise DataError(f"The model artefact is larger than {LARGEST_BYTES} bytes or {MOST_FILES} files.")
    return members


def _check_sum(archive: Path) -> None:
    """Read to the end, where gzip keeps the checksum; tar stops before and would take a damaged file for whole.

    It comes first, because what follows may trust that the archive does not unfold without end.
    """
    size, most = 0, LARGEST_BYTES + MOST_FILES * PADDING
    with gzip.open(archive) as stream:
        while block := stream.read(1024**2):
            size += len(block)
            if size > most:
                raise DataError(f"The model artefact is larger than {LARGEST_BYTES} bytes.")
