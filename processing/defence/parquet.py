"""Reading Parquet that somebody else wrote: what a file declares is held against limits before anything is decoded.

A small file may decode to a huge table: rows cost nothing where they repeat, and a text that a dictionary holds once
may stand in every row. So the footer's claims are checked first, and texts are decoded as dictionaries, whose full size
is known before they are unfolded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rightpack.errors import ManifestError

UNREADABLE: Final = (pa.ArrowException, OSError, ValueError, MemoryError, KeyError, TypeError, OverflowError)
FOOTER_BYTES: Final = 64 * 1024**2  # the most that the texts or lists of a footer may claim to hold
NUMBER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a file may hold once decoded."""

    rows: int
    bytes: float

    def after(self, table: pa.Table) -> Limits:
        """What is left once `table` has been read."""
        return Limits(max(0, self.rows - table.num_rows), max(0.0, self.bytes - table.nbytes))


@contextmanager
def opened(source: Path | pa.Buffer, name: str, limits: Limits) -> Iterator[pq.ParquetFile]:
    """Open a file whose footer stays within `limits`; ManifestError names it, also where reading it fails."""
    try:
        with pa.BufferReader(source) if isinstance(source, pa.Buffer) else pa.OSFile(str(source)) as stream:
            texts = _texts(pq.ParquetFile(stream, **_BOUNDS).metadata)
            stream.seek(0)
            with pq.ParquetFile(stream, read_dictionary=texts, **_BOUNDS) as file:
                _check_footer(file.metadata, name, limits)
                yield file
    except UNREADABLE as error:
        words = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise ManifestError(f"{name} is not readable Parquet: {words}") from error


def decoded(file: pq.ParquetFile, name: str, limits: Limits, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of an opened file, texts unfolded; of `columns`, those that are there."""
    there = file.schema_arrow.names
    table = file.read(columns=None if columns is None else [n for n in there if n in set(columns)])
    if table.num_rows != file.metadata.num_rows:
        raise ManifestError(f"{name} declares {file.metadata.num_rows} rows, but holds {table.num_rows}.")
    size = sum(_unfolded_bytes(column) for column in table.columns)
    if size > limits.bytes:
        raise ManifestError(f"{name} unfolds to {_megabytes(size)}, more than the {_megabytes(limits.bytes)} left.")
    fields = [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(fields))


def read_guarded(source: Path | pa.Buffer, name: str, limits: Limits, columns: Sequence[str] | None = None) -> pa.Table:
    """Open and decode a file; ManifestError names it."""
    with opened(source, name, limits) as file:
        return decoded(file, name, limits, columns)


_BOUNDS: Final = {"thrift_string_size_limit": FOOTER_BYTES, "thrift_container_size_limit": FOOTER_BYTES}


def _texts(footer: pq.FileMetaData) -> list[str]:
    columns = (footer.schema.column(i) for i in range(len(footer.schema)))
    return [c.path for c in columns if c.physical_type == "BYTE_ARRAY"]


def _check_footer(footer: pq.FileMetaData, name: str, limits: Limits) -> None:
    groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    rows, declared = footer.num_rows, sum(max(0, g.total_byte_size) for g in groups)
    if rows < 0 or any(g.num_rows < 0 for g in groups) or sum(g.num_rows for g in groups) != rows:
        raise ManifestError(f"{name} declares {rows} rows, and other numbers in its parts.")
    if rows > limits.rows:
        raise ManifestError(f"{name} declares {rows} rows; no more than {limits.rows} may be left in this drop.")
    if declared > limits.bytes:
        raise ManifestError(
            f"{name} declares {_megabytes(declared)} of data; no more than {_megabytes(limits.bytes)} may be left."
        )


def _unfolded_bytes(column: pa.ChunkedArray) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    return sum(_chunk_bytes(chunk) for chunk in column.chunks)


def _chunk_bytes(chunk: pa.DictionaryArray) -> int:
    if not _is_variable(chunk.type.value_type):
        return len(chunk) * NUMBER_BYTES
    lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
    return int(pc.sum(lengths.take(chunk.indices)).as_py() or 0) + len(chunk) * NUMBER_BYTES


def _is_variable(kind: pa.DataType) -> bool:
    is_ = pa.types
    return bool(is_.is_string(kind) or is_.is_large_string(kind) or is_.is_binary(kind) or is_.is_large_binary(kind))


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
