"""Parquet in and out: whole folders in name order, right-sized files, the same bytes for the same rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from rightpack.errors import DataError
from rightpack.manifest import files_in

LARGE: Final = 256.0  # megabytes: files that are read by our own steps need no small pieces


@dataclass(frozen=True, slots=True)
class Limits:
    """How large one file may be."""

    rows: int = 1_000_000
    megabytes: float = LARGE


@dataclass(frozen=True, slots=True)
class Part:
    """One written file."""

    path: Path
    rows: int
    bytes: int


def read_folder(folder: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """All Parquet files below `folder` (any name: scores end in `.out`), in name order; DataError if there is none."""
    paths = [p for p in files_in(folder) if p.suffix != ".json"]
    if not paths:
        raise DataError(f"Input {folder.name!r} holds no Parquet file.")
    tables = [_read(path, folder.name, columns) for path in paths]
    try:
        return pa.concat_tables(tables)
    except pa.ArrowInvalid as error:
        raise DataError(f"Files of {folder.name!r} differ in their columns: {error}") from error


def _read(path: Path, source: str, columns: Sequence[str] | None) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns=None if columns is None else [c for c in columns if c in file.schema_arrow.names])
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{source}/{path.name} is not readable Parquet: {error}") from error


def encode(table: pa.Table) -> bytes:
    """`table` as Parquet; nothing in it depends on when, where or from how many pieces it is made."""
    sink = pa.BufferOutputStream()
    plain = table.replace_schema_metadata(None).combine_chunks()
    pq.write_table(plain, sink, compression="snappy", store_schema=False, row_group_size=max(1, plain.num_rows))
    return bytes(sink.getvalue().to_pybytes())


def write_parts(table: pa.Table, folder: Path, limits: Limits | None = None, *, first: int = 0) -> list[Part]:
    """Write `table` as `part-00000.parquet`, ... within `limits`, counting from `first`; one file even without rows."""
    limits = limits or Limits()
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for number, (rows, content) in enumerate(_pieces(table, limits), start=first):
        path = folder / f"part-{number:05d}.parquet"
        path.write_bytes(content)
        parts.append(Part(path, rows, len(content)))
    return parts


def _pieces(table: pa.Table, limits: Limits) -> Iterator[tuple[int, bytes]]:
    for piece in _even(table, -(-table.num_rows // limits.rows)):
        content = encode(piece)
        too_large = len(content) / (limits.megabytes * 1e6)
        if too_large <= 1 or piece.num_rows <= 1:
            yield piece.num_rows, content
            continue
        count = min(piece.num_rows, int(too_large) + 1)
        for smaller in _even(piece, count):
            yield from _pieces(smaller, limits)


def _even(table: pa.Table, count: int) -> Iterator[pa.Table]:
    count = max(1, count)
    edges = [table.num_rows * i // count for i in range(count + 1)]
    for low, high in itertools.pairwise(edges):
        yield table.slice(low, high - low)
