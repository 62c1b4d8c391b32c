"""UNLOAD, COPY and MERGE through the Data API of the embedded warehouse, against DuckDB alone on the same rows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from benchmarks.speed.ratios import WALL, Ratio, quotients, seconds
from local_cloud.account import admin_environment
from local_cloud.cloud import LocalCloud
from local_cloud.redshift.account import RedshiftAccount

ROWS: Final = 5_000_000
MERGED: Final = 1_000_000
WIDE: Final = 40
BUCKET: Final = "bench"
ROLE: Final = "arn:aws:iam::123456789012:role/warehouse"
WAIT_SECONDS: Final = 30

SCORES: Final = (
    "product_id VARCHAR(32), package_type VARCHAR(32), suitability DOUBLE PRECISION, model_version VARCHAR(16), "
    "run_id VARCHAR(64), business_date DATE"
)
FILL_SCORES: Final = (
    "SELECT 'P' || i AS product_id, 'carton' AS package_type, (i % 1000) / 1000.0::DOUBLE AS suitability, "
    "'7' AS model_version, 'run-1' AS run_id, DATE '2026-11-02' AS business_date FROM range({first}, {last}) t(i)"
)
MERGE: Final = (
    "MERGE INTO scores USING news ON scores.product_id = news.product_id "
    "WHEN MATCHED THEN UPDATE SET suitability = news.suitability, run_id = news.run_id "
    "WHEN NOT MATCHED THEN INSERT VALUES (news.product_id, news.package_type, news.suitability, news.model_version, "
    "news.run_id, news.business_date)"
)


def measure(folder: Path, runs: int, rows: int = ROWS, merged: int = MERGED) -> list[Ratio]:
    """Ratios of the three statements; lower is better."""
    files = _files(folder, rows, merged)
    with _embedded() as cloud:
        ours = _Embedded(cloud, files)
        theirs = _Alone(folder / "alone.duckdb", folder / "out", files)
        steps = [(way, name) for name in ("unload", "copy", "merge") for way in (ours, theirs)]
        taken: dict[tuple[str, str], list[float]] = {}
        for _ in range(runs):
            for way, name in steps:
                way.prepare(name)
                key = (name, type(way).__name__)
                taken.setdefault(key, []).append(seconds(getattr(way, name), WALL))
        counts = (ours.count(), theirs.count())
    return [
        _ratio(name, taken[name, "_Embedded"], taken[name, "_Alone"], counts) for name in ("unload", "copy", "merge")
    ]


def _ratio(name: str, ours: list[float], alone: list[float], counts: tuple[int, int]) -> Ratio:
    figures = {"embedded_seconds": ours, "duckdb_seconds": alone, "rows_after": counts}
    equal = counts[0] == counts[1]
    runs = quotients(ours, alone) if equal else ()
    return Ratio(f"{name} over DuckDB", runs, 1.3, at_least=False, figures=figures, why="" if equal else "rows differ")


def _files(folder: Path, rows: int, merged: int) -> dict[str, Path]:
    """Parquet files with the wide rows, the scores and the news."""
    wide = ", ".join(f"(i * {n + 7}) % 1000 / 10.0 AS c{n:02d}" for n in range(WIDE - 1))
    queries = {
        "wide": f"SELECT 'P' || i AS product_id, {wide} FROM range({rows}) t(i)",  # noqa: S608
        "scores": FILL_SCORES.format(first=0, last=rows),
        "news": FILL_SCORES.format(first=rows - merged // 2, last=rows + merged // 2).replace("run-1", "run-2"),
    }
    found = {}
    with duckdb.connect() as database:
        for name, query in queries.items():
            found[name] = folder / f"{name}.parquet"
            database.execute(f"COPY ({query}) TO '{found[name]}' (FORMAT parquet, COMPRESSION snappy)")
    return found


@contextmanager
def _embedded() -> Iterator[LocalCloud]:
    redshift = RedshiftAccount()
    with LocalCloud(services=[redshift.data_api, redshift.serverless]) as cloud:
        os.environ.update(admin_environment(cloud.url))
        serverless = cloud.client("redshift-serverless")
        serverless.create_namespace(namespaceName="rightpack", dbName="rightpack")
        serverless.create_workgroup(workgroupName="rightpack-dev", namespaceName="rightpack")
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        yield cloud


class _Embedded:
    """The statements as the product sends them."""

    def __init__(self, cloud: LocalCloud, files: dict[str, Path]) -> None:
        self._client, self._s3, self._unloads = cloud.client("redshift-data"), cloud.client("s3"), 0
        for name, path in files.items():
            self._s3.upload_file(str(path), BUCKET, f"in/{name}.parquet")
        wide = ", ".join(f"c{n:02d} DOUBLE PRECISION" for n in range(WIDE - 1))
        self._run(f"CREATE TABLE wide (product_id VARCHAR(32), {wide})")
        self._copy("wide")
        self._run(f"CREATE TABLE scores ({SCORES})")
        self._run(f"CREATE TABLE news ({SCORES})")
        self._copy("news")

    def prepare(self, name: str) -> None:
        """What the statement starts from."""
        self._unloads += 1
        if name == "copy":
            self._run("TRUNCATE scores")

    def unload(self) -> None:
        """Forty columns to Parquet."""
        to = f"s3://{BUCKET}/out/{self._unloads}/"
        self._run(f"UNLOAD ('SELECT * FROM wide') TO '{to}' IAM_ROLE '{ROLE}' FORMAT PARQUET MANIFEST VERBOSE")  # noqa: S608

    def copy(self) -> None:
        """Six columns from Parquet."""
        self._copy("scores")

    def merge(self) -> None:
        """News into the scores."""
        self._run(MERGE)

    def count(self) -> int:
        """Rows of the scores."""
        found = self._client.get_statement_result(Id=self._run("SELECT COUNT(*) FROM scores"))
        return int(found["Records"][0][0]["longValue"])

    def _copy(self, table: str) -> None:
        self._run(f"COPY {table} FROM 's3://{BUCKET}/in/{table}.parquet' IAM_ROLE '{ROLE}' FORMAT AS PARQUET")

    def _described(self, statement: str) -> Any:
        """A statement when it has ended: asking again and again would take the processor from what is measured."""
        return self._client.describe_statement(Id=statement, WaitTimeSeconds=WAIT_SECONDS)

    def _run(self, sql: str) -> str:
        sent = self._client.execute_statement(WorkgroupName="rightpack-dev", Database="rightpack", Sql=sql)
        while (found := self._described(sent["Id"]))["Status"] not in {"FINISHED", "FAILED"}:
            pass
        if found["Status"] == "FAILED":
            raise RuntimeError(f"{sql}: {found['Error']}")
        return str(sent["Id"])


class _Alone:
    """The same with nothing around DuckDB; both keep their tables in a file."""

    def __init__(self, database: Path, out: Path, files: dict[str, Path]) -> None:
        self._database, self._out, self._files = duckdb.connect(str(database)), out, files
        self._database.execute(f"CREATE TABLE wide AS FROM '{files['wide']}'")
        self._database.execute(f"CREATE TABLE scores ({SCORES})")
        self._database.execute(f"CREATE TABLE news AS FROM '{files['news']}'")

    def prepare(self, name: str) -> None:
        """What the statement starts from."""
        shutil.rmtree(self._out, ignore_errors=True)
        if name == "copy":
            self._database.execute("TRUNCATE scores")

    def unload(self) -> None:
        """Forty columns to Parquet."""
        self._database.execute(
            f"COPY wide TO '{self._out}' (FORMAT parquet, COMPRESSION snappy, PER_THREAD_OUTPUT true)"
        )

    def copy(self) -> None:
        """Six columns from Parquet."""
        self._database.execute(f"INSERT INTO scores SELECT * FROM '{self._files['scores']}'")  # noqa: S608

    def merge(self) -> None:
        """News into the scores."""
        self._database.execute(MERGE)

    def count(self) -> int:
        """Rows of the scores."""
        found: Any = self._database.execute("SELECT COUNT(*) FROM scores").fetchone()
        return int(found[0])
