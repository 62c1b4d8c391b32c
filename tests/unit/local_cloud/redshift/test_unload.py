from __future__ import annotations

from pathlib import Path

import pytest

from local_cloud.redshift.unloading import writing_order
from tests.unit.local_cloud.redshift.conftest import BUCKET, ROLE, FakeHost, MemoryObjects, Warehouse


def unload(query: str, to: str = f"s3://{BUCKET}/drop/part_", options: str = "") -> str:
    return f"UNLOAD ($${query}$$) TO '{to}' {ROLE} FORMAT AS PARQUET {options}"


@pytest.fixture
def table(warehouse: Warehouse) -> Warehouse:
    warehouse.run(
        "CREATE TABLE t (id BIGINT NOT NULL, g VARCHAR(5), d DECIMAL(10,2), day DATE, at TIMESTAMP, ok BOOLEAN)",
        "INSERT INTO t VALUES (1, 'a', 1.5, '2024-01-01', '2024-01-01 10:00:00', TRUE),"
        " (2, 'b', 2.5, NULL, NULL, FALSE), (3, NULL, NULL, NULL, NULL, NULL)",
    )
    return warehouse


def test_rows_become_parquet_and_the_manifest_is_written_last(table: Warehouse, objects: MemoryObjects) -> None:
    answer = table.run(unload("SELECT * FROM t", options="MANIFEST VERBOSE"))
    assert (answer["ResultRows"], answer["HasResultSet"]) == (3, False)
    assert objects.written[-1] == "drop/part_manifest"
    assert objects.written[0] == "drop/part_0000_part_00.parquet"
    rows = [row for key in objects.written[:-1] for row in objects.parquet(key).to_pylist()]
    assert sorted(row["id"] for row in rows) == [1, 2, 3]
    assert str(objects.parquet(objects.written[0]).schema.field("d").type) == "decimal128(10, 2)"


def test_a_verbose_manifest_tells_lengths_counts_and_columns(table: Warehouse, objects: MemoryObjects) -> None:
    table.run(unload("SELECT id, g, d, day, at, ok, COUNT(*) FROM t GROUP BY 1,2,3,4,5,6", options="MANIFEST VERBOSE"))
    manifest = objects.json("drop/part_manifest")
    for entry in manifest["entries"]:
        key = entry["url"].removeprefix(f"s3://{BUCKET}/")
        assert entry["meta"]["content_length"] == len(objects.content[key])
        assert entry["meta"]["record_count"] == objects.parquet(key).num_rows
    lengths = sum(entry["meta"]["content_length"] for entry in manifest["entries"])
    assert manifest["meta"] == {"content_length": lengths, "record_count": 3}
    assert [(e["name"], e["type"]["base"]) for e in manifest["schema"]["elements"]] == [
        ("id", "bigint"),
        ("g", "character varying"),
        ("d", "numeric"),
        ("day", "date"),
        ("at", "timestamp without time zone"),
        ("ok", "boolean"),
        ("count", "bigint"),
    ]
    assert manifest["author"]["name"] == "Amazon Redshift"


def test_a_plain_manifest_tells_lengths_only(table: Warehouse, objects: MemoryObjects) -> None:
    table.run(unload("SELECT * FROM t", options="MANIFEST"))
    manifest = objects.json("drop/part_manifest")
    assert set(manifest) == {"entries"}
    assert set(manifest["entries"][0]["meta"]) == {"content_length"}


def test_no_rows_leave_no_object_at_all(table: Warehouse, objects: MemoryObjects) -> None:
    assert table.run(unload("SELECT * FROM t WHERE id > 9", options="MANIFEST VERBOSE"))["ResultRows"] == 0
    assert objects.content == {}


def test_quotes_in_the_query_may_be_doubled(table: Warehouse, objects: MemoryObjects) -> None:
    sql = f"UNLOAD ('SELECT id FROM t WHERE g = ''a''') TO 's3://{BUCKET}/q/' {ROLE} FORMAT PARQUET"
    assert table.run(sql)["ResultRows"] == 1


def test_sums_of_whole_numbers_are_whole_in_the_file(table: Warehouse, objects: MemoryObjects) -> None:
    table.run(unload("SELECT SUM(id) AS s FROM t"))
    schema = objects.parquet("drop/part_0000_part_00.parquet").schema
    assert str(schema.field("s").type) == "int64"


def test_serial_unload_keeps_the_order_and_numbers_files(table: Warehouse, objects: MemoryObjects) -> None:
    table.run(unload("SELECT id FROM t ORDER BY id DESC", options="PARALLEL OFF MAXFILESIZE 64 MB"))
    assert list(objects.content) == ["drop/part_000.parquet"]
    assert objects.parquet("drop/part_000.parquet")["id"].to_pylist() == [3, 2, 1]


def test_partitions_become_folders(table: Warehouse, objects: MemoryObjects) -> None:
    table.run(unload("SELECT id, g FROM t", f"s3://{BUCKET}/p", "PARTITION BY (g) MANIFEST VERBOSE"))
    keys = sorted(key.rpartition("/")[0] for key in objects.content if key.endswith(".parquet"))
    assert keys == ["p/g=__HIVE_DEFAULT_PARTITION__", "p/g=a", "p/g=b"]
    assert [e["name"] for e in objects.json("p/manifest")["schema"]["elements"]] == ["id"]


def test_a_used_prefix_is_refused_overwritten_or_cleaned(table: Warehouse, objects: MemoryObjects) -> None:
    objects.content["drop/part_0009_part_00.parquet"] = b"left over"
    assert "not empty" in table.error(unload("SELECT * FROM t"))
    table.run(unload("SELECT * FROM t", options="ALLOWOVERWRITE"))
    assert "drop/part_0009_part_00.parquet" in objects.content
    table.run(unload("SELECT * FROM t", options="CLEANPATH"))
    assert "drop/part_0009_part_00.parquet" not in objects.content


def test_the_session_counts_what_it_unloaded(table: Warehouse) -> None:
    answer = table.batch(unload("SELECT * FROM t"), "SELECT pg_last_unload_count()", "SELECT pg_last_copy_count()")
    records = [table.ask("GetStatementResult", Id=f"{answer['Id']}:{n}")["Records"][0][0] for n in (2, 3)]
    assert records == [{"longValue": 3}, {"longValue": 0}]
    assert table.rows("SELECT unloaded_rows, unloaded_files_count, status FROM sys_unload_history") == [
        (3, 1, "completed")
    ]


def test_no_staged_file_stays_behind(table: Warehouse, host: FakeHost) -> None:
    table.run(unload("SELECT * FROM t"))
    table.error(unload("SELECT 1 / 0"))
    assert list((host.root / "redshift").rglob("staging/*/*")) == []


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (unload("SELECT * FROM t LIMIT 2"), "LIMIT is not supported in the outer SELECT"),
        (unload("DELETE FROM t"), "syntax error"),
        (unload("SELECT * FROM t", options="ALLOWOVERWRITE CLEANPATH"), "can't be used together"),
        (unload("SELECT * FROM t", options="MAXFILESIZE 1 MB"), "between 5 MB and 6.2 GB"),
        (unload("SELECT * FROM t", options="HEADER"), "does not simulate UNLOAD with HEADER"),
        (unload("SELECT * FROM t", options="FLURB"), 'syntax error at or near "FLURB"'),
        (unload("SELECT * FROM t", options="PARTITION BY (nope)"), 'partition column "nope"'),
        (unload("SELECT * FROM t", "s3://nowhere/x"), "NoSuchBucket"),
        (unload("SELECT * FROM t", "/tmp/x"), "not a valid S3 location"),
        (unload("SELECT * FROM nowhere"), 'relation "nowhere" does not exist'),
        (unload("SELECT * FROM t").replace("FORMAT AS PARQUET", "CSV"), "does not simulate UNLOAD as CSV"),
        (unload("SELECT * FROM t").replace(ROLE, ""), "no authorization"),
        (unload("SELECT * FROM t").replace("arn:aws:iam::", "role:"), "must be the ARN of a role"),
    ],
)
def test_wrong_unloads_fail_and_write_nothing(table: Warehouse, objects: MemoryObjects, sql: str, reason: str) -> None:
    assert reason in table.error(sql)
    assert objects.content == {}


def test_the_tenth_file_comes_after_the_ninth() -> None:
    files = [Path(f"/s/unload/data_{number}.parquet") for number in (10, 2, 0, 9)]
    assert [path.stem for path in sorted(files, key=writing_order)] == ["data_0", "data_2", "data_9", "data_10"]
