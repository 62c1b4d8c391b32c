"""Run COPY: stage the objects, check them, insert them with one statement, and say which value was wrong if one was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb

from local_cloud.redshift.copy_formats import read_files
from local_cloud.redshift.copy_source import SourceFile, stage_sources
from local_cloud.redshift.copy_syntax import Copy, read_copy
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState
from local_cloud.redshift.lexer import quote_name
from local_cloud.redshift.load_errors import load_error
from local_cloud.redshift.outcome import Outcome
from local_cloud.redshift.staging import folder
from local_cloud.redshift.tables import Column, Table
from local_cloud.redshift.work import Work


def run_copy(work: Work, sql: str) -> Outcome:
    """Run a COPY statement; the caller holds the write lock."""
    copy = read_copy(sql)
    if copy.options.get("REGION", work.database.region) != work.database.region:
        raise SqlError(f"S3ServiceException: the bucket is not in the region {copy.options['REGION']}")
    table = _target(work, copy)
    work.last.copy_id, work.last.copy_count = work.last.query_id, 0
    files: list[SourceFile] = []
    try:
        with folder(work.database.staging) as staged:
            files = stage_sources(work.database.objects_of(copy.role), copy, staged)
            count = _insert(work, copy, table, files=files)
    except SqlError as error:
        _record(work, copy, files, count=0, error=error.message)
        raise
    work.last.copy_count = count
    _record(work, copy, files, count=count, error=None)
    return Outcome(count)


def _target(work: Work, copy: Copy) -> Table:
    if work.catalogue.find(copy.table) is None:
        raise SqlError(f"Cannot COPY into nonexistent table {copy.table}", SqlState.UNDEFINED_TABLE)
    table = work.catalogue.table(copy.table)
    if table.layout.identity:
        raise NotEmulatedError("COPY into a table with an IDENTITY column")
    return table


def _columns(copy: Copy, table: Table) -> list[Column]:
    if not copy.columns:
        return list(table.columns)
    found = [table.column(name) for name in copy.columns]
    for name, column in zip(copy.columns, found, strict=True):
        if column is None:
            raise SqlError(f'column "{name}" of relation "{table.name}" does not exist', SqlState.UNDEFINED_COLUMN)
    return [column for column in found if column]


def _insert(work: Work, copy: Copy, table: Table, *, files: Sequence[SourceFile]) -> int:
    targets = _columns(copy, table)
    reading = read_files(work, copy, files=files, targets=targets)
    names = ", ".join(quote_name(column.name) for column in targets)
    statement = f"INSERT INTO {table.duckdb} ({names}) SELECT {', '.join(reading.values)} FROM ({reading.source})"  # noqa: S608
    try:
        return work.change(statement)
    except (duckdb.ConversionException, duckdb.ConstraintException, duckdb.InvalidInputException) as error:
        raise load_error(work, table, files=files, reading=reading, cause=error) from error


def _record(work: Work, copy: Copy, files: Sequence[SourceFile], *, count: int, error: str | None) -> None:
    size = sum(file.size for file in files) if error is None else 0
    status = "aborted" if error else "completed"
    now = datetime.now(UTC).replace(tzinfo=None)
    values = [
        work.last.query_id,
        copy.table.name,
        copy.source,
        copy.format,
        count,
        size,
        len(files),
        status,
        error,
        now,
    ]
    work.database.record("load_history", values)
