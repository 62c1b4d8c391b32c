from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing.intake import ColumnMapping, copy_manifest, deliver, parts, read_labels, write_parts
from rightpack.errors import ContractError, DataError, InternalError
from rightpack.manifest import parse_files
from rightpack.warehouse import FEEDBACK_COLUMNS, LABEL_COLUMNS

COLUMNS = [("b", "DOUBLE PRECISION"), ("a", "VARCHAR(10)")]


def batches(rows: int, size: int) -> list[pa.RecordBatch]:
    table = pa.table({"a": [str(n) for n in range(rows)], "other": range(rows), "b": pa.array(range(rows), pa.int16())})
    return table.to_batches(max_chunksize=size)


def test_columns_are_picked_put_in_order_and_cast(tmp_path):
    [part] = write_parts(batches(3, 2), COLUMNS, tmp_path / "out")
    table = pq.read_table(part.path)
    assert table.schema.names == ["b", "a"]
    assert table.schema.field("b").type == pa.float64()
    assert table.to_pylist()[2] == {"b": 2.0, "a": "2"}
    assert (part.path.name, part.rows, part.size) == ("part_0000.parquet", 3, part.path.stat().st_size)


def test_bytes_depend_on_the_rows_and_not_on_how_they_were_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GROUP_ROWS", 64)
    one, many = (write_parts(batches(1000, size), COLUMNS, tmp_path / str(size)) for size in (1000, 7))
    assert [p.path.read_bytes() for p in one] == [p.path.read_bytes() for p in many]


def test_files_hold_a_fixed_number_of_rows_and_the_last_one_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GROUP_ROWS", 64)
    written = write_parts(batches(600, 90), COLUMNS, tmp_path)
    assert [p.rows for p in written] == [256, 256, 88]
    assert [p.path.name for p in written] == [f"part_000{n}.parquet" for n in range(3)]
    values = [row["a"] for p in written for row in pq.read_table(p.path).to_pylist()]
    assert values == [str(n) for n in range(600)]


def test_no_rows_give_no_file(tmp_path):
    assert write_parts([], COLUMNS, tmp_path / "out") == []
    assert not (tmp_path / "out").exists()


def test_a_column_that_the_data_lacks_is_named(tmp_path):
    with pytest.raises(ContractError, match="Column 'c' of the table is not in the data: a, other, b"):
        write_parts(batches(1, 1), [("c", "INTEGER")], tmp_path)


def test_every_type_of_the_warehouse_has_a_parquet_form():
    assert parts.table_schema(FEEDBACK_COLUMNS).field("n_units").type == pa.int32()
    assert parts.table_schema(LABEL_COLUMNS).field("observed_at").type == pa.timestamp("us")
    with pytest.raises(InternalError, match="SUPER"):
        parts.table_schema([("a", "SUPER")])


def test_the_manifest_is_the_one_that_copy_wants(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GROUP_ROWS", 64)
    written = write_parts(batches(300, 300), COLUMNS, tmp_path)
    files = parse_files(copy_manifest(written, "s3://bucket/loads/"), "manifest")
    assert [(f.url, f.content_length, f.record_count) for f in files] == [
        ("s3://bucket/loads/part_0000.parquet", written[0].size, 256),
        ("s3://bucket/loads/part_0001.parquet", written[1].size, 44),
    ]


LABELS = "product_id,package_type,suitable,observed_at"


def test_a_delivery_accounts_for_every_row(csv, settings, tmp_path):
    path = csv(
        LABELS, "a,carton,1,2026-09-01", "a,crate,1,2026-09-01", "a,sack,1,2026-09-01", "a", "a,carton,0,2026-09-01"
    )
    report = deliver(read_labels(path, ColumnMapping(), settings), LABEL_COLUMNS, tmp_path / "out")
    assert (report.rows, report.accepted, report.rejected) == (5, 2, 3)
    assert sorted(report.reasons.values()) == [1, 2]
    assert report.reasons["row 1 fields where the header has 4"] == 1
    assert pq.read_table(report.paths[0])["observed_at"].to_pylist() == [dt.datetime.fromisoformat("2026-09-01")] * 2
    [quarantine] = report.quarantine
    assert [(r["row"], r["value"]) for r in pq.read_table(quarantine.path).to_pylist()] == [
        (2, "crate"),
        (3, "sack"),
        (4, None),
    ]


def test_a_clean_delivery_has_no_quarantine(csv, settings, tmp_path):
    report = deliver(
        read_labels(csv(LABELS, "a,carton,1,2026-09-01"), ColumnMapping(), settings), LABEL_COLUMNS, tmp_path
    )
    assert report.quarantine == ()
    assert not (tmp_path / "quarantine").exists()


def test_a_file_without_one_usable_row_is_refused_with_an_example(csv, settings, tmp_path):
    path = csv(LABELS, "a,crate,1,2026-09-01", "b,crate,1,2026-09-01")
    with pytest.raises(
        DataError, match=r"None of the 2 rows .* Row 1 has 'crate' for package_type: is not one of none"
    ):
        deliver(read_labels(path, ColumnMapping(), settings), LABEL_COLUMNS, tmp_path)


def test_a_file_with_a_header_only_is_refused(csv, settings, tmp_path):
    with pytest.raises(DataError, match="no rows"):
        deliver(read_labels(csv(LABELS), ColumnMapping(), settings), LABEL_COLUMNS, tmp_path)
