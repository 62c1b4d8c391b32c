"""Loading a table: canonical Parquet parts to S3, a COPY manifest beside them, one transaction into the warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from rightpack.cli.stage import Stage
from rightpack.manifest import COPY_MANIFEST, FileEntry, write_files
from rightpack.warehouse import copy_rows, schema_statements, table_named


def migrate(stage: Stage) -> None:
    """Create whatever the warehouse lacks; a second time changes nothing."""
    statements = schema_statements(stage.settings)
    for start in range(0, len(statements), 40):
        batch = statements[start : start + 40]
        stage.data_api.run(batch, token=_digest("\n".join(batch).encode()), name="rightpack-migrate")


def load_parts(stage: Stage, table: str, parts: Sequence[Path]) -> int:
    """Load Parquet files with the table's columns, in the table's order; return the number of rows.

    The place in S3 is the content's own digest, so loading the same files again reads the same objects.
    """
    kept = [part for part in parts if rows_of(part)]
    if not kept:
        return 0
    digest = _digest(*(part.read_bytes() for part in kept))
    prefix = f"loads/{table}/{digest[:16]}/"
    files = [_upload(stage, part, f"{prefix}part_{index:04d}.parquet") for index, part in enumerate(kept)]
    key = prefix + COPY_MANIFEST
    bucket = stage.layout.data_bucket
    stage.client("s3").put_object(Bucket=bucket, Key=key, Body=write_files(files).encode())
    target = table_named(table, stage.settings)
    batch = copy_rows(target, f"s3://{bucket}/{key}", schema=stage.schema, role=stage.layout.warehouse_role_arn)
    stage.data_api.run(batch, token=digest, name=f"rightpack-load-{table}")
    return sum(f.record_count or 0 for f in files)


def rows_of(part: Path) -> int:
    """Rows of a Parquet file."""
    return int(pq.read_metadata(part).num_rows)


def _upload(stage: Stage, part: Path, key: str) -> FileEntry:
    bucket = stage.layout.data_bucket
    stage.client("s3").upload_file(str(part), bucket, key)
    return FileEntry(f"s3://{bucket}/{key}", part.stat().st_size, rows_of(part))


def _digest(*contents: bytes) -> str:
    whole = hashlib.sha256()
    for content in contents:
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()
