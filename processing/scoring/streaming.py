"""Files of any size through some work in blocks of rows: read, worked on by several threads, and written side by side.

The work runs in compiled code that lets other threads run, so threads are enough, and nothing is copied between
processes. No more than a few blocks are ever in memory, however large the files are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from rightpack.errors import DataError

ROWS: Final = 65_536  # of one block
Done = TypeVar("Done")


def blocks(files: Iterable[Path], columns: Sequence[str], rows: int = ROWS) -> Iterator[pa.Table]:
    """Rows of Parquet files in order, `columns` that are there, at most `rows` at once; DataError on other files."""
    for path in files:
        try:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                there = set(file.schema_arrow.names)
                wanted = [name for name in columns if name in there]
                for batch in file.iter_batches(rows, columns=wanted, use_threads=False):
                    yield pa.Table.from_batches([batch])
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path} is not readable Parquet: {error}") from error


def stream(tables: Iterable[pa.Table], work: Callable[[pa.Table], Done], *, workers: int) -> Iterator[Done]:
    """`work` done on each table by `workers` threads; results come in the tables' order, and so do errors."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Done]] = deque()
        for table in tables:
            waiting.append(pool.submit(work, table))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class ParquetSink:
    """One Parquet file, written block by block; it has its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        self._growing = path.with_name(path.name + ".part")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        """Nothing is written before the first block, which says what columns there are."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, table: pa.Table) -> None:
        """Append a block."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._growing, table.schema, compression="snappy", store_schema=False)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self.rows += table.num_rows

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Give the file its name, or leave nothing behind."""
        if self._writer is None:
            return
        self._writer.close()
        if error is None:
            self._growing.rename(self.path)
        else:
            self._growing.unlink()
