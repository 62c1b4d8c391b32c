from __future__ import annotations

import datetime as dt
import decimal
import gzip
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.local_cloud.redshift.conftest import BUCKET, ROLE, FakeHost, MemoryObjects, Warehouse

COPY = f"COPY t FROM 's3://{BUCKET}/in/' {ROLE} FORMAT AS PARQUET"
COPY_MANIFEST = f"COPY t FROM 's3://{BUCKET}/in/manifest' {ROLE} FORMAT AS PARQUET MANIFEST"


def columns(*rows: tuple[Any, ...], names: tuple[str, ...] = ("id", "name", "v")) -> dict[str, pa.Array]:
    kinds = (pa.int64(), pa.string(), pa.float64())
    values = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    return {name: pa.array(list(v), kind) for name, v, kind in zip(names, values, kinds, strict=True)}


@pytest.fixture
def table(warehouse: Warehouse) -> Warehouse:
    warehouse.run("CREATE TABLE t (id BIGINT NOT NULL, name VARCHAR(5), v DOUBLE PRECISION)")
    return warehouse


def rows(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows("SELECT id, name, v FROM t ORDER BY id")


def test_all_files_under_a_prefix_are_loaded_by_position(table: Warehouse, objects: MemoryObjects) -> None:
    objects.put_parquet("in/a.parquet", columns((1, "a", 1.5)))
    objects.put_parquet("in/b.parquet", columns((2, None, None), names=("x", "y", "z")))
    objects.put_parquet("in/_hidden.parquet", columns((3, "c", 1.0)))
    answer = table.run(COPY)
    assert (answer["ResultRows"], answer["HasResultSet"]) == (2, False)
    assert rows(table) == [(1, "a", 1.5), (2, None, None)]


def test_a_column_list_chooses_targets_in_its_order(table: Warehouse, objects: MemoryObjects) -> None:
    objects.put_parquet("in/a", {"v": pa.array([2.5]), "id": pa.array([1], pa.int64())})
    table.run(COPY.replace("COPY t", "COPY t (v, id)"))
    assert rows(table) == [(1, None, 2.5)]


def test_a_manifest_says_which_files_count(table: Warehouse, objects: MemoryObjects) -> None:
    length = objects.put_parquet("in/a", columns((1, "a", 1.0)))
    objects.put_parquet("in/b", columns((2, "b", 1.0)))
    objects.put_manifest("in/manifest", {"in/a": length})
    assert table.run(COPY_MANIFEST)["ResultRows"] == 1
    assert rows(table) == [(1, "a", 1.0)]


def test_a_file_listed_twice_is_loaded_twice(table: Warehouse, objects: MemoryObjects) -> None:
    length = objects.put_parquet("in/a", columns((1, "a", 1.0)))
    objects.put_manifest("in/manifest", {"in/a": length})
    body = objects.json("in/manifest")
    objects.content["in/manifest"] = (
        str({"entries": body["entries"] * 2}).replace("'", '"').replace("True", "true").encode()
    )
    assert table.run(COPY_MANIFEST)["ResultRows"] == 2


def test_an_optional_file_may_be_missing(table: Warehouse, objects: MemoryObjects) -> None:
    length = objects.put_parquet("in/a", columns((1, "a", 1.0)))
    objects.put_manifest("in/manifest", {"in/a": length, "in/gone": 10}, mandatory=False)
    assert table.run(COPY_MANIFEST)["ResultRows"] == 1


def test_a_manifest_of_unload_can_be_copied(table: Warehouse) -> None:
    table.run(
        "INSERT INTO t VALUES (1, 'a', 1.5), (2, NULL, NULL)",
        f"UNLOAD ('SELECT * FROM t') TO 's3://{BUCKET}/in/' {ROLE} FORMAT PARQUET MANIFEST VERBOSE",
        "DELETE FROM t",
        COPY_MANIFEST,
    )
    assert rows(table) == [(1, "a", 1.5), (2, None, None)]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"in/a": None}, "lacks meta.content_length of s3://bucket/in/a"),
        ({"in/a": 7}, "but 7 in the manifest"),
        ({"in/gone": 10}, 'the mandatory url "s3://bucket/in/gone" was not found'),
        ({}, "does not exist"),
    ],
)
def test_a_manifest_that_is_not_kept_loads_nothing(
    table: Warehouse, objects: MemoryObjects, parts: dict[str, int | None], reason: str
) -> None:
    objects.put_parquet("in/a", columns((1, "a", 1.0)))
    objects.put_manifest("in/manifest", parts)
    assert reason in table.error(COPY_MANIFEST)
    assert rows(table) == []


def test_a_manifest_must_be_there_and_be_json(table: Warehouse, objects: MemoryObjects) -> None:
    assert "NoSuchKey" in table.error(COPY_MANIFEST)
    objects.content["in/manifest"] = b"not json"
    assert "is not JSON" in table.error(COPY_MANIFEST)


def test_too_long_values_fail_in_bytes_and_name_column_file_and_value(table: Warehouse, objects: MemoryObjects) -> None:
    objects.put_parquet("in/a", columns((1, "abcde", 1.0)))
    objects.put_parquet("in/b", columns((2, "abcdé", 1.0)))
    error = table.error(COPY)
    assert "Load into table 't' failed" in error
    assert "String length exceeds DDL length: 'abcdé'; column name, file s3://bucket/in/b" in error
    assert rows(table) == []
    detail = "SELECT file_name, column_name, column_type, error_code FROM sys_load_error_detail"
    assert table.rows(detail) == [("s3://bucket/in/b", "name", "character varying(5)", 1204)]


def test_missing_values_of_required_columns_fail(table: Warehouse, objects: MemoryObjects) -> None:
    objects.put_parquet("in/a", columns((None, "a", 1.0)))
    assert "Missing data for not-null field; column id, file s3://bucket/in/a" in table.error(COPY)


@pytest.mark.parametrize(
    ("changed", "array", "reason"),
    [
        ("id", pa.array([1], pa.int32()), "Column type: BIGINT (id), Parquet schema: optional int32"),
        ("id", pa.array(["1"]), "Column type: BIGINT (id), Parquet schema: optional byte_array (UTF8)"),
        ("v", pa.array([1], pa.int64()), "Column type: DOUBLE PRECISION (v), Parquet schema: optional int64"),
        ("v", pa.array([1.0], pa.float32()), "Parquet schema: optional float"),
        ("name", pa.array([1], pa.int64()), "Column type: CHARACTER VARYING(5) (name), Parquet schema: optional int64"),
    ],
)
def test_parquet_types_must_be_those_of_the_columns(
    table: Warehouse, objects: MemoryObjects, changed: str, array: pa.Array, reason: str
) -> None:
    objects.put_parquet("in/a", columns((1, "a", 1.0)) | {changed: array})
    error = table.error(COPY)
    assert "Spectrum Scan Error: File 's3://bucket/in/a' has an incompatible Parquet schema" in error
    assert reason in error


def test_all_types_go_round(warehouse: Warehouse, objects: MemoryObjects) -> None:
    warehouse.run(
        """CREATE TABLE k (a SMALLINT, b INTEGER, c DECIMAL(12,2), d REAL, e BOOLEAN, f DATE, g TIMESTAMP,
                           h TIMESTAMPTZ, i CHAR(2))"""
    )
    moment = dt.datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001 - a naive column
    objects.put_parquet(
        "in/a",
        {
            "a": pa.array([1], pa.int16()),
            "b": pa.array([2], pa.int32()),
            "c": pa.array([decimal.Decimal("3.25")], pa.decimal128(12, 2)),
            "d": pa.array([0.5], pa.float32()),
            "e": pa.array([True]),
            "f": pa.array([dt.date(2024, 1, 2)]),
            "g": pa.array([moment], pa.timestamp("us")),
            "h": pa.array([moment], pa.timestamp("ms", "UTC")),
            "i": pa.array(["xy"]),
        },
    )
    warehouse.run(COPY.replace("COPY t", "COPY k"))
    expected = (1, 2, "3.25", 0.5, True, "2024-01-02", "2024-01-02 03:04:05", "2024-01-02 03:04:05+00", "xy")
    assert warehouse.rows("SELECT * FROM k") == [expected]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (COPY.replace("COPY t", "COPY nowhere"), "Cannot COPY into nonexistent table nowhere"),
        (COPY.replace("COPY t", "COPY t (id, nope, v)"), 'column "nope" of relation "public.t" does not exist'),
        (COPY.replace("COPY t", "COPY t (id)"), "the number of columns in s3://bucket/in/a (3) and in the target (1)"),
        (COPY.replace("/in/", "/none/"), "The specified S3 prefix 'none/' does not exist"),
        (COPY.replace(BUCKET, "nowhere"), "NoSuchBucket"),
        (COPY + " REGION 'us-east-1'", "REGION argument is not supported for PARQUET based COPY"),
        (COPY + " MAXERROR 10", "MAXERROR argument is not supported for PARQUET based COPY"),
        (COPY + " FILLRECORD", "does not simulate COPY with FILLRECORD"),
        (COPY.replace("PARQUET", "ORC"), "does not simulate COPY of ORC"),
        (COPY.replace(ROLE, ""), "no authorization"),
    ],
)
def test_wrong_copies_fail(table: Warehouse, objects: MemoryObjects, sql: str, reason: str) -> None:
    objects.put_parquet("in/a", columns((1, "a", 1.0)))
    assert reason in table.error(sql)
    assert rows(table) == []


def test_a_file_that_is_no_parquet_is_named(table: Warehouse, objects: MemoryObjects) -> None:
    objects.content["in/a"] = b"nothing of the kind"
    assert "s3://bucket/in/a is not a valid Parquet file" in table.error(COPY)


def test_csv_is_loaded_with_header_delimiter_and_quotes(table: Warehouse, objects: MemoryObjects) -> None:
    objects.content["in/a.csv"] = b'id;name;v\n1;"a;""";2.5\n2;;\n3;\\N;1e3\n'
    objects.content["in/b.csv"] = b"id;name;v\n4;d;4\n"
    table.run(f"COPY t FROM 's3://{BUCKET}/in/' {ROLE} FORMAT AS CSV DELIMITER ';' IGNOREHEADER 1 TIMEFORMAT 'auto'")
    assert rows(table) == [(1, 'a;"', 2.5), (2, "", None), (3, None, 1000.0), (4, "d", 4.0)]


def test_csv_can_be_compressed_and_empty_texts_be_null(table: Warehouse, objects: MemoryObjects) -> None:
    objects.content["in/a.gz"] = gzip.compress(b"1,,\n2,  ,1\n")
    table.run(f"COPY t (id, name, v) FROM 's3://{BUCKET}/in/' {ROLE} CSV GZIP EMPTYASNULL")
    assert rows(table) == [(1, None, None), (2, "  ", 1.0)]


def test_wrong_values_in_csv_are_named(table: Warehouse, objects: MemoryObjects) -> None:
    copy = f"COPY t FROM 's3://{BUCKET}/in/' {ROLE} CSV"
    objects.content["in/a.csv"] = b"1,a,2.5\nx,b,1\n"
    assert "Invalid value for bigint: 'x'; column id, file s3://bucket/in/a.csv" in table.error(copy)
    objects.content["in/a.csv"] = b"1,a,2.5\n,b,1\n"
    assert "Missing data for not-null field" in table.error(copy)
    objects.content["in/a.csv"] = b"1,a\n"
    assert "Load into table 't' failed" in table.error(copy)
    objects.content["in/a.csv"] = b"1,a,2,3\n"
    assert "Load into table 't' failed" in table.error(copy)
    assert rows(table) == []


def test_the_session_counts_what_it_copied(table: Warehouse, objects: MemoryObjects) -> None:
    objects.put_parquet("in/a", columns((1, "a", 1.0), (2, "b", 1.0)))
    answer = table.batch(COPY, "SELECT pg_last_copy_count()")
    assert table.ask("GetStatementResult", Id=f"{answer['Id']}:2")["Records"] == [[{"longValue": 2}]]
    assert table.value("pg_last_copy_count()") == 0
    history = "SELECT table_name, loaded_rows, source_file_count, status FROM sys_load_history"
    assert table.rows(history) == [("t", 2, 1, "completed")]


def test_history_survives_the_rollback_of_the_load(table: Warehouse, objects: MemoryObjects) -> None:
    objects.put_parquet("in/a", columns((1, "a", 1.0)))
    assert table.batch(COPY, "SELECT 1 / 0")["Status"] == "FAILED"
    assert rows(table) == []
    assert table.rows("SELECT loaded_rows FROM sys_load_history") == [(1,)]


def test_no_staged_file_stays_behind(table: Warehouse, host: FakeHost, objects: MemoryObjects) -> None:
    objects.put_parquet("in/a", columns((1, "too long", 1.0)))
    table.error(COPY)
    assert list((host.root / "redshift").rglob("staging/*/*")) == []
