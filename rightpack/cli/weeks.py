"""Weeks of the generated shop: made, written as Parquet and loaded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from processing.generator import Catalogue, Drift
from rightpack.cli.stage import Stage
from rightpack.cli.upload import load_parts
from rightpack.settings import Settings
from rightpack.warehouse import Columns, table_named

ARROW_TYPES = {"DOUBLE": pa.float64(), "SMALLINT": pa.int16(), "INTEGER": pa.int32(), "TIMESTAMP": pa.timestamp("us")}
TABLES = ("products", "feedback")


def catalogue(settings: Settings, *, seed: int, products: int, drift: Drift | None = None) -> Catalogue:
    """The generated shop of a stage's package types."""
    return Catalogue(seed, products, settings.package_types, drift=drift or Drift())


def last_day(shop: Catalogue, week: int) -> dt.date:
    """Sunday of a week: the business date of its drops."""
    return shop.start + dt.timedelta(days=7 * week + 6)


def write_week(shop: Catalogue, week: int, folder: Path, settings: Settings) -> dict[str, int]:
    """Write one week's new products and feedback as Parquet; return rows by table."""
    folder.mkdir(parents=True, exist_ok=True)
    batches = {"products": shop.products(week), "feedback": shop.feedback(week)}
    return {
        name: _write(batches[name], table_named(name, settings).columns, folder / f"{name}-{week:03d}.parquet")
        for name in TABLES
    }


def load_week(stage: Stage, folder: Path, week: int) -> None:
    """Load what `write_week` wrote."""
    for name in TABLES:
        load_parts(stage, name, [folder / f"{name}-{week:03d}.parquet"])


def warehouse_schema(columns: Columns) -> pa.Schema:
    """Arrow schema of a warehouse table."""
    return pa.schema([(name, ARROW_TYPES.get(kind.partition(" ")[0], pa.string())) for name, kind in columns])


def _write(batches: Iterable[pa.RecordBatch], columns: Columns, path: Path) -> int:
    schema, rows = warehouse_schema(columns), 0
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            table = pa.Table.from_batches([batch])
            arrays = [_column(table, field) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            rows += batch.num_rows
    return rows


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    """A column as the warehouse has it; one that the shop does not know is empty."""
    if field.name in table.column_names:
        return table[field.name].cast(field.type)
    return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
