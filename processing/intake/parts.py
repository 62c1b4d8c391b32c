"""Parquet parts as COPY wants them: the table's columns in the table's order and types, in files of a sensible size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from rightpack.errors import ContractError, InternalError
from rightpack.manifest import FileEntry, write_files

GROUP_ROWS: Final = 65_536
GROUPS_PER_FILE: Final = 4
SQL_TYPES: Final = {
    "VARCHAR": pa.string(),
    "DOUBLE PRECISION": pa.float64(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "TIMESTAMP": pa.timestamp("us"),
}

Columns = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file that was written."""

    path: Path
    rows: int
    size: int


class PartWriter:
    """Writes `part_0000.parquet`, `part_0001.parquet`, ... into a folder.

    The bytes depend on the rows alone, not on how they were cut into batches. No rows, no file.
    """

    def __init__(self, folder: Path, schema: pa.Schema, *, groups_per_file: int = GROUPS_PER_FILE) -> None:
        self._folder = folder
        self._schema = schema
        self._groups_per_file = groups_per_file
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._open: pq.ParquetWriter | None = None
        self._groups = 0
        self._rows = 0
        self.parts: list[Part] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Write rows; what does not fill a row group waits for more."""
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows < GROUP_ROWS:
            return
        table = pa.Table.from_batches(self._waiting, self._schema)
        whole = self._waiting_rows // GROUP_ROWS * GROUP_ROWS
        for start in range(0, whole, GROUP_ROWS):
            self._write(table.slice(start, GROUP_ROWS))
        self._waiting = table.slice(whole).to_batches()
        self._waiting_rows -= whole

    def close(self) -> list[Part]:
        """Write what waits and finish the last file; return all parts in order."""
        if self._waiting_rows:
            self._write(pa.Table.from_batches(self._waiting, self._schema))
            self._waiting, self._waiting_rows = [], 0
        self._finish()
        return self.parts

    def _write(self, group: pa.Table) -> None:
        if self._open is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._open = pq.ParquetWriter(self._path, self._schema, compression="snappy", coerce_timestamps="us")
        self._open.write_table(group.combine_chunks(), row_group_size=GROUP_ROWS)
        self._groups += 1
        self._rows += group.num_rows
        if self._groups == self._groups_per_file:
            self._finish()

    def _finish(self) -> None:
        if self._open is None:
            return
        self._open.close()
        self.parts.append(Part(self._path, self._rows, self._path.stat().st_size))
        self._open, self._groups, self._rows = None, 0, 0

    @property
    def _path(self) -> Path:
        return self._folder / f"part_{len(self.parts):04d}.parquet"


def table_schema(columns: Columns) -> pa.Schema:
    """Arrow schema of a table whose columns are given by name and SQL type."""
    return pa.schema([(name, _arrow_type(sql_type)) for name, sql_type in columns])


def text_limit(sql_type: str) -> int | None:
    """Length in bytes of a VARCHAR; None for other types."""
    found = re.fullmatch(r"VARCHAR\((\d+)\)", sql_type)
    return int(found[1]) if found else None


def _arrow_type(sql_type: str) -> pa.DataType:
    try:
        return SQL_TYPES["VARCHAR" if text_limit(sql_type) else sql_type]
    except KeyError as error:
        raise InternalError(f"SQL type {sql_type!r} has no Parquet form here; teach it to SQL_TYPES.") from error


def write_parts(batches: Iterable[pa.RecordBatch], columns: Columns, folder: Path) -> list[Part]:
    """Write batches as parts of a table: columns picked by name, put in the table's order and cast to its types.

    A column that the batches lack raises ContractError; further columns of the batches are left out.
    """
    schema = table_schema(columns)
    writer = PartWriter(folder, schema)
    for batch in batches:
        writer.add(_in_order(batch, schema))
    return writer.close()


def _in_order(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    missing = [name for name in schema.names if name not in batch.schema.names]
    if missing:
        raise ContractError(f"Column {missing[0]!r} of the table is not in the data: {', '.join(batch.schema.names)}.")
    return batch.select(schema.names).cast(schema)


def copy_manifest(parts: Iterable[Part], uri: str) -> str:
    """Text of the COPY manifest of parts that lie below `uri` (ending in `/`); every file is mandatory."""
    return write_files(FileEntry(uri + part.path.name, part.size, part.rows) for part in parts)
