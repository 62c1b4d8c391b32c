from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rightpack.cli.records import JobRecord, RunRecord
from rightpack.cli.step import _job, module_of
from rightpack.errors import SettingsError

SOURCE = {"S3DataSource": {"S3Uri": "s3://b/rows/"}}


def processing(step: str, *entry: str) -> JobRecord:
    request = {"AppSpecification": {"ContainerEntrypoint": [*entry], "ContainerArguments": ["--date", "2026-09-13"]}}
    return JobRecord(step, "Processing", request)


def transform(step: str, **changes: Any) -> JobRecord:
    request = {
        "TransformInput": {"DataSource": SOURCE, "ContentType": "application/x-parquet", "SplitType": "None"},
        "TransformOutput": {"S3OutputPath": "s3://b/scores", "Accept": "text/csv"},
        "PrimaryContainer": {"ModelDataUrl": "s3://b/model.tar.gz"},
        "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"},
        **changes,
    }
    return JobRecord(step, "Transform", request)


def record(*jobs: JobRecord, **others: str) -> RunRecord:
    return RunRecord(Path(), {"id": "training-1"}, {job.step: job for job in jobs}, others)


def test_a_transform_step_is_repeated_with_its_model_and_its_types() -> None:
    job = _job(record(transform("Score")), "Score")
    assert job.inputs == {"data": "s3://b/rows/", "model": "s3://b/model.tar.gz"}
    wanted = ["processing.score_files", "--content-type", "application/x-parquet", "--accept", "text/csv"]
    assert module_of(job) == wanted


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (transform("Odd", PrimaryContainer={}), "does not say which model it scored with"),
        (transform("Odd", DataProcessing={"JoinSource": "Input"}), "cuts, filters or joins records"),
        (processing("Odd", "spark-submit", "x.py"), "its command is none of this project's modules"),
        (
            JobRecord("Odd", "Training", {"AlgorithmSpecification": {"ContainerEntrypoint": ["mine"]}}),
            "starts a command of its own image",
        ),
    ],
)
def test_a_job_that_cannot_be_repeated_says_why(job: JobRecord, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        _job(record(job), "Odd")


def test_a_step_without_a_job_says_what_it_is_and_what_can_be_repeated() -> None:
    found = record(processing("Prepare", "python", "-m", "processing.prepare"), transform("Score"), Verdict="Condition")
    with pytest.raises(SettingsError, match=r"it is a Condition step.*These can be: Prepare, Score\."):
        _job(found, "Verdict")


def test_an_unknown_step_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="Did you mean 'Score'"):
        _job(record(transform("Score")), "Scor")
