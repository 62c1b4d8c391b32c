"""Loading people's own files: read, sifted, loaded; rows that cannot be used go to quarantine with their reason."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import dataclass
from pathlib import Path

from processing.intake import ColumnMapping, IntakeReport, deliver, read_labels, read_products
from rightpack.cli.stage import Stage, today
from rightpack.cli.upload import load_parts
from rightpack.errors import DataError
from rightpack.warehouse import table_named


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows loaded, rows quarantined, and where the quarantine lies (empty if there is none)."""

    rows: int
    quarantined: int
    quarantine_uri: str


def load(stage: Stage, table: str, file: Path, mapping: ColumnMapping, *, first_seen: dt.date | None = None) -> Loaded:
    """Load a CSV or Parquet file into `products` or `labels`.

    DataError, with nothing loaded, if more of its rows cannot be used than `defence` lets a drop have.
    """
    if table == "products":
        batches = read_products(file, mapping, stage.settings, first_seen=first_seen or today())
    else:
        batches = read_labels(file, mapping, stage.settings)
    with tempfile.TemporaryDirectory() as scratch:
        report = deliver(batches, table_named(table, stage.settings).columns, Path(scratch))
        uri = _quarantine(stage, table, [part.path for part in report.quarantine])
        allowed = stage.settings.defence.may_be_unusable(report.rows)
        if report.rejected > allowed:
            raise DataError(_too_many(file, report, allowed, uri))
        rows = load_parts(stage, table, report.paths)
    return Loaded(rows, report.rejected, uri)


def _too_many(file: Path, report: IntakeReport, allowed: int, uri: str) -> str:
    reason, count = report.worst
    return (
        f"{report.rejected} of the {report.rows} rows of {file.name} cannot be used; at most {allowed} may be, so "
        f"nothing was loaded. Most often ({count} rows): {reason}. The list is in {uri}. "
        "Mend the file or its mapping, or raise defence.quarantine_share."
    )


def _quarantine(stage: Stage, table: str, parts: list[Path]) -> str:
    if not parts:
        return ""
    prefix = f"quarantine/loads/{table}/{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}/"
    for part in parts:
        stage.client("s3").upload_file(str(part), stage.layout.data_bucket, prefix + part.name)
    return f"s3://{stage.layout.data_bucket}/{prefix}"
