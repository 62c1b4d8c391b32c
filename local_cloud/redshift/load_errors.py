"""Say which value a COPY failed on: file, column and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from local_cloud.redshift.copy_formats import Reading
from local_cloud.redshift.copy_source import SourceFile
from local_cloud.redshift.errors import SqlError, from_duckdb
from local_cloud.redshift.tables import Column, Table
from local_cloud.redshift.work import Work

_TOO_LONG, _BAD_VALUE, _MISSING = 1204, 1207, 1213


@dataclass(frozen=True, slots=True)
class _Blame:
    """The first value found to be wrong."""

    path: str
    column: str
    kind: str
    code: int
    reason: str


def load_error(
    work: Work, table: Table, *, files: Sequence[SourceFile], reading: Reading, cause: duckdb.Error
) -> SqlError:
    """Find the value to blame over another connection, as this one's transaction is spoilt, and record it."""
    blame = _find(work, reading) or _Blame(str(files[0].path), "", "", _BAD_VALUE, from_duckdb(cause).message)
    url = next((file.location.url for file in files if str(file.path) == blame.path), blame.path)
    now = datetime.now(UTC).replace(tzinfo=None)
    work.database.record(
        "load_errors", [work.last.query_id, url, blame.column, blame.kind, blame.code, blame.reason, now]
    )
    where = f"column {blame.column}, file {url}" if blame.column else f"file {url}"
    return SqlError(
        f"Load into table '{table.name.name}' failed. Check 'sys_load_error_detail' system table for details. "
        f"({blame.reason}; {where})"
    )


def _find(work: Work, reading: Reading) -> _Blame | None:
    cursor = work.database.cursor()
    try:
        for at in range(len(reading.targets)):
            if blame := _blame(cursor, reading, at):
                return blame
    except duckdb.Error:  # the file cannot be read at all: the first error says so
        return None
    finally:
        cursor.close()
    return None


def _checks(column: Column, field: str, value: str) -> list[tuple[str, int, str]]:
    blank = f"({field} IS NULL OR trim(CAST({field} AS VARCHAR)) = '')"
    checks = []
    if not column.nullable:
        checks.append((f"TRY({value}) IS NULL AND {blank}", _MISSING, "Missing data for not-null field"))
    if column.type.max_bytes:
        checks.append((f"strlen({field}) > {column.type.max_bytes}", _TOO_LONG, "String length exceeds DDL length"))
    else:
        checks.append((f"TRY({value}) IS NULL AND NOT {blank}", _BAD_VALUE, f"Invalid value for {column.type.label}"))
    return checks


def _blame(cursor: Any, reading: Reading, at: int) -> _Blame | None:
    field, column = f"f{at}", reading.targets[at]
    for condition, code, reason in _checks(column, field, reading.values[at]):
        query = f"SELECT filename, {field} FROM ({reading.source}) WHERE {condition} LIMIT 1"  # noqa: S608 - own names
        row = cursor.execute(query).fetchone()
        if row:
            shown = "" if row[1] is None else f": '{str(row[1])[:60]}'"
            return _Blame(str(row[0]), column.name, column.type.label, code, reason + shown)
    return None
