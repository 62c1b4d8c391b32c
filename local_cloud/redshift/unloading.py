"""Run UNLOAD: a query becomes Parquet files in a folder, then objects under a prefix; the manifest goes last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlglot import exp

from local_cloud.host import ObjectStore
from local_cloud.redshift.column_types import stored_as
from local_cloud.redshift.dialect import parse, render
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState, SqlSyntaxError
from local_cloud.redshift.lexer import quote_name, quote_text
from local_cloud.redshift.outcome import Outcome
from local_cloud.redshift.staging import Location, folder, listed
from local_cloud.redshift.unload_syntax import Unload, read_unload
from local_cloud.redshift.work import Work
from local_cloud.wire import AwsError

_SLICES = 2  #: as many as a workgroup of the smallest size would show in file names
_LARGE = 64 * 2**20  #: bytes that are worth threads
_NOT_IN_PARQUET = ("INTERVAL", "BLOB", "TIME")
_Columns = Sequence[tuple[str, str]]  # names with DuckDB types
_AUTHOR = {"name": "Amazon Redshift", "version": "1.0.0"}


@dataclass(frozen=True, slots=True)
class _Part:
    """One file to upload: its key, rows and bytes."""

    path: Path
    key: str
    rows: int
    size: int


def run_unload(work: Work, sql: str) -> Outcome:
    """Run an UNLOAD statement; returns the number of rows. No rows, no objects: not even a manifest."""
    unload = read_unload(sql)
    if unload.region not in (None, work.database.region):
        raise NotEmulatedError("UNLOAD to another region")
    query, columns = _query(work, unload)
    to = _destination(unload)
    objects = work.database.objects_of(unload.role)
    existing = _clear_prefix(objects, unload, to)
    with folder(work.database.staging) as staged:
        parts = _write_files(work, unload, query, staged=staged, to=to)
        if unload.clean and unload.partition:
            _delete(
                objects,
                to,
                [key for key in existing if key.rpartition("/")[0] in {p.key.rpartition("/")[0] for p in parts}],
            )
        _upload_all(objects, to, parts)
    rows = sum(part.rows for part in parts)
    if unload.manifest and parts:
        body = json.dumps(_manifest(unload, parts, bucket=to.bucket, columns=columns), indent=2).encode()
        objects.write(to.bucket, to.key + "manifest", body)
    work.last.unload_id, work.last.unload_count = work.last.query_id, rows
    _record(work, unload, parts)
    return Outcome(rows)


def _query(work: Work, unload: Unload) -> tuple[str, _Columns]:
    """The DuckDB query with types that Parquet and Redshift have, and its columns."""
    tree = parse(unload.query)
    if not isinstance(tree, exp.Query):
        raise SqlSyntaxError(unload.query[:40])
    if tree.args.get("limit") or tree.args.get("fetch"):
        raise SqlError("LIMIT is not supported in the outer SELECT of UNLOAD", SqlState.NOT_SUPPORTED)
    query = render(tree, unload.query, work.scope)
    columns = work.describe(query)
    for name, kind in columns:
        if kind in _NOT_IN_PARQUET:
            raise NotEmulatedError(f'UNLOAD of the column "{name}" of type {stored_as(kind).label} to Parquet')
    missing = set(unload.partition) - {name for name, _ in columns}
    if missing:
        raise SqlError(f'partition column "{min(missing)}" is not in the select list', SqlState.UNDEFINED_COLUMN)
    return _typed(query, columns), columns


def _typed(query: str, columns: _Columns) -> str:
    """128-bit sums become BIGINT (Parquet would round them), and time stamps lose their zone as on Redshift."""
    targets = {"HUGEINT": "BIGINT", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}
    if not any(kind in targets for _, kind in columns):
        return query
    parts = [f"CAST({quote_name(name)} AS {targets.get(kind, kind)}) AS {quote_name(name)}" for name, kind in columns]
    return f"SELECT {', '.join(parts)} FROM ({query})"  # noqa: S608 - quoted names


def _destination(unload: Unload) -> Location:
    to = Location.of(unload.to)
    if unload.partition and not to.key.endswith("/"):
        return Location(to.bucket, to.key + "/")
    return to


def _clear_prefix(objects: ObjectStore, unload: Unload, to: Location) -> list[str]:
    existing = [entry.key for entry in listed(objects, to)]
    if existing and not (unload.overwrite or unload.clean):
        raise SqlError(
            f"Specified unload destination on S3 is not empty: {to.url} has {len(existing)} objects. "
            "Use a different prefix, or ALLOWOVERWRITE or CLEANPATH."
        )
    if unload.clean and not unload.partition:
        _delete(objects, to, existing)
    return existing


def _delete(objects: ObjectStore, to: Location, keys: Sequence[str]) -> None:
    for key in keys:
        objects.delete(to.bucket, key)


def _upload_all(objects: ObjectStore, to: Location, parts: Sequence[_Part]) -> None:
    """Store parts, large ones side by side: most of the time goes into their checksums."""
    if sum(part.size for part in parts) < _LARGE:
        for part in parts:
            _upload(objects, to, part)
        return
    with ThreadPoolExecutor(_SLICES) as pool:
        for stored in [pool.submit(_upload, objects, to, part) for part in parts]:
            stored.result()


def _upload(objects: ObjectStore, to: Location, part: _Part) -> None:
    try:
        objects.upload(to.bucket, part.key, part.path)
    except AwsError as error:
        words = f"S3ServiceException:{error.message},Status {error.status},Error {error.code}"
        raise SqlError(words, SqlState.INTERNAL) from error


def _options(unload: Unload) -> list[str]:
    options = ["FORMAT parquet", "COMPRESSION snappy", "RETURN_STATS"]
    if unload.partition:
        names = ", ".join(map(quote_name, unload.partition))
        return [*options, f"PARTITION_BY ({names})", f"WRITE_PARTITION_COLUMNS {str(unload.include).lower()}"]
    if unload.file_size:
        return [*options, f"FILE_SIZE_BYTES {unload.file_size}"]
    return [*options, "PER_THREAD_OUTPUT true"] if unload.parallel else options


def _write_files(work: Work, unload: Unload, query: str, *, staged: Path, to: Location) -> list[_Part]:
    target = staged / "unload"
    statement = f"COPY ({query}) TO {quote_text(str(target))} ({', '.join(_options(unload))})"
    written = [(Path(path), rows) for path, rows, *_ in work.run(statement) if rows]
    written.sort(key=lambda part: writing_order(part[0]))
    return [
        _Part(path, f"{to.key}{_folder(path, target)}{_name(unload, at)}", rows, path.stat().st_size)
        for at, (path, rows) in enumerate(written)
    ]


def writing_order(path: Path) -> tuple[str, int]:
    """Sort key of the files that DuckDB wrote: `data_10.parquet` comes after `data_9.parquet`."""
    number = path.stem.rpartition("_")[2]
    return str(path.parent), int(number) if number.isdigit() else 0


def _folder(path: Path, target: Path) -> str:
    """The partition that a file belongs to, as a folder; empty without partitions."""
    return "".join(f"{name}/" for name in path.parent.parts[len(target.parts) :])


def _name(unload: Unload, at: int) -> str:
    if not unload.parallel and not unload.partition:
        return f"{at:03d}{unload.extension}"
    return f"{at % _SLICES:04d}_part_{at // _SLICES:02d}{unload.extension}"


def _manifest(unload: Unload, parts: Sequence[_Part], *, bucket: str, columns: _Columns) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    for part in parts:
        meta = {"content_length": part.size} | ({"record_count": part.rows} if unload.verbose else {})
        entries.append({"url": Location(bucket, part.key).url, "meta": meta})
    if not unload.verbose:
        return {"entries": entries}
    inside = [column for column in columns if unload.include or column[0] not in unload.partition]
    elements = [{"name": name, "type": {"base": stored_as(kind).base}} for name, kind in inside]
    totals = {"content_length": sum(p.size for p in parts), "record_count": sum(p.rows for p in parts)}
    return {"entries": entries, "schema": {"elements": elements}, "meta": totals, "author": _AUTHOR}


def _record(work: Work, unload: Unload, parts: Sequence[_Part]) -> None:
    rows, size = sum(part.rows for part in parts), sum(part.size for part in parts)
    now = datetime.now(UTC).replace(tzinfo=None)
    values = [work.last.query_id, unload.to, "Parquet", rows, len(parts), size, "completed", now]
    work.database.record("unload_history", values)
