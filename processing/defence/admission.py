"""Admission: a drop's rows in canonical types, those that cannot be used kept apart, or nothing of it at all."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError

from processing.defence.casting import Cast, cast
from processing.defence.checks import Contract, Finding, conflicts, findings, without_nan
from processing.defence.parquet import Limits
from processing.defence.quarantine import Origin, Quarantine, gather
from processing.defence.units import check_units
from processing.drops import checked_files, no_rows, read_file
from processing.failures import WHAT_TO_DO
from processing.job import Job
from processing.tables import encode
from rightpack.errors import DataError, Fault
from rightpack.layout import quarantine_key, split_uri
from rightpack.manifest import FileEntry
from rightpack.refused_rows import kept_in
from rightpack.trigger import DropData

ROWS_NAME: Final = "rows.parquet"
REASON_NAME: Final = "reason.json"
QUARANTINE_NAME: Final = "quarantine.parquet"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Admitted:
    """Rows that keep the contract, in file-name order; `mended` counts NaN taken for missing, by column."""

    table: pa.Table
    files: int
    quarantine: Quarantine
    mended: dict[str, int]
    quarantine_uri: str = ""

    @property
    def rows(self) -> int:
        """All rows of the drop, unusable ones too."""
        return self.quarantine.of

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the unusable rows into an output, if there are any; what the profile says of them."""
        if self.quarantine.rows:
            (folder / QUARANTINE_NAME).write_bytes(encode(self.quarantine.listed))
        return {**self.quarantine.describe(self.quarantine_uri), "nan_as_missing": self.mended}


def admitted(job: Job, data: DropData, contract: Contract) -> Admitted:
    """Admit the drop in input `data`; what is refused lies below `quarantine/` in the drop's bucket, with the reason.

    Raises:
        ManifestError, ContractError, DataError: the whole drop is refused.
    """
    try:
        found = admit(job.input("data"), data, contract)
    except DataError as error:
        _keep_reason(job, data, error)
        raise
    quarantine = found.quarantine
    if not quarantine.rows:
        return found
    uri = _keep(job, data, ROWS_NAME, encode(quarantine.listed))
    log.warning("%d of %d rows go to %s: %s", quarantine.rows, quarantine.of, uri, quarantine.worst())
    allowed = contract.rules.may_be_unusable(quarantine.of)
    if quarantine.rows > allowed or not found.table.num_rows:
        refusal = DataError(_too_many(data, quarantine, allowed, uri))
        _keep_reason(job, data, refusal)
        raise refusal
    return Admitted(found.table, found.files, quarantine, found.mended, uri)


def admit(folder: Path, data: DropData, contract: Contract) -> Admitted:
    """Read and check the drop in `folder`; the caller judges whether too many rows are unusable.

    Raises:
        ManifestError: files and manifest disagree, or a file is not Parquet or too large once decoded; names the file.
        ContractError: a column is missing, of another type or in another unit; names the column.
        DataError: there are no rows.
    """
    files = checked_files(folder, data)
    casts = _read(files, contract)
    if not sum(c.table.num_rows for c in casts):
        raise no_rows(data, len(files))
    sizes = [c.table.num_rows for c in casts]
    origin = Origin(tuple(p.name for p, _ in files), np.array([0, *accumulate(sizes)][:-1]), sum(sizes))
    whole = _together([c.table for c in casts])
    table, mended = without_nan(whole, contract.columns)
    check_units(table, contract.rules, data.uri)
    found = [*_misfits(casts, origin), *findings(table, contract)]
    quarantine = gather(table, origin, [*found, *_conflicts(table, found, contract)])
    sound = table if not quarantine.rows else table.filter(pa.array(~quarantine.unusable))
    return Admitted(sound, len(files), quarantine, mended)


def _read(files: Sequence[tuple[Path, FileEntry]], contract: Contract) -> list[Cast]:
    left = Limits(contract.rules.most_rows, contract.rules.most_bytes)
    most = contract.rules.may_be_unusable(sum(entry.record_count or 0 for _, entry in files))
    casts = []
    for path, entry in files:
        raw = read_file(path, entry, contract.columns, left)
        casts.append(cast(raw, contract.columns, f"file {path.name}", most=most))
        left = left.after(casts[-1].table)
    return casts


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    """One table; a column that some files lack is missing in their rows."""
    return pa.concat_tables(tables, promote_options="default")


def _misfits(casts: Sequence[Cast], origin: Origin) -> list[Finding]:
    return [
        Finding(m.column.name, f"is not a {m.column.kind}", m.rows + start, m.values)
        for made, start in zip(casts, origin.starts, strict=True)
        for m in made.misfits
    ]


def _conflicts(table: pa.Table, found: Sequence[Finding], contract: Contract) -> list[Finding]:
    """Rows that contradict each other, among those that are sound in themselves."""
    key = [name for name in contract.key if name in table.column_names]
    if len(key) < len(contract.key) or not key:
        return []
    sound = np.ones(table.num_rows, dtype=np.bool_)
    for finding in found:
        sound[finding.rows] = False
    places = np.flatnonzero(sound)
    rows = places[conflicts(table if sound.all() else table.filter(pa.array(sound)), key)]
    return [Finding(key[0], "is that of another row that says something else", rows)] if len(rows) else []


def _too_many(data: DropData, quarantine: Quarantine, allowed: int, uri: str) -> str:
    share = 100 * quarantine.rows / quarantine.of
    limit = f"at most {allowed} may be" if quarantine.rows > allowed else "none is left"
    return (
        f"{quarantine.rows} of the {quarantine.of} rows of {data.uri} ({share:.1f} %) cannot be used; {limit}. "
        f"Most often: {quarantine.worst()}. The list is {uri}."
    )


def _keep(job: Job, data: DropData, name: str, content: bytes) -> str:
    bucket, key = split_uri(data.uri)
    drop = key.rstrip("/").removesuffix("/data")
    target = quarantine_key(drop, name)
    job.client("s3").put_object(Bucket=bucket, Key=target, Body=content)
    return f"s3://{bucket}/{target}"


def _keep_reason(job: Job, data: DropData, refusal: DataError) -> None:
    """Leave word beside what is kept, and let the job's message say where; if that fails it must do by itself."""
    content = json.dumps({"drop": data.uri, "reason": str(refusal)}, indent=1).encode()
    try:
        refusal.remedy = f"{kept_in(_keep(job, data, REASON_NAME, content))} {WHAT_TO_DO[Fault.DATA]}"
    except (ClientError, BotoCoreError):
        log.exception("The reason could not be kept below quarantine/; it is the message of this job.")
