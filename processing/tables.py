"""Parquet in and out: whole folders in name order, right-sized files, the same bytes for the same rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from rightpack.errors import DataError
from rightpack.manifest import files_in
from rightpack.settings import Inference

LARGE: Final = 256.0  # megabytes: files that are read by our own steps need no small pieces
FEWEST: Final = 10_000  # rows that are worth a file of their own
GROWTH: Final = 1.1  # files at least, over those of an attempt in which one was too large


@dataclass(frozen=True, slots=True)
class Limits:
    """How large one file may be, and who shares the files: so many `workers` on each of so many `instances`.

    Files are dealt out to instances, and each worker takes one at a time. So that nobody waits for somebody else's last
    file, all have equally many rows, and there are equally many for every worker; few rows make one per instance.
    """

    rows: int = 1_000_000
    megabytes: float = LARGE
    instances: int = 1
    workers: int = 1

    @classmethod
    def of_requests(cls, inference: Inference, *, instances: int) -> Self:
        """Right for a transform job on so many machines."""
        return cls(inference.most_rows, inference.megabytes_per_file, instances, inference.workers)

    def files(self, rows: int, least: int = 1) -> int:
        """How many files `rows` make, at least `least`; never more than there are rows, but one."""
        wanted, shares = max(least, -(-rows // self.rows)), self.instances * self.workers
        few = rows < FEWEST * shares and wanted <= self.instances
        count = self.instances if few else -(-wanted // shares) * shares
        return max(1, min(count, rows))


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
    count, parts = limits.files(table.num_rows), None
    while parts is None:
        parts, too_large = _attempt(table, folder, limits, range(first, first + count))
        count = limits.files(table.num_rows, math.ceil(count * max(too_large, GROWTH)))
    return parts


def _attempt(table: pa.Table, folder: Path, limits: Limits, numbers: range) -> tuple[list[Part] | None, float]:
    """Parts in as many files; None if one is too large, and how many times. A later attempt overwrites its files."""
    parts = []
    for number, (low, high) in zip(numbers, even(table.num_rows, len(numbers)), strict=True):
        content = encode(table.slice(low, high - low))
        too_large = len(content) / (limits.megabytes * 1e6)
        if too_large > 1 and high - low > 1:
            return None, too_large
        path = folder / f"part-{number:05d}.parquet"
        path.write_bytes(content)
        parts.append(Part(path, high - low, len(content)))
    return parts, 1.0


def even(rows: int, count: int) -> Iterator[tuple[int, int]]:
    """First and end of `count` runs of rows, of which no two differ by more than one row in length."""
    return itertools.pairwise(rows * at // count for at in range(count + 1))
