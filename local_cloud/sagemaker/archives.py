"""`model.tar.gz`: packed byte for byte the same from the same files, unpacked without trusting it."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path

from local_cloud.sagemaker.errors import JobFailedError


def pack(folder: Path, archive: Path, *others: Path) -> None:
    """Write the files of a folder as a gzipped tar with members at its root; order, times and owners are fixed.

    Files of `others` go in as well, except where an earlier folder has one of that name.
    """
    members = {name: path for holder in reversed([folder, *others]) for name, path in _members(holder)}
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name in sorted(members):
            _add(tar, members[name], name)


def _members(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    status = path.stat()
    member.size = status.st_size
    member.mode = 0o755 if status.st_mode & 0o100 else 0o644
    with path.open("rb") as file:
        tar.addfile(member, file)


def unpack(archive: Path, folder: Path) -> None:
    """Extract a model archive; raises `JobFailedError` when it is not one or a member would leave the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as problem:
        raise JobFailedError(f"ClientError: Cannot extract model data {archive.name}: {problem}") from problem
