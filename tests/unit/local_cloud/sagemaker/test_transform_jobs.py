"""Batch transforms against a real server process, and models."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.wire import AwsError, NotSimulatedError
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, IMAGE, ROLE, Client, FakeHost

DATA = f"s3://{BUCKET}/model.tar.gz"
LOGS = "/aws/sagemaker/TransformJobs"


def archive(**files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


@pytest.fixture
def model(host: FakeHost, client: Client, toy_environment: dict[str, str]) -> str:
    host.objects.write(BUCKET, "model.tar.gz", archive(**{"mean.txt": "10"}))
    create_model(client, toy_environment)
    return "toy-model"


def create_model(client: Client, environment: dict[str, str], **members: Any) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": DATA, "Environment": environment, **members}
    client("CreateModel", ModelName="toy-model", ExecutionRoleArn=ROLE, PrimaryContainer=container)


def arguments(split: str = "Line", **members: Any) -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/"}
    return {
        "ModelName": "toy-model",
        "TransformInput": {"DataSource": {"S3DataSource": data}, "ContentType": "text/plain", "SplitType": split},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out", "Accept": "text/plain"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **members,
    }


def transform(client: Client, split: str = "Line", **members: Any) -> dict[str, Any]:
    client("CreateTransformJob", TransformJobName="toy", **arguments(split, **members))
    return client.job("Transform", "toy")


def test_every_object_becomes_one_output_below_its_own_path(client: Client, host: FakeHost, model: str) -> None:
    host.objects.write(BUCKET, "in/part-0", b"11\n12\n")
    host.objects.write(BUCKET, "in/deep/part-1", b"13")

    job = transform(client)

    assert job["TransformJobStatus"] == "Completed", job
    assert host.objects.keys("out/") == ["out/deep/part-1.out", "out/part-0.out"]
    assert host.objects.text("out/part-0.out") == "1.0\n2.0"
    assert host.objects.text("out/deep/part-1.out") == "3.0"


def test_single_records_are_assembled_with_newlines(client: Client, host: FakeHost, model: str) -> None:
    host.objects.write(BUCKET, "in/part-0", b"11\n12\n")
    target = {"S3OutputPath": f"s3://{BUCKET}/out", "AssembleWith": "Line"}

    transform(client, BatchStrategy="SingleRecord", TransformOutput=target)

    assert host.objects.text("out/part-0.out") == "1.0\n2.0\n"
    assert sum("POST /invocations" in line for line in host.log_of(LOGS)) == 2


def test_the_server_may_choose_the_strategy(client: Client, host: FakeHost, model: str) -> None:
    host.objects.write(BUCKET, "in/part-0", b"11\n12\n")

    transform(client, Environment={"PARAMETERS": "1"})

    assert sum("POST /invocations" in line for line in host.log_of(LOGS)) == 2


def test_compressed_objects_are_sent_as_they_were(client: Client, host: FakeHost, model: str) -> None:
    host.objects.write(BUCKET, "in/part-0.gz", gzip.compress(b"11\n"))
    request = arguments("None")
    request["TransformInput"]["CompressionType"] = "Gzip"

    client("CreateTransformJob", TransformJobName="toy", **request)
    client.job("Transform", "toy")

    assert host.objects.text("out/part-0.gz.out") == "1.0"


def test_a_bad_object_leaves_no_output_while_the_others_go_through(client: Client, host: FakeHost, model: str) -> None:
    host.objects.write(BUCKET, "in/bad", b"11\nrefuse\n")
    host.objects.write(BUCKET, "in/good", b"11\n")

    job = transform(client)

    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "ClientError: Bad HTTP status received from algorithm: 400 not a number (object bad)"
    )
    assert host.objects.keys("out/") == ["out/good.out"]


def test_a_server_error_is_tried_again_as_often_as_asked(client: Client, host: FakeHost, model: str) -> None:
    host.objects.write(BUCKET, "in/bad", b"fail")

    job = transform(client, ModelClientConfig={"InvocationsMaxRetries": 1, "InvocationsTimeoutInSeconds": 5})

    assert job["FailureReason"] == (
        "AlgorithmError: Bad HTTP status received from algorithm: 500 the toy broke, after 2 attempts (object bad)"
    )
    assert sum("POST /invocations" in line for line in host.log_of(LOGS)) == 2


def test_an_object_beyond_the_payload_limit_fails_the_job_clearly(client: Client, host: FakeHost, model: str) -> None:
    host.objects.write(BUCKET, "in/big", b"1" * (1024 * 1024 + 1))

    job = transform(client, "None", MaxPayloadInMB=1)

    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: big: 1048577 bytes in one object; SplitType is None")
    assert "MaxPayloadInMB allows 1048576 bytes" in job["FailureReason"]
    assert host.objects.keys("out/") == []


def test_the_limits_of_a_request_together_are_checked(client: Client, model: str) -> None:
    with pytest.raises(AwsError, match="at most 100 MB, but it is 120"):
        transform(client, MaxConcurrentTransforms=2, MaxPayloadInMB=60)


def test_the_server_sees_the_services_environment(
    client: Client, host: FakeHost, toy_environment: dict[str, str]
) -> None:
    host.objects.write(BUCKET, "model.tar.gz", archive(**{"mean.txt": "10"}))
    host.objects.write(BUCKET, "in/part-0", b"11\n")
    show = {**toy_environment, "PYTHONSTARTUP": "", "A": "model", "B": "model"}
    create_model(client, show)
    folder = host.root / "sagemaker" / "jobs" / "transform" / "toy"

    client(
        "CreateTransformJob",
        TransformJobName="toy",
        **arguments(MaxPayloadInMB=2, BatchStrategy="MultiRecord", Environment={"B": "job", "SHOW": "1"}),
    )
    client.job("Transform", "toy")

    shown = dict(line.split("=", 1) for line in host.log_of(LOGS) if line.startswith("env:"))
    assert shown == {
        "env:SAGEMAKER_BATCH": "true",
        "env:SAGEMAKER_MAX_PAYLOAD_IN_MB": "2",
        "env:SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
        "env:A": "model",
        "env:B": "job",
        "env:RIGHTPACK_ML_ROOT": str(folder / "ml"),
    }


def test_a_server_that_never_answers_fails_the_job(build: Callable[..., Client], host: FakeHost) -> None:
    client = build(ping_timeout=0.2)
    host.objects.write(BUCKET, "model.tar.gz", archive(**{"mean.txt": "10"}))
    host.objects.write(BUCKET, "in/part-0", b"11\n")
    commands = host.root / "bin"
    commands.mkdir(parents=True)
    serve = commands / "serve"
    serve.write_text("#!/bin/sh\nexec sleep 60\n")
    serve.chmod(0o755)
    create_model(client, {"PATH": f"{commands}:/usr/bin:/bin"})

    job = transform(client)

    assert job["FailureReason"] == "AlgorithmError: Model container failed to respond to ping within 0.2 seconds."


def test_a_server_that_ends_at_once_fails_the_job(
    client: Client, host: FakeHost, toy_environment: dict[str, str]
) -> None:
    host.objects.write(BUCKET, "model.tar.gz", archive(**{"other.txt": "10"}))
    create_model(client, toy_environment)

    job = transform(client)

    assert job["FailureReason"] == "AlgorithmError: the model server ended before it answered /ping; see its log."
    assert any("mean.txt" in line for line in host.log_of(LOGS))


def test_an_archive_that_would_leave_its_folder_fails_the_job(
    client: Client, host: FakeHost, toy_environment: dict[str, str]
) -> None:
    host.objects.write(BUCKET, "model.tar.gz", archive(**{"..__escaped": "x"}))
    create_model(client, toy_environment)

    job = transform(client)

    assert job["FailureReason"].startswith("ClientError: Cannot extract model data")
    assert not (host.root / "sagemaker" / "jobs" / "transform" / "toy" / "ml" / "escaped").exists()


def test_a_transform_can_be_stopped(client: Client, host: FakeHost, toy_environment: dict[str, str]) -> None:
    host.objects.write(BUCKET, "model.tar.gz", archive(**{"mean.txt": "10"}))
    commands = host.root / "bin"
    commands.mkdir(parents=True)
    serve = commands / "serve"
    serve.write_text(f"#!/bin/sh\ntouch {host.root}/up\nexec sleep 60\n")
    serve.chmod(0o755)
    create_model(client, {"PATH": f"{commands}:/usr/bin:/bin"})
    client("CreateTransformJob", TransformJobName="toy", **arguments())
    from tests.unit.local_cloud.sagemaker.fakes import eventually

    eventually((host.root / "up").exists)

    client("StopTransformJob", TransformJobName="toy")

    assert client.job("Transform", "toy")["TransformJobStatus"] == "Stopped"


def test_an_unknown_model_is_refused(client: Client) -> None:
    with pytest.raises(AwsError, match="Could not find model"):
        transform(client)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://b/k"}}, "data capture"),
        ({"split": "RecordIO"}, "SplitType RecordIO"),
    ],
)
def test_what_cannot_run_here_is_refused_by_name(client: Client, model: str, change: dict[str, Any], what: str) -> None:
    with pytest.raises(NotSimulatedError, match=what):
        transform(client, **change)


class TestModels:
    def test_a_model_is_described_listed_and_deleted(self, client: Client, model: str) -> None:
        described = client("DescribeModel", ModelName=model)
        assert described["PrimaryContainer"]["ModelDataUrl"] == DATA
        assert [item["ModelName"] for item in client("ListModels", NameContains="toy")["Models"]] == [model]

        client("DeleteModel", ModelName=model)

        with pytest.raises(AwsError, match="Could not find model"):
            client("DescribeModel", ModelName=model)

    def test_a_name_is_used_once(self, client: Client, model: str) -> None:
        with pytest.raises(AwsError, match="Cannot create already existing model"):
            create_model(client, {})

    def test_model_data_must_be_there(self, client: Client) -> None:
        with pytest.raises(AwsError, match=f"Could not find model data at {DATA}"):
            create_model(client, {})

    def test_a_pipeline_of_containers_is_refused(self, client: Client, model: str) -> None:
        container = {"Image": IMAGE, "ModelDataUrl": DATA}
        with pytest.raises(NotSimulatedError, match="several containers"):
            client("CreateModel", ModelName="two", Containers=[container, container])
