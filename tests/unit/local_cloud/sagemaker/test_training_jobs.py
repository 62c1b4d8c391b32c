"""The container contract of training jobs."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from local_cloud.wire import AwsError, NotSimulatedError
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, IMAGE, ROLE, Client, FakeHost, entrypoint

LOGS = "/aws/sagemaker/TrainingJobs"


def arguments(code: str | None, **members: Any) -> dict[str, Any]:
    entry = {} if code is None else {"ContainerEntrypoint": entrypoint(code)}
    return {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File", **entry},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 25},
        **members,
    }


def channel(name: str, uri: str, **members: Any) -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": data}, **members}


def train(client: Client, code: str | None, name: str = "toy", **members: Any) -> dict[str, Any]:
    client("CreateTrainingJob", TrainingJobName=name, **arguments(code, **members))
    return client.job("Training", name)


def test_without_an_entrypoint_the_image_trains(
    client: Client, host: FakeHost, toy_environment: dict[str, str]
) -> None:
    host.objects.write(BUCKET, "data/numbers.txt", b"1\n3\n")

    job = train(
        client,
        None,
        HyperParameters={"factor": "2"},
        InputDataConfig=[channel("train", f"s3://{BUCKET}/data/")],
        Environment=toy_environment,
    )

    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed", job
    with tarfile.open(fileobj=BytesIO(host.objects.read(BUCKET, "models/toy/output/model.tar.gz"))) as archive:
        file = archive.extractfile("mean.txt")
        assert file is not None
        assert file.read() == b"4.0"


def test_the_same_files_make_the_same_archive(client: Client, host: FakeHost) -> None:
    code = "os.makedirs(r+'/model/b')\nfor n in ('z','b/y','a'): open(r+'/model/'+n,'w').write(n)"

    train(client, code, name="one")
    train(client, code, name="two")

    archives = [host.objects.read(BUCKET, f"models/{name}/output/model.tar.gz") for name in ("one", "two")]
    assert archives[0] == archives[1]
    with tarfile.open(fileobj=BytesIO(archives[0])) as archive:
        assert archive.getnames() == ["a", "b/y", "z"]


def test_configuration_files_and_environment_are_those_of_the_service(client: Client, host: FakeHost) -> None:
    host.objects.write(BUCKET, "data/x", b"")
    code = (
        "for n in ('hyperparameters','inputdataconfig','resourceconfig'):\n"
        " print(json.dumps(json.load(open(r+f'/input/config/{n}.json'))))\n"
        "print(os.environ['TRAINING_JOB_NAME'], os.environ['TRAINING_JOB_ARN'])"
    )

    train(
        client,
        code,
        HyperParameters={"n": "100"},
        InputDataConfig=[channel("train", f"s3://{BUCKET}/data/", ContentType="text/csv")],
    )

    hyperparameters, channels, resources, names = host.log_of(LOGS)
    assert json.loads(hyperparameters) == {"n": "100"}
    assert json.loads(channels) == {
        "train": {
            "ContentType": "text/csv",
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }
    assert json.loads(resources)["hosts"] == ["algo-1"]
    assert names == "toy arn:aws:sagemaker:us-east-1:123456789012:training-job/toy"


def test_the_failure_file_becomes_the_reason_with_the_exit_code(client: Client, host: FakeHost) -> None:
    job = train(client, "open(r+'/output/failure','w').write('no rows: '+'x'*2000)\nsys.exit(75)")

    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: no rows: xxx")
    assert job["FailureReason"].endswith("x, exit code: 75")
    assert len(job["FailureReason"]) == 1024
    assert host.objects.keys("models") == []


def test_the_last_value_of_every_metric_is_kept(client: Client) -> None:
    spec = arguments("print('auc=0.5 loss=3')\nprint('auc=0.75 loss=nothing')")["AlgorithmSpecification"]
    spec["MetricDefinitions"] = [{"Name": "auc", "Regex": r"auc=(\S+)"}, {"Name": "loss", "Regex": r"loss=(\S+)"}]

    job = train(client, "", AlgorithmSpecification=spec)

    assert {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]} == {"auc": 0.75, "loss": 3.0}


def test_a_metric_that_cannot_be_read_is_refused(client: Client) -> None:
    spec = {**arguments("")["AlgorithmSpecification"], "MetricDefinitions": [{"Name": "auc", "Regex": "("}]}

    with pytest.raises(AwsError, match="Regex of metric auc"):
        train(client, "", AlgorithmSpecification=spec)


def test_a_job_out_of_time_is_stopped_and_leaves_no_model(client: Client, host: FakeHost) -> None:
    job = train(client, "time.sleep(60)", StoppingCondition={"MaxRuntimeInSeconds": 1})

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert host.objects.keys("models") == []


def test_further_output_is_packed_beside_the_model(client: Client, host: FakeHost) -> None:
    train(client, "open(r+'/output/data/plot','w')")

    assert host.objects.keys("models") == ["models/toy/output/model.tar.gz", "models/toy/output/output.tar.gz"]


def test_the_way_through_the_states_is_told(client: Client) -> None:
    job = train(client, "")

    ways = [item["Status"] for item in job["SecondaryStatusTransitions"]]
    assert ways == ["Downloading", "Training", "Uploading", "Completed"]


def test_a_job_whose_worker_breaks_fails_as_an_internal_error(
    build: Callable[..., Client], host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = build()

    def broken(*_: object) -> dict[str, str]:
        raise OSError("disk full")

    monkeypatch.setattr(host, "credentials", broken)

    job = train(client, "")

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: the local cloud broke")
    assert "disk full" in job["FailureReason"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"CheckpointConfig": {"S3Uri": "s3://b/k", "LocalPath": "/checkpoints"}}, "CheckpointConfig.LocalPath"),
        (
            {
                "ResourceConfig": {
                    "VolumeSizeInGB": 1,
                    "InstanceGroups": [{"InstanceType": "ml.m5.large", "InstanceCount": 2, "InstanceGroupName": "a"}],
                }
            },
            "ResourceConfig.InstanceGroups",
        ),
        ({"InputDataConfig": [channel("train", "s3://b/k", InputMode="Pipe")]}, r"pipe mode \(channel train\)"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://b/k", "CompressionType": "NONE"}}, "uncompressed model output"),
    ],
)
def test_what_cannot_run_here_is_refused_by_name(client: Client, change: dict[str, Any], what: str) -> None:
    with pytest.raises(NotSimulatedError, match=what):
        train(client, "", **change)
