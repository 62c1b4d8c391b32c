"""Check a drop against its UNLOAD manifest and the contract of columns; nothing is read from a drop that disagrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from processing.columns import Column, conform
from rightpack.errors import DataError, ManifestError
from rightpack.manifest import FileEntry, files_in, parse_files
from rightpack.trigger import DropData


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop that keeps its promises: rows in canonical types and file-name order, and the number of files."""

    table: pa.Table
    files: int


def read_drop(folder: Path, data: DropData, columns: Sequence[Column]) -> Drop:
    """Read every file that the manifest lists.

    Raises:
        ManifestError: a file is missing, unlisted, of another size or row count, or unreadable; names the file.
        ContractError: a column is missing or holds something else; names the file and the column.
        DataError: there are no rows.
    """
    listed = _listed(folder, data)
    _check_nothing_else(folder, data, set(listed))
    tables = [_read(folder / name, entry, columns) for name, entry in sorted(listed.items())]
    whole = pa.concat_tables(tables) if tables else None
    if whole is None or whole.num_rows == 0:
        raise DataError(f"The drop {data.uri} holds no rows: {len(tables)} files in its manifest.")
    return Drop(whole, len(tables))


def _listed(folder: Path, data: DropData) -> dict[str, FileEntry]:
    name = _below(data.uri, data.manifest)
    path = folder / name
    if not path.is_file():
        raise ManifestError(f"The drop {data.uri} has no manifest {name!r}; UNLOAD ... MANIFEST VERBOSE writes one.")
    return {_below(data.uri, entry.url): entry for entry in parse_files(path.read_text(), name)}


def _below(prefix: str, uri: str) -> str:
    name = uri.removeprefix(prefix)
    if name == uri or not name or ".." in PurePosixPath(name).parts or name.startswith("/"):
        raise ManifestError(f"{uri} does not lie below the drop {prefix}.")
    return name


def _check_nothing_else(folder: Path, data: DropData, listed: set[str]) -> None:
    there = {p.relative_to(folder).as_posix() for p in files_in(folder)} - {_below(data.uri, data.manifest)}
    unlisted, missing = sorted(there - listed), sorted(listed - there)
    if missing:
        raise ManifestError(f"File {missing[0]} is in the manifest of {data.uri} but not in the drop.")
    if unlisted:
        raise ManifestError(f"File {unlisted[0]} lies in the drop {data.uri} but its manifest does not list it.")


def _read(path: Path, entry: FileEntry, columns: Sequence[Column]) -> pa.Table:
    size = path.stat().st_size
    if size != entry.content_length:
        raise ManifestError(f"File {path.name} has {size} bytes, but the manifest says {entry.content_length}.")
    try:
        with pq.ParquetFile(path) as file:
            rows = file.metadata.num_rows
            conform(file.schema_arrow.empty_table(), columns, f"file {path.name}")
            names = {c.name for c in columns}
            table = file.read(columns=[n for n in file.schema_arrow.names if n in names])
    except (pa.ArrowInvalid, OSError) as error:
        raise ManifestError(f"File {path.name} is not readable Parquet: {error}") from error
    if entry.record_count is not None and rows != entry.record_count:
        raise ManifestError(f"File {path.name} has {rows} rows, but the manifest says {entry.record_count}.")
    return conform(table, columns, f"file {path.name}")
