"""Reading somebody's file, CSV or Parquet, in batches; a CSV row that cannot be parsed is kept apart, not lost."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from processing.intake.mapping import FileFormat
from rightpack.errors import ContractError, DataError

BATCH_ROWS: Final = 65_536
BLOCK_BYTES: Final = 8 * 2**20
CSV_ENDINGS: Final = (".csv", ".csv.gz")
DELIMITERS: Final = (";", "\t", "|", ",")
SHOWN: Final = 60
ADVICE: Final = 'If its text is not UTF-8, say so in the mapping: [file] encoding = "latin-1".'


@dataclass(frozen=True, slots=True)
class Broken:
    """A row of a CSV file with too few or too many fields."""

    row: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a file and their numbers (1 is the first row below the header); `broken` ones came between them."""

    batch: pa.RecordBatch
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]]
    broken: tuple[Broken, ...] = ()


@dataclass(slots=True)
class _Gaps:
    """Numbers the rows that were parsed, leaving out those that were not."""

    found: list[Broken] = field(default_factory=list)
    last: int = 0

    def note(self, row: pa_csv.InvalidRow) -> str:
        reason = f"{row.actual_columns} fields where the header has {row.expected_columns}"
        self.found.append(Broken(row.number - 1, row.text, reason))
        return "skip"

    def attach(self, batch: pa.RecordBatch) -> Rows:
        """Number the rows of the next batch, and hand out what broke before its end."""
        gaps = {b.row for b in self.found}
        candidates = (n for n in itertools.count(self.last + 1) if n not in gaps)
        numbers = np.fromiter(candidates, dtype=np.int64, count=batch.num_rows)
        self.last = int(numbers[-1]) if len(numbers) else self.last
        return Rows(batch, numbers, self._passed(self.last))

    def rest(self, schema: pa.Schema) -> Rows:
        """What broke after the last row that was parsed."""
        empty = pa.RecordBatch.from_pylist([], schema=schema)
        return Rows(empty, np.zeros(0, np.int64), self._passed(None))

    def _passed(self, last: int | None) -> tuple[Broken, ...]:
        passed = tuple(b for b in self.found if last is None or b.row <= last)
        self.found = [b for b in self.found if b not in passed]
        return passed


def read_rows(path: Path, form: FileFormat) -> Iterator[Rows]:
    """Read a file in order; DataError if it cannot be read, ContractError if its columns cannot be told apart."""
    return _read_parquet(path) if _is_parquet(path) else _read_csv(path, form)


def column_names(path: Path, form: FileFormat) -> list[str]:
    """Names of a file's columns; errors as in `read_rows`."""
    if not _is_parquet(path):
        return _header(path, form)
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path.name} is not a readable Parquet file: {error}") from error


def _is_parquet(path: Path) -> bool:
    name = path.name.lower()
    if not name.endswith((*CSV_ENDINGS, ".parquet")):
        raise DataError(f"{path.name} is neither CSV nor Parquet; its name must end in .csv, .csv.gz or .parquet.")
    if not path.is_file():
        raise DataError(f"{path} is not a file.")
    return name.endswith(".parquet")


def _header(path: Path, form: FileFormat) -> list[str]:
    encoding = "utf-8-sig" if form.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else form.encoding
    try:
        with (
            pa.input_stream(str(path), compression="detect") as raw,
            io.TextIOWrapper(raw, encoding, newline="") as text,
        ):
            names = next(csv.reader(text, delimiter=form.delimiter), [])
    except (UnicodeDecodeError, LookupError, OSError, csv.Error) as error:
        advice = f" {ADVICE}" if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(f"{path.name}: the header cannot be read: {str(error).rstrip('.')}.{advice}") from error
    if not names:
        raise DataError(f"{path.name} is empty; the first line must name the columns.")
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        raise ContractError(f"{path.name} has two columns called {doubled[0]!r}; rename one.")
    _check_delimiter(path, names)
    return names


def _check_delimiter(path: Path, names: list[str]) -> None:
    between = next((sign for sign in DELIMITERS if len(names) == 1 and sign in names[0]), "")
    if between:
        raise ContractError(
            f"{path.name} has one column, {names[0][:SHOWN]!r}. If its fields are divided by {between!r}, say so in "
            f"the mapping: [file] delimiter = {json.dumps(between)}."
        )


def _read_csv(path: Path, form: FileFormat) -> Iterator[Rows]:
    """All columns as text, so that one odd value costs one row and not the file."""
    gaps = _Gaps()
    types = dict.fromkeys(_header(path, form), pa.string())
    options = {
        "read_options": pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, encoding=form.encoding),
        "parse_options": pa_csv.ParseOptions(
            delimiter=form.delimiter, newlines_in_values=True, invalid_row_handler=gaps.note
        ),
        "convert_options": pa_csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True),
    }
    try:
        with pa_csv.open_csv(path, **options) as reader:
            for batch in reader:
                yield gaps.attach(batch)
            yield gaps.rest(reader.schema)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read after row {gaps.last}: {error}. {ADVICE}") from error


def _read_parquet(path: Path) -> Iterator[Rows]:
    last = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield Rows(batch, np.arange(last + 1, last + 1 + batch.num_rows))
                last += batch.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path.name} cannot be read after row {last}: {error}") from error
