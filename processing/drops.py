"""Check a drop against its UNLOAD manifest and the contract of columns; nothing is read from a drop that disagrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import pyarrow as pa

from processing.columns import Column, check_names, check_type, conform
from processing.defence.parquet import Limits, decoded, opened
from rightpack.errors import DataError, ManifestError
from rightpack.manifest import FileEntry, files_in, parse_files
from rightpack.settings import Defence
from rightpack.trigger import DropData

MOST: Final = Limits(Defence().most_rows, Defence().most_bytes)
MANIFEST_BYTES: Final = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop that keeps its promises: rows in canonical types and file-name order, and the number of files."""

    table: pa.Table
    files: int


def read_drop(folder: Path, data: DropData, columns: Sequence[Column]) -> Drop:
    """Read every file that the manifest lists; a single row that breaks the contract refuses the drop.

    Raises:
        ManifestError: a file is missing, unlisted, of another size or row count, or unreadable; names the file.
        ContractError: a column is missing or holds something else; names the file and the column.
        DataError: there are no rows.
    """
    files, left, tables = checked_files(folder, data), MOST, []
    for path, entry in files:
        tables.append(conform(read_file(path, entry, columns, left), columns, f"file {path.name}"))
        left = left.after(tables[-1])
    whole = pa.concat_tables(tables) if tables else None
    if whole is None or whole.num_rows == 0:
        raise no_rows(data, len(tables))
    return Drop(whole, len(tables))


def no_rows(data: DropData, files: int) -> DataError:
    """What to say of a drop without rows."""
    return DataError(f"The drop {data.uri} holds no rows: {files} files in its manifest.")


def checked_files(folder: Path, data: DropData) -> list[tuple[Path, FileEntry]]:
    """Files of a drop in the order of their names; ManifestError where they are not those of its manifest."""
    listed = _listed(folder, data)
    _check_nothing_else(folder, data, set(listed))
    files = [(folder / name, entry) for name, entry in sorted(listed.items())]
    for path, entry in files:
        size = path.stat().st_size
        if size != entry.content_length:
            raise ManifestError(f"File {path.name} has {size} bytes, but the manifest says {entry.content_length}.")
    return files


def _listed(folder: Path, data: DropData) -> dict[str, FileEntry]:
    name = _below(data.uri, data.manifest)
    path = folder / name
    if not path.is_file():
        raise ManifestError(f"The drop {data.uri} has no manifest {name!r}; UNLOAD ... MANIFEST VERBOSE writes one.")
    if path.stat().st_size > MANIFEST_BYTES:
        raise ManifestError(f"Manifest {name!r} has {path.stat().st_size} bytes; at most {MANIFEST_BYTES} are read.")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ManifestError(f"Manifest {name!r} of {data.uri} is not UTF-8: {error}") from error
    return {_below(data.uri, entry.url): entry for entry in parse_files(text, name)}


def _below(prefix: str, uri: str) -> str:
    name = uri.removeprefix(prefix)
    parts = PurePosixPath(name).parts
    if name == uri or not name or ".." in parts or name.startswith("/") or "\0" in name or "//" in name:
        raise ManifestError(f"{uri!r} does not lie below the drop {prefix}.")
    return PurePosixPath(name).as_posix()


def _check_nothing_else(folder: Path, data: DropData, listed: set[str]) -> None:
    there = {p.relative_to(folder).as_posix() for p in files_in(folder)} - {_below(data.uri, data.manifest)}
    unlisted, missing = sorted(there - listed), sorted(listed - there)
    if missing:
        raise ManifestError(f"File {missing[0]} is in the manifest of {data.uri} but not in the drop.")
    if unlisted:
        raise ManifestError(f"File {unlisted[0]} lies in the drop {data.uri} but its manifest does not list it.")


def read_file(path: Path, entry: FileEntry, columns: Sequence[Column], limits: Limits) -> pa.Table:
    """The contract's columns of one file, in the file's own types; what it declares is checked before it is decoded."""
    source = f"file {path.name}"
    with opened(path, f"File {path.name}", limits) as file:
        rows = file.metadata.num_rows
        if entry.record_count is not None and rows != entry.record_count:
            raise ManifestError(f"File {path.name} has {rows} rows, but the manifest says {entry.record_count}.")
        names = file.schema_arrow.names
        check_names(names, columns, source)
        for column in (c for c in columns if c.name in names):
            check_type(file.schema_arrow.field(column.name).type, column, source)
        return decoded(file, f"File {path.name}", limits, [c.name for c in columns])
