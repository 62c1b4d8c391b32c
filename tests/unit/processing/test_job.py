from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from processing.failures import MESSAGE_BYTES, message_of, translated
from processing.job import Exit, Job, Record, manifest_of, parse_arguments, run_step
from rightpack.errors import (
    CapacityError,
    ContractError,
    DataError,
    InternalError,
    ManifestError,
    PlatformError,
    RightpackError,
    SettingsError,
)
from tests.unit.processing.world import DATA, ENVIRONMENT, MANIFEST, labelled, settings, write_drop


def job_in(folder: Path, **environment: str) -> Job:
    return Job(folder, {**ENVIRONMENT, **environment})


def failing(error: Exception, folder: Path) -> int:
    def step(job: Job) -> None:
        raise error

    return run_step(step, job_in(folder))


def message(folder: Path, name: str = "message") -> str:
    return (folder / "output" / name).read_bytes().decode("utf-8")


def test_a_step_that_ends_leaves_exit_code_0_and_no_message(tmp_path: Path) -> None:
    assert run_step(lambda job: None, job_in(tmp_path)) == Exit.DONE
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("row 7"), Exit.FINAL),
        (SettingsError("key x"), Exit.FINAL),
        (InternalError("odd"), Exit.FINAL),
        (PlatformError("S3 is down"), Exit.TRANSIENT),
        (CapacityError("no machine"), Exit.TRANSIENT),
    ],
)
def test_exit_code_says_whether_a_retry_can_help(error: RightpackError, code: Exit, tmp_path: Path) -> None:
    assert failing(error, tmp_path) == code


def test_message_says_what_happened_and_what_to_do(tmp_path: Path) -> None:
    failing(ContractError("File a.parquet has no column 'price'."), tmp_path)
    assert message(tmp_path) == ("ContractError: File a.parquet has no column 'price'. Fix the data, then drop again.")


def test_an_unexpected_error_is_our_own_fault_and_leaves_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(ZeroDivisionError("division by zero"), tmp_path) == Exit.FINAL
    assert message(tmp_path).startswith("InternalError: ZeroDivisionError: division by zero (test_job.py, line ")
    assert "report it" in message(tmp_path)
    assert "Traceback" in capsys.readouterr().err


def test_training_failures_go_to_the_file_that_training_jobs_have(tmp_path: Path) -> None:
    def step(job: Job) -> None:
        raise DataError("too few rows")

    run_step(step, job_in(tmp_path), note="failure")
    assert "too few rows" in message(tmp_path, "failure")
    assert not (tmp_path / "output" / "message").exists()


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=3000))
def test_a_message_is_whole_utf8_that_fits_and_always_says_what_to_do(text: str) -> None:
    content = message_of(DataError(text))
    assert len(content) <= MESSAGE_BYTES
    assert content.decode("utf-8").endswith("Fix the data, then drop again.")


def client_error(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (client_error("ThrottlingException", 400), PlatformError),
        (client_error("InternalFailure", 500), PlatformError),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), PlatformError),
        (client_error("AccessDenied", 403), InternalError),
        (client_error("NoSuchKey", 404), DataError),
        (NoCredentialsError(), InternalError),
    ],
)
def test_trouble_with_aws_is_sorted_into_worth_a_retry_or_not(error: Exception, meaning: type[RightpackError]) -> None:
    assert type(translated(error)) is meaning


def test_a_missing_input_names_it(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="no input 'data'"):
        job_in(tmp_path).input("data")


def test_a_missing_channel_names_it(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="no channel 'train'"):
        job_in(tmp_path).channel("train")


def test_output_uri_comes_from_the_jobs_own_configuration(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    outputs = [{"OutputName": "report", "S3Output": {"S3Uri": "s3://b/runs/1/report"}}]
    text = json.dumps({"ProcessingOutputConfig": {"Outputs": outputs}})
    (tmp_path / "config" / "processingjobconfig.json").write_text(text)
    assert job_in(tmp_path).output_uri("report") == "s3://b/runs/1/report/"
    with pytest.raises(InternalError, match="'other'"):
        job_in(tmp_path).output_uri("other")


def test_layout_needs_the_stage(tmp_path: Path) -> None:
    assert job_in(tmp_path).layout.model_group("carton") == "rightpack-dev-carton"
    with pytest.raises(InternalError, match="RIGHTPACK_STAGE"):
        _ = Job(tmp_path, {"AWS_DEFAULT_REGION": "us-east-1"}).layout


def test_unreadable_settings_are_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(SettingsError, match=r"settings\.json"):
        Job.settings(tmp_path)


@dataclass(frozen=True, slots=True)
class Wanted:
    data_uri: str
    mode: str = "weekly"


def test_arguments_are_read_by_the_names_of_their_fields() -> None:
    assert parse_arguments(Wanted, ["--data-uri", "s3://b/k"], "step") == Wanted("s3://b/k")
    assert parse_arguments(Wanted, ["--data-uri", "x", "--mode", "daily"], "step").mode == "daily"


@pytest.mark.parametrize("argv", [[], ["--data-uri", "x", "--other", "y"], ["--data", "x"]])
def test_wrong_arguments_are_refused_as_a_fault_of_the_definition(argv: list[str]) -> None:
    with pytest.raises(InternalError, match="pipeline definition"):
        parse_arguments(Wanted, argv, "step")


def test_a_record_notes_rows_bytes_and_seconds(tmp_path: Path) -> None:
    ticks = iter([10.0, 12.5])
    record = Record("Prepare", clock=lambda: next(ticks))
    for name in ("data", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    record.read("data", tmp_path / "data", 3)
    record.wrote("out", tmp_path / "out")
    record.save(tmp_path / "out")
    manifest = manifest_of(tmp_path / "out")
    assert (manifest.step, manifest.seconds) == ("Prepare", 2.5)
    assert [(a.name, a.rows, a.bytes) for a in (*manifest.inputs, *manifest.outputs)] == [
        ("data", 3, 4),
        ("out", None, 3),
    ]


def test_an_input_that_is_not_what_the_step_before_wrote_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("one")
    record = Record("Prepare")
    record.wrote("labels", tmp_path)
    record.save(tmp_path)
    (tmp_path / "f").write_text("two!")
    with pytest.raises(ManifestError, match="'labels' is not what step Prepare wrote"):
        Record("Evaluate").checked(manifest_of(tmp_path), "labels", tmp_path)


def run_prepare(root: Path) -> subprocess.CompletedProcess[str]:
    arguments = ["--data-uri", DATA, "--manifest-uri", MANIFEST, "--package-type", "carton"]
    return subprocess.run(
        [sys.executable, "-m", "processing.prepare", *arguments, "--business-date", "2026-11-20"],
        env={**os.environ, "RIGHTPACK_ML_ROOT": str(root), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_real_command_prepares_a_drop_below_the_root_that_the_environment_names(tmp_path: Path) -> None:
    folder = tmp_path / "processing" / "input"
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "settings.json").write_text(settings().to_json())
    paths = write_drop(folder / "data", labelled(200))
    done = run_prepare(tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "processing" / "output").iterdir()) == [
        "labels",
        "profile",
        "train",
        "validation",
    ]
    paths[1].write_bytes(b"torn")
    failed = run_prepare(tmp_path)
    assert failed.returncode == 1
    assert f"File {paths[1].name} has 4 bytes" in message(tmp_path)
