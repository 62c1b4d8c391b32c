from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from processing import score_files
from processing.artefact import ARCHIVE, pack
from processing.job import Exit, Job
from processing.tables import read_folder
from tests.unit.processing.conftest import Enter, Trained
from tests.unit.processing.world import ENVIRONMENT, TYPE, told


def job_of(root: Path, model: Path) -> Job:
    base = root / "processing" / "input"
    (base / "model").mkdir(parents=True)
    (base / "data" / "inner").mkdir(parents=True)
    pack(model, base / "model" / ARCHIVE)
    return Job(root, ENVIRONMENT)


def test_each_file_is_answered_below_its_own_name(trained: Trained, tmp_path: Path, enter: Enter) -> None:
    job, rows = job_of(tmp_path, trained.model), read_folder(trained.prepared / "validation")
    pq.write_table(rows.slice(0, 40), job.input("data") / "a.parquet")
    pq.write_table(rows.slice(40, 10), job.input("data") / "inner" / "b.parquet")
    assert enter(score_files.main, job) == Exit.DONE
    out = job.output("scores")
    assert {str(path.relative_to(out)) for path in out.rglob("*.out")} == {"a.parquet.out", "inner/b.parquet.out"}
    scores = pq.read_table(out / "a.parquet.out")
    expected = {row["row_id"]: row[TYPE] for row in read_folder(trained.scores).to_pylist()}
    assert all(expected[row["row_id"]] == row[TYPE] for row in scores.to_pylist())


def test_a_file_that_is_refused_is_named_with_the_service_words(
    trained: Trained, tmp_path: Path, enter: Enter, capsys: pytest.CaptureFixture[str]
) -> None:
    job = job_of(tmp_path, trained.model)
    (job.input("data") / "a.parquet").write_bytes(b"no table")
    assert enter(score_files.main, job) == Exit.FINAL
    assert "a.parquet is answered with 400 Bad Request: The body is not readable" in told(job)


def test_types_of_requests_and_answers_are_those_of_the_job(trained: Trained, tmp_path: Path, enter: Enter) -> None:
    job, rows = job_of(tmp_path, trained.model), read_folder(trained.prepared / "validation")
    pq.write_table(rows.slice(0, 3), job.input("data") / "a.parquet")
    assert enter(score_files.main, job, "--accept", "text/csv") == Exit.DONE
    assert (job.output("scores") / "a.parquet.out").read_text().startswith(f'"row_id","{TYPE}"')
