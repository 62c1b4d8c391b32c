"""Writing what was read: parts for the table, parts for quarantine, and a report that accounts for every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from processing.intake.parts import Columns, Part, PartWriter, table_schema
from processing.intake.sieve import QUARANTINE, Sifted
from rightpack.errors import DataError

QUARANTINE_FOLDER: Final = "quarantine"
TABLE_FOLDER: Final = "parts"


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """What became of a file: rows read = accepted + rejected.

    `reasons` counts refused rows by column and reason, `changed` values that were mended, by column.
    """

    accepted: int
    rejected: int
    reasons: dict[str, int]
    changed: dict[str, int]
    parts: tuple[Part, ...]
    quarantine: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return self.accepted + self.rejected

    @property
    def worst(self) -> tuple[str, int]:
        """Why most of the refused rows were refused, and how many they are."""
        return Counter(self.reasons).most_common(1)[0]

    @property
    def paths(self) -> list[Path]:
        """Parquet files for the table, in order."""
        return [part.path for part in self.parts]


def deliver(batches: Iterable[Sifted], columns: Columns, folder: Path) -> IntakeReport:
    """Write `parts/` and, if any row was refused, `quarantine/` below `folder`.

    DataError if not one row can be used: then the mapping is wrong rather than the rows, and the message says where.
    """
    schema = table_schema(columns)
    table, refused = PartWriter(folder / TABLE_FOLDER, schema), PartWriter(folder / QUARANTINE_FOLDER, QUARANTINE)
    reasons: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    for batch in batches:
        table.add(batch.accepted.cast(schema))
        refused.add(batch.rejected)
        reasons.update(_kinds(batch))
        changed.update(batch.changed)
    parts, quarantine = tuple(table.close()), tuple(refused.close())
    report = IntakeReport(_rows(parts), _rows(quarantine), dict(reasons), dict(changed), parts, quarantine)
    if not report.accepted:
        raise DataError(_nothing(report))
    return report


def _kinds(batch: Sifted) -> list[str]:
    return [f"{row['column'] or 'row'} {row['reason']}" for row in batch.rejected.to_pylist()]


def _rows(parts: Iterable[Part]) -> int:
    return sum(part.rows for part in parts)


def _nothing(report: IntakeReport) -> str:
    if not report.rejected:
        return "The file has no rows."
    reason, count = report.worst
    first = pq.read_table(report.quarantine[0].path).slice(0, 1).to_pylist()[0]
    return (
        f"None of the {report.rejected} rows can be used. Most often ({count} rows): {reason}. "
        f"Row {first['row']} has {first['value']!r} for {first['column'] or 'the whole row'}: {first['reason']}."
    )
