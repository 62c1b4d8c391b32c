from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from processing import load
from processing.job import Exit, Job, Record
from rightpack.manifest import FileEntry, write_files
from tests.unit.processing.conftest import Enter
from tests.unit.processing.world import Cloud, Desk, FakeCloudWatch, FakeS3, settings, told

RUN = "inference-2026-11-21-abc"
URIS = {name: f"s3://out/recommend/{name}/manifest" for name in ("predictions", "recommendations")}
ROWS = {"predictions": 50, "recommendations": 10}
MODELS = [{"package_type": "carton", "model_version": "arn:carton/1", "approved_at": "2026-11-01T12:00:00"}]
ARGUMENTS = [
    *("--run-id", RUN),
    *("--business-date", "2026-11-21"),
    *("--predictions-manifest", URIS["predictions"]),
    *("--recommendations-manifest", URIS["recommendations"]),
]


@dataclass
class FakeRedshift:
    """A warehouse that commits every batch, and answers queries with the audit rows of what it has committed."""

    batches: list[dict[str, Any]] = field(default_factory=list)
    refusal: str = ""
    throttled: bool = False
    loaded: bool = False

    def execute_statement(self, *, Sql: str, **_: Any) -> dict[str, str]:
        if self.throttled:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "ExecuteStatement")
        return {"Id": "query"}

    def batch_execute_statement(self, **batch: Any) -> dict[str, str]:
        self.batches.append(batch)
        self.loaded = not self.refusal
        return {"Id": "batch"}

    def describe_statement(self, *, Id: str) -> dict[str, str]:
        if Id == "batch" and self.refusal:
            return {"Status": "FAILED", "Error": self.refusal}
        return {"Status": "FINISHED"}

    def get_paginator(self, name: str) -> FakeRedshift:
        assert name == "get_statement_result"
        return self

    def paginate(self, *, Id: str) -> list[dict[str, Any]]:
        row = [{"stringValue": RUN}, {"longValue": 50}, {"isNull": True}]
        columns = [{"name": n} for n in ("run_id", "predictions", "note")]
        return [{"ColumnMetadata": columns, "Records": [row] if self.loaded else []}]


class Services(Cloud):
    """The world's services and a warehouse."""

    def __init__(self, redshift: FakeRedshift) -> None:
        super().__init__(FakeS3())
        self.redshift = redshift

    def client(self, name: str) -> Any:
        return self.redshift if name == "redshift-data" else super().client(name)


@pytest.fixture
def redshift() -> FakeRedshift:
    return FakeRedshift()


@pytest.fixture
def waiting(tmp_path: Path, redshift: FakeRedshift) -> Desk:
    """A desk whose S3 holds what Recommend wrote."""
    desk = Desk(tmp_path, settings(), Services(redshift))
    for name, rows in ROWS.items():
        put(desk, name, [FileEntry(f"s3://out/recommend/{name}/part-00000.parquet", 1000, rows)])
    return desk


def put(desk: Desk, name: str, entries: list[FileEntry]) -> None:
    desk.cloud.s3.objects["out", f"recommend/{name}/manifest"] = write_files(entries).encode()


def job_of(desk: Desk, step: str = "load") -> Job:
    report, record = desk.folder / f"{step}-report", Record("Recommend")
    report.mkdir()
    (report / "summary.json").write_text(json.dumps({"models": MODELS}))
    for name, rows in ROWS.items():
        folder = desk.folder / f"{step}-{name}"
        folder.mkdir()
        record.wrote(name, folder, rows)
    record.save(report)
    return desk.job(step, {"report": report})


def metrics(desk: Desk) -> list[dict[str, Any]]:
    watch: FakeCloudWatch = desk.cloud.cloudwatch
    return watch.data


def test_a_run_is_loaded_in_one_batch_and_its_audit_row_kept(
    waiting: Desk, redshift: FakeRedshift, enter: Enter
) -> None:
    job = job_of(waiting)
    assert enter(load.main, job, *ARGUMENTS) == Exit.DONE
    assert told(job) == ""
    audit = json.loads((job.root / "processing" / "output" / "load" / "load.json").read_text())
    assert audit == {"run_id": RUN, "predictions": 50, "note": None}
    assert len(redshift.batches) == 1


def test_the_transaction_speaks_of_this_runs_manifests_rows_and_models(
    waiting: Desk, redshift: FakeRedshift, enter: Enter
) -> None:
    enter(load.main, job_of(waiting), *ARGUMENTS)
    batch = redshift.batches[0]
    text = "\n".join(batch["Sqls"])
    assert batch["Sqls"][0].startswith("LOCK packaging.load_audit")
    for uri in URIS.values():
        assert text.count(f"FROM '{uri}' IAM_ROLE 'arn:aws:iam::123456789012:role/rightpack-dev-warehouse'") == 1
    assert f"'{RUN}'" in text
    assert "'2026-11-21'" in text
    assert "COUNT(*) = 50" in text
    assert "COUNT(*) = 10" in text
    assert "'arn:carton/1'" in text
    assert (batch["WorkgroupName"], batch["Database"]) == ("rightpack-dev", "rightpack")


def test_a_warehouse_of_another_name_is_used(tmp_path: Path, redshift: FakeRedshift, enter: Enter) -> None:
    own = {"workgroup": "shared", "database": "shop", "schema": "packs"}
    desk = Desk(tmp_path, settings(warehouse=own), Services(redshift))
    for name, rows in ROWS.items():
        put(desk, name, [FileEntry(f"s3://out/{name}.parquet", 1000, rows)])
    assert enter(load.main, job_of(desk), *ARGUMENTS) == Exit.DONE
    batch = redshift.batches[0]
    assert (batch["WorkgroupName"], batch["Database"]) == ("shared", "shop")
    assert batch["Sqls"][0].startswith("LOCK packs.load_audit")


def test_loaded_rows_are_counted_per_pipeline(waiting: Desk, enter: Enter) -> None:
    enter(load.main, job_of(waiting), *ARGUMENTS)
    (metric,) = metrics(waiting)
    assert (metric["MetricName"], metric["Value"]) == ("RowsLoaded", 60.0)
    assert metric["Dimensions"] == [{"Name": "Stage", "Value": "dev"}, {"Name": "Pipeline", "Value": "inference"}]


def test_a_run_that_is_loaded_already_is_not_loaded_again(waiting: Desk, redshift: FakeRedshift, enter: Enter) -> None:
    for step in ("first", "again"):
        assert enter(load.main, job_of(waiting, step), *ARGUMENTS) == Exit.DONE
    assert len(redshift.batches) == 1
    first, again = (waiting.folder / s / "processing" / "output" / "load" / "load.json" for s in ("first", "again"))
    assert first.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("name", ["predictions", "recommendations"])
def test_a_manifest_of_other_rows_than_recommend_wrote_is_named_and_nothing_is_loaded(
    name: str, waiting: Desk, redshift: FakeRedshift, enter: Enter
) -> None:
    put(waiting, name, [FileEntry("s3://out/a.parquet", 10, ROWS[name] - 1)])
    job = job_of(waiting)
    assert enter(load.main, job, *ARGUMENTS) == Exit.FINAL
    assert told(job).startswith(
        f"ManifestError: {URIS[name]} lists {ROWS[name] - 1} rows of {name}; step Recommend wrote {ROWS[name]}."
    )
    assert redshift.batches == []
    (metric,) = metrics(waiting)
    assert (metric["MetricName"], metric["Value"]) == ("LoadMismatch", 1.0)


def test_a_manifest_that_is_gone_is_a_matter_of_data(waiting: Desk, redshift: FakeRedshift, enter: Enter) -> None:
    waiting.cloud.s3.objects.clear()
    job = job_of(waiting)
    assert enter(load.main, job, *ARGUMENTS) == Exit.FINAL
    assert told(job).startswith("DataError: An object that should be in S3 is not there")
    assert redshift.batches == []


def test_a_manifest_that_is_none_is_named(waiting: Desk, enter: Enter) -> None:
    waiting.cloud.s3.objects["out", "recommend/predictions/manifest"] = b"{}"
    job = job_of(waiting)
    assert enter(load.main, job, *ARGUMENTS) == Exit.FINAL
    assert told(job).startswith(f"ManifestError: {URIS['predictions']} is not a manifest")


def test_files_that_hold_something_else_are_said_and_nothing_is_counted(
    waiting: Desk, redshift: FakeRedshift, enter: Enter
) -> None:
    redshift.refusal = "ERROR: invalid input syntax for integer: recommendations_mismatch"
    job = job_of(waiting)
    assert enter(load.main, job, *ARGUMENTS) == Exit.FINAL
    assert "do not hold exactly 10 different recommendations; nothing was loaded" in told(job)
    assert [metric["MetricName"] for metric in metrics(waiting)] == ["LoadMismatch"]
    assert not (job.root / "processing" / "output" / "load").exists()


def test_a_warehouse_that_throttles_is_worth_another_try(waiting: Desk, redshift: FakeRedshift, enter: Enter) -> None:
    redshift.throttled = True
    job = job_of(waiting)
    assert enter(load.main, job, *ARGUMENTS) == Exit.TRANSIENT
    assert told(job).startswith("PlatformError: ")
    assert told(job).endswith("Trying again can help.")


def test_a_missing_argument_is_a_fault_of_the_definition(waiting: Desk, enter: Enter) -> None:
    job = job_of(waiting)
    assert enter(load.main, job, *ARGUMENTS[:-2]) == Exit.FINAL
    assert "--recommendations-manifest" in told(job)
    assert "report it" in told(job)
