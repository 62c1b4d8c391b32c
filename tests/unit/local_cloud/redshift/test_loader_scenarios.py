"""The warehouse loader's batch, with everything that goes wrong around it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.runner import Faults
from tests.unit.local_cloud.redshift.conftest import BUCKET, ROLE, MemoryObjects, Warehouse

SCHEMA = (
    "CREATE SCHEMA packaging",
    """CREATE TABLE packaging.pred (product_id BIGINT NOT NULL, v DOUBLE PRECISION, run_seq INTEGER, model VARCHAR(32),
       PRIMARY KEY (product_id)) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (product_id)""",
    """CREATE TABLE packaging.load_audit (run_id VARCHAR(64) NOT NULL, rows_loaded BIGINT, run_seq INTEGER,
       loaded_at TIMESTAMP DEFAULT GETDATE())""",
)
REFUSALS = ("mismatch", "mandatory", "content_length", "valid Parquet")


def guard(condition: str, label: str) -> str:
    return f"CAST(CASE WHEN {condition} THEN '1' ELSE '{label}' END AS INTEGER)"


def load_statements(run: str, seq: int, rows: int) -> list[str]:
    complete = f"COUNT(*) = {rows} AND COUNT(DISTINCT product_id) = {rows} AND pg_last_copy_count() = {rows}"
    return [
        "LOCK packaging.load_audit",
        "CREATE TEMP TABLE stg (LIKE packaging.pred)",
        f"COPY stg FROM 's3://{BUCKET}/out/{run}/manifest' {ROLE} FORMAT AS PARQUET MANIFEST",
        f"SELECT {guard(complete, 'row_count_mismatch')} FROM stg",
        f"SELECT {guard('COUNT(*) = 0', 'already_loaded')} FROM packaging.load_audit WHERE run_id = '{run}'",
        """DELETE FROM stg USING packaging.pred
           WHERE stg.product_id = packaging.pred.product_id AND packaging.pred.run_seq > stg.run_seq""",
        """MERGE INTO packaging.pred USING stg ON packaging.pred.product_id = stg.product_id
           WHEN MATCHED THEN UPDATE SET v = stg.v, run_seq = stg.run_seq, model = stg.model
           WHEN NOT MATCHED THEN INSERT (product_id, v, run_seq, model)
           VALUES (stg.product_id, stg.v, stg.run_seq, stg.model)""",
        f"""SELECT {guard("COUNT(*) = 0", "merge_incomplete")} FROM stg
            LEFT JOIN packaging.pred p ON p.product_id = stg.product_id AND p.run_seq = stg.run_seq
            WHERE p.product_id IS NULL""",
        f"INSERT INTO packaging.load_audit (run_id, rows_loaded, run_seq) VALUES ('{run}', {rows}, {seq})",
    ]


@dataclass
class Loader:
    """The loop round the batch: look at the audit, try with a token of the attempt, give up on refusals."""

    warehouse: Warehouse
    objects: MemoryObjects
    put: dict[str, tuple[int, int]] = field(default_factory=dict)

    def write(self, run: str, seq: int, ids: Sequence[int]) -> None:
        """Two parts and their manifest."""
        parts: dict[str, int | None] = {}
        for half in (0, 1):
            chosen = [i for i in ids if i % 2 == half]
            key = f"out/{run}/{half}.parquet"
            columns = {
                "product_id": pa.array(chosen, pa.int64()),
                "v": pa.array([float(seq)] * len(chosen), pa.float64()),
                "run_seq": pa.array([seq] * len(chosen), pa.int32()),
                "model": pa.array([f"m{seq}"] * len(chosen), pa.string()),
            }
            parts[key] = self.objects.put_parquet(key, columns)
        self.objects.put_manifest(f"out/{run}/manifest", parts)
        self.put[run] = (seq, len(ids))

    def load(self, run: str, *, rows: int | None = None, salt: str = "") -> str:
        seq, written = self.put[run]
        error = ""
        for attempt in range(4):
            if self.warehouse.rows(f"SELECT COUNT(*) FROM packaging.load_audit WHERE run_id = '{run}'") == [(1,)]:
                return f"loaded after {attempt} attempts"
            token = hashlib.sha256(f"{run}|{attempt}{salt}".encode()).hexdigest()
            answer = self.warehouse.batch(
                *load_statements(run, seq, rows or written), ClientToken=token, StatementName=run
            )
            if answer["Status"] == "FINISHED":
                return "loaded"
            error = answer["Error"]
            if any(word in error for word in REFUSALS):
                return error
        return f"gave up: {error}"

    def state(self) -> tuple[int, ...]:
        """Rows, different products, audit rows and the sum of the runs' numbers."""
        query = """SELECT COUNT(*), COUNT(DISTINCT product_id), (SELECT COUNT(*) FROM packaging.load_audit),
                   SUM(run_seq) FROM packaging.pred"""
        return self.warehouse.rows(query)[0]


@pytest.fixture
def loader(warehouse: Warehouse, objects: MemoryObjects) -> Loader:
    warehouse.run(*SCHEMA)
    loader = Loader(warehouse, objects)
    loader.write("r1", 1, range(200))
    assert loader.load("r1") == "loaded"
    assert loader.state() == (200, 200, 1, 200)
    return loader


def test_the_batch_reports_what_each_statement_did(loader: Loader) -> None:
    loader.write("r2", 2, range(150, 300))
    answer = loader.warehouse.batch(*load_statements("r2", 2, 150))
    assert answer["Status"] == "FINISHED", answer
    assert [part["ResultRows"] for part in answer["SubStatements"]] == [-1, -1, 150, 1, 1, 0, 150, 1, 1]
    assert loader.state() == (300, 300, 2, 150 + 2 * 150)


def test_loading_a_run_again_changes_nothing(loader: Loader) -> None:
    assert loader.load("r1") == "loaded after 0 attempts"
    assert "already_loaded" in loader.warehouse.batch(*load_statements("r1", 1, 200))["Error"]
    assert loader.state() == (200, 200, 1, 200)


def test_an_answer_lost_after_the_commit_is_found_in_the_audit(loader: Loader, faults: Faults) -> None:
    lost: list[str] = []

    def lose_the_answer(name: str) -> None:
        if name == "r2" and not lost:
            lost.append(name)
            raise SqlError("connection lost after commit")

    loader.write("r2", 2, range(150, 300))
    faults.after_commit = lose_the_answer
    assert loader.load("r2") == "loaded after 1 attempts"
    assert (lost, loader.state()) == (["r2"], (300, 300, 2, 350 + 100))


def test_failures_before_the_run_are_tried_again(loader: Loader, faults: Faults) -> None:
    failures: list[str] = []

    def restart(name: str) -> None:
        if name == "r3" and len(failures) < 2:
            failures.append(name)
            raise SqlError("cluster restarting")

    loader.write("r3", 3, range(10))
    faults.before_run = restart
    assert loader.load("r3") == "loaded"
    assert (len(failures), loader.state()) == (2, (200, 200, 2, 190 + 30))


def test_a_missing_part_is_refused(loader: Loader) -> None:
    loader.write("r4", 4, range(50))
    loader.objects.delete(BUCKET, "out/r4/1.parquet")
    assert 'the mandatory url "s3://bucket/out/r4/1.parquet" was not found' in loader.load("r4")
    assert loader.state() == (200, 200, 1, 200)


def test_a_truncated_part_is_refused(loader: Loader) -> None:
    loader.write("r5", 5, range(50))
    loader.objects.content["out/r5/1.parquet"] = loader.objects.content["out/r5/1.parquet"][:-10]
    assert "content_length of s3://bucket/out/r5/1.parquet" in loader.load("r5")
    assert loader.state() == (200, 200, 1, 200)


def test_a_wrong_row_count_is_refused(loader: Loader) -> None:
    loader.write("r6", 6, range(50))
    assert "row_count_mismatch" in loader.load("r6", rows=51)
    assert loader.state() == (200, 200, 1, 200)


def test_a_duplicate_key_is_refused(loader: Loader) -> None:
    loader.write("r7", 7, [*range(50), 3])
    assert "row_count_mismatch" in loader.load("r7")
    assert loader.state() == (200, 200, 1, 200)


def test_an_older_run_that_comes_late_does_not_win(loader: Loader) -> None:
    loader.write("r0", 0, [*range(100), 1000])
    assert loader.load("r0") == "loaded"
    assert loader.state() == (201, 201, 2, 200)
    assert loader.warehouse.rows("SELECT MIN(run_seq) FROM packaging.pred WHERE product_id < 100") == [(1,)]


@pytest.mark.parametrize("salts", [("", "", "", ""), ("a", "b", "c", "d")], ids=["one token", "different tokens"])
def test_four_loaders_at_once_load_once(loader: Loader, salts: tuple[str, ...]) -> None:
    loader.write("r8", 8, range(300, 400))
    outcomes: list[str] = []
    threads = [threading.Thread(target=lambda s=s: outcomes.append(loader.load("r8", salt=s))) for s in salts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 4
    assert all(outcome.startswith("loaded") for outcome in outcomes), outcomes
    assert loader.state() == (300, 300, 2, 200 + 800)
    assert loader.warehouse.rows("SELECT COUNT(*) FROM packaging.load_audit WHERE run_id = 'r8'") == [(1,)]


def test_rows_survive_the_pattern_in_which_duckdb_2_loses_them(warehouse: Warehouse, objects: MemoryObjects) -> None:
    """An empty copy of a table, filled from Parquet in the same transaction: 2.0.0 counted the rows and lost them."""
    warehouse.run(*SCHEMA)
    rows = 130_000  # more than one row group
    sequence = pa.array(range(rows), pa.int64())
    constant = pa.array([1] * rows, pa.int32())
    columns = {
        "product_id": sequence,
        "v": sequence.cast(pa.float64()),
        "run_seq": constant,
        "model": pa.nulls(rows, pa.string()),
    }
    length = objects.put_parquet("out/big/0", columns)
    objects.put_manifest("out/big/manifest", {"out/big/0": length})
    assert warehouse.batch(*load_statements("big", 1, rows))["Status"] == "FINISHED"
    assert warehouse.rows("SELECT COUNT(*), SUM(product_id) FROM packaging.pred") == [(rows, rows * (rows - 1) // 2)]
