"""Rows that cannot be used: which, why, where they are kept, and when they are too many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.defence.checks import Finding, Rows

MOST_LISTED: Final = 10_000
SHOWN: Final = 60
SCHEMA: Final = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
        ("content", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a table come from: file names, and the first row of each; `rows` is their number."""

    files: tuple[str, ...]
    starts: Rows
    rows: int

    def of(self, row: int) -> tuple[str, int]:
        """File of a row, and its place in there, 1 for the first."""
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.files[number], row - int(self.starts[number]) + 1


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Unusable rows among `of` rows; `listed` has one row for each thing that is wrong with them, in the drop's order.

    At most `MOST_LISTED` are listed; the counts are of all.
    """

    of: int
    unusable: npt.NDArray[np.bool_]
    listed: pa.Table
    counts: tuple[tuple[str, str, int], ...]

    @property
    def rows(self) -> int:
        """How many rows cannot be used."""
        return int(self.unusable.sum())

    def describe(self, uri: str) -> dict[str, Any]:
        """What profiles and reports say; `uri` is where the list lies."""
        reasons = [{"column": column, "reason": reason, "rows": rows} for column, reason, rows in self.counts]
        return {"rows": self.rows, "of": self.of, "reasons": reasons, "file": uri}

    def worst(self) -> str:
        """The most frequent reason, and its first row."""
        column, reason, rows = max(self.counts, key=lambda count: count[2])
        listed = self.listed.select(["file", "row", "column", "value", "reason"]).to_pylist()
        first = next((r for r in listed if (r["column"], r["reason"]) == (column, reason)), None)
        place = f", first row {first['row']} of {first['file']}: {first['value']}" if first else ""
        return f"{column} {reason} ({rows} rows{place})"


def gather(table: pa.Table, origin: Origin, found: Sequence[Finding]) -> Quarantine:
    """Collect `found`, whose rows count within `table`."""
    unusable = np.zeros(table.num_rows, dtype=np.bool_)
    for finding in found:
        unusable[finding.rows] = True
    listed = _listed(table, origin, found)
    counts = tuple((f.column, f.reason, len(f.rows)) for f in found)
    return Quarantine(origin.rows, unusable, pa.Table.from_pylist(listed, SCHEMA), counts)


def _listed(table: pa.Table, origin: Origin, found: Sequence[Finding]) -> list[dict[str, Any]]:
    """The first problems of the table in its order; columns of one row in the contract's."""
    first = [(order, finding.rows[:MOST_LISTED]) for order, finding in enumerate(found)]
    problems = sorted((int(row), order, place) for order, rows in first for place, row in enumerate(rows))[:MOST_LISTED]
    rows = sorted({row for row, _, _ in problems})
    contents = dict(zip(rows, table.take(pa.array(rows, pa.int64())).to_pylist(), strict=True))
    for row, order, place in problems:
        values = found[order].values
        if values is not None:  # the table has null there
            contents[row][found[order].column] = values[place]
    return [_entry(origin, row, found[order], contents[row]) for row, order, _ in problems]


def _entry(origin: Origin, row: int, finding: Finding, content: dict[str, Any]) -> dict[str, Any]:
    file, number = origin.of(row)
    value = content.get(finding.column)
    shown = None if value is None else str(value)[:SHOWN]
    whole = json.dumps(content, default=str, ensure_ascii=False)
    values = (file, number, finding.column, shown, finding.reason, whole)
    return dict(zip(SCHEMA.names, values, strict=True))
