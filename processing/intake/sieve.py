"""The sieve: every row of a file ends either in the table or in quarantine, with the reason."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.intake.convert import Converter
from processing.intake.mapping import ColumnMapping
from processing.intake.source import Rows, read_rows
from rightpack.errors import ContractError, SettingsError

QUARANTINE: Final = pa.schema(
    [
        ("row", pa.int64()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
        ("content", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row: in which of our columns, which value, and why; no column if the row has no fields."""

    column: str | None
    value: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A quarantine row; `row` is 1 for the first one below the header, `content` the whole row as JSON."""

    row: int
    problem: Problem
    content: str

    def as_row(self) -> dict[str, Any]:
        """The row as plain data."""
        problem = self.problem
        values = (self.row, problem.column, problem.value, problem.reason, self.content)
        return dict(zip(QUARANTINE.names, values, strict=True))


@dataclass(frozen=True, slots=True)
class Sifted:
    """One batch: rows for the table, rows for quarantine, and how many values of which column were mended."""

    accepted: pa.RecordBatch
    rejected: pa.RecordBatch
    changed: dict[str, int]


@dataclass(frozen=True, slots=True)
class Field:
    """How one column of the table is made: from a column of the file, or from one value for all rows.

    A null in a `required` column sends the row to quarantine; elsewhere `default` takes its place.
    """

    name: str
    convert: Converter
    source: str | None = None
    constant: Any = None
    required: bool = False
    default: Any = None


@dataclass(slots=True)
class Unique:
    """Refuses a key that an earlier row had; remembers every key (about 100 bytes each)."""

    column: str
    seen: set[str] = field(default_factory=set)

    def refused(self, batch: pa.RecordBatch, unsound: Collection[int]) -> list[int]:
        """Positions whose key was there before; rows that are `unsound` anyway do not count."""
        refused = []
        for place, key in enumerate(batch[self.column].to_pylist()):
            if place in unsound:
                continue
            if key in self.seen:
                refused.append(place)
            self.seen.add(key)
        return refused


@dataclass(frozen=True, slots=True)
class Sieve:
    """Fields of one table, and its key if the file must not repeat it."""

    fields: tuple[Field, ...]
    unique: Unique | None = None

    def sift(self, rows: Rows) -> Sifted:
        """Divide one batch."""
        problems: dict[int, Problem] = {}
        columns, changed = [], {}
        for wanted in self.fields:
            values, found, mended = _column(wanted, rows.batch)
            columns.append(values)
            problems = found | problems
            if mended:
                changed[wanted.name] = mended
        batch = pa.RecordBatch.from_arrays(columns, names=[f.name for f in self.fields])
        problems |= self._repeated(batch, problems)
        kept = np.ones(batch.num_rows, dtype=np.bool_)
        kept[list(problems)] = False
        return Sifted(batch.filter(pa.array(kept)), _rejected(rows, problems), changed)

    def _repeated(self, batch: pa.RecordBatch, unsound: Collection[int]) -> dict[int, Problem]:
        if self.unique is None:
            return {}
        name = self.unique.column
        places = self.unique.refused(batch, unsound)
        return {i: Problem(name, batch[name][i].as_py(), "was in an earlier row already") for i in places}


def _column(wanted: Field, batch: pa.RecordBatch) -> tuple[pa.Array, dict[int, Problem], int]:
    """Values of one column, what is wrong with which of them, and how many were mended."""
    raw = pa.repeat(pa.scalar(wanted.constant), batch.num_rows) if wanted.source is None else batch[wanted.source]
    try:
        converted = wanted.convert(raw)
    except ContractError as error:
        raise ContractError(f"Column {wanted.source!r} (for {wanted.name}) {error}.") from error
    values, reasons = converted.values, converted.problems
    if wanted.required:
        reasons = dict.fromkeys(pc.indices_nonzero(pc.is_null(values)).to_pylist(), "is empty") | reasons
    if wanted.default is not None:
        values = pc.fill_null(values, pa.scalar(wanted.default, values.type))
    problems = {i: Problem(wanted.name, _shown(raw[i].as_py()), reason) for i, reason in reasons.items()}
    return values, problems, converted.changed


def _rejected(rows: Rows, problems: dict[int, Problem]) -> pa.RecordBatch:
    """Quarantine rows in the order of the file, with all that was in them as JSON."""
    places = sorted(problems)
    contents = rows.batch.take(pa.array(places, pa.int64())).to_pylist()
    found = [
        Refused(int(rows.numbers[place]), problems[place], _json(content))
        for place, content in zip(places, contents, strict=True)
    ]
    found += [Refused(broken.row, Problem(None, None, broken.reason), _json(broken.text)) for broken in rows.broken]
    found.sort(key=lambda refused: refused.row)
    return pa.RecordBatch.from_pylist([refused.as_row() for refused in found], QUARANTINE)


def _json(content: object) -> str:
    return json.dumps(content, default=str, ensure_ascii=False)


def _shown(value: object) -> str | None:
    return None if value is None else str(value)


def sifted(path: Path, mapping: ColumnMapping, sieve: Sieve) -> Iterator[Sifted]:
    """Read and divide a whole file, batch by batch; SettingsError at once if a constant cannot be used."""
    _check_constants(sieve.fields)
    return (sieve.sift(rows) for rows in read_rows(path, mapping.file))


def _check_constants(fields: Sequence[Field]) -> None:
    for wanted in fields:
        if wanted.source is None and wanted.constant is not None:
            problems = wanted.convert(pa.array([wanted.constant])).problems
            if problems:
                raise SettingsError(f"Mapping: [constants] {wanted.name}: {wanted.constant!r} {problems[0]}.")
