"""The container contract of processing jobs, used directly through the API."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_cloud.wire import AwsError, NotSimulatedError
from tests.unit.local_cloud.sagemaker.fakes import (
    BUCKET,
    ROLE,
    Client,
    FakeHost,
    eventually,
    output,
    outputs,
    processing,
    source,
)


def create(client: Client, code: str, *words: str, name: str = "toy", **members: Any) -> dict[str, Any]:
    client("CreateProcessingJob", ProcessingJobName=name, **processing(code, *words, **members))
    return client.job("Processing", name)


def test_inputs_are_staged_and_outputs_uploaded(build: Callable[..., Client], host: FakeHost, mounts: bool) -> None:
    client = build(bind_mounts=mounts)
    host.objects.write(BUCKET, "in/a.txt", b"A")
    host.objects.write(BUCKET, "in/sub/b.txt", b"B")
    code = (
        "i=sys.argv[1];o=sys.argv[2]\nopen(o+'/c.txt','w').write(open(i+'/a.txt').read()+open(i+'/sub/b.txt').read())"
    )

    job = create(
        client,
        code,
        "/opt/ml/processing/input/data",
        "/opt/ml/processing/output/made",
        ProcessingInputs=[source("data", f"s3://{BUCKET}/in")],
        ProcessingOutputConfig=outputs(output("made", f"s3://{BUCKET}/out/")),
    )

    assert job["ProcessingJobStatus"] == "Completed", job
    assert host.objects.text("out/c.txt") == "AB"
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]


def test_only_the_fallback_tells_the_job_where_its_files_are(
    build: Callable[..., Client], host: FakeHost, mounts: bool
) -> None:
    client = build(bind_mounts=mounts)

    code = "print(os.environ.get('RIGHTPACK_ML_ROOT'), os.environ['WHERE'], os.path.isdir('/opt/'+'ml/config'))"
    create(client, code, Environment={"WHERE": "/opt/ml/config"})

    [line] = host.log_of("/aws/sagemaker/ProcessingJobs")
    folder = str(host.root / "sagemaker" / "jobs" / "processing" / "toy" / "ml")
    assert line == ("None /opt/ml/config True" if mounts else f"{folder} {folder}/config False")


def test_a_mount_hides_nothing_else_below_opt(build: Callable[..., Client], host: FakeHost, mounts: bool) -> None:
    client = build(bind_mounts=mounts)

    create(client, "print(json.dumps(sorted(set(os.listdir('/opt')) - {'ml'})))")

    [line] = host.log_of("/aws/sagemaker/ProcessingJobs")
    assert json.loads(line) == sorted({path.name for path in Path("/opt").iterdir()} - {"ml"})


def test_the_configuration_files_are_those_of_the_service(client: Client, host: FakeHost) -> None:
    code = "for n in ('processingjob','resource'): print(json.dumps(json.load(open(r+f'/config/{n}config.json'))))"

    create(client, code, Environment={"A": "b"})

    job, resources = map(json.loads, host.log_of("/aws/sagemaker/ProcessingJobs"))
    assert job["ProcessingJobName"] == "toy"
    assert job["ProcessingJobArn"].endswith(":processing-job/toy")
    assert job["Environment"] == {"A": "b"}
    assert set(job) >= {"AppSpecification", "ProcessingResources", "RoleArn", "StoppingCondition"}
    assert resources == {"current_host": "algo-1", "hosts": ["algo-1"]}


def test_the_job_has_its_roles_credentials_and_the_endpoint_and_nothing_of_ours(
    client: Client, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "of the laptop")

    create(client, "print(json.dumps(dict(os.environ)))", Environment={"A": "b"})

    [line] = host.log_of("/aws/sagemaker/ProcessingJobs")
    found = json.loads(line)
    assert found["AWS_ACCESS_KEY_ID"] == f"key-of-{ROLE.rsplit('/', 1)[-1]}"
    assert found["AWS_ENDPOINT_URL"] == host.url
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-east-1"
    assert found["AWS_EC2_METADATA_DISABLED"] == "true"
    assert found["A"] == "b"
    assert "MY_SECRET" not in found


def test_network_isolation_leaves_no_credentials(client: Client, host: FakeHost) -> None:
    create(
        client, "print([k for k in os.environ if k.startswith('AWS_')])", NetworkConfig={"EnableNetworkIsolation": True}
    )

    assert host.log_of("/aws/sagemaker/ProcessingJobs") == ["[]"]


def test_a_failure_says_the_exit_code_keeps_the_message_and_uploads_nothing(client: Client, host: FakeHost) -> None:
    code = (
        "open(r+'/processing/output/made/x','w')\nopen(r+'/output/message','w').write('rows are missing')\nsys.exit(3)"
    )

    job = create(client, code, ProcessingOutputConfig=outputs(output("made", f"s3://{BUCKET}/out")))

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: , exit code: 3"
    assert job["ExitMessage"] == "rows are missing"
    assert host.objects.keys("out") == []


def test_a_message_is_kept_of_a_success_and_cut_to_a_kilobyte(client: Client) -> None:
    job = create(client, "open(r+'/output/message','w').write('ä'*600)")

    assert job["ExitMessage"] == "ä" * 512


def test_a_message_that_is_no_text_fails_the_job(client: Client) -> None:
    job = create(client, "open(r+'/output/message','wb').write(b'\\xff\\xfe')")

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: The exit message")


def test_links_are_not_followed_on_upload(client: Client, host: FakeHost) -> None:
    code = "o=r+'/processing/output/made'\nopen(o+'/real','w')\nos.symlink('/etc/passwd', o+'/link')"

    create(client, code, ProcessingOutputConfig=outputs(output("made", f"s3://{BUCKET}/out")))

    assert host.objects.keys("out") == ["out/real"]


def test_missing_input_fails_the_job_by_its_uri(client: Client) -> None:
    job = create(client, "", ProcessingInputs=[source("data", f"s3://{BUCKET}/nowhere/")])

    assert job["FailureReason"] == (
        f"ClientError: Data download failed: NoSuchKey: no S3 objects found under s3://{BUCKET}/nowhere/."
    )


def test_a_missing_bucket_fails_the_job(client: Client) -> None:
    job = create(client, "", ProcessingInputs=[source("data", "s3://no-such-bucket/x")])

    assert job["FailureReason"].startswith("ClientError: NoSuchBucket")


def test_a_command_that_is_not_in_the_image_fails_the_job(client: Client) -> None:
    arguments = processing("")
    arguments["AppSpecification"]["ContainerEntrypoint"] = ["no-such-command"]
    client("CreateProcessingJob", ProcessingJobName="toy", **arguments)

    job = client.job("Processing", "toy")

    assert job["FailureReason"].startswith("AlgorithmError: exec no-such-command: not found on the PATH")


def test_a_program_that_cannot_be_started_fails_the_job(client: Client, host: FakeHost) -> None:
    broken = host.root / "broken"
    host.root.mkdir()
    broken.write_bytes(b"\x7fnot a program")
    broken.chmod(0o755)
    arguments = processing("")
    arguments["AppSpecification"]["ContainerEntrypoint"] = [str(broken)]
    client("CreateProcessingJob", ProcessingJobName="toy", **arguments)

    job = client.job("Processing", "toy")

    assert job["FailureReason"] == f"AlgorithmError: exec {broken}: Exec format error, exit code: 126"


def test_a_staged_program_is_looked_for_among_the_files_of_the_job(client: Client, host: FakeHost) -> None:
    host.objects.write(BUCKET, "code/other", b"")
    arguments = processing("", ProcessingInputs=[source("code", f"s3://{BUCKET}/code/")])
    arguments["AppSpecification"]["ContainerEntrypoint"] = ["/opt/ml/processing/input/code/run"]
    client("CreateProcessingJob", ProcessingJobName="toy", **arguments)

    job = client.job("Processing", "toy")

    assert job["FailureReason"] == (
        "AlgorithmError: exec /opt/ml/processing/input/code/run: not found among the files of the job, exit code: 127"
    )


def test_a_job_that_runs_too_long_is_stopped(client: Client) -> None:
    job = create(client, "time.sleep(60)", StoppingCondition={"MaxRuntimeInSeconds": 1})

    assert job["ProcessingJobStatus"] == "Stopped"


def test_a_job_that_ignores_the_stop_is_killed(build: Callable[..., Client], host: FakeHost, mounts: bool) -> None:
    client = build(bind_mounts=mounts, stop_grace=0.05)
    flag = host.root / "up"
    code = "import signal;signal.signal(15,signal.SIG_IGN)\nopen(sys.argv[1],'w')\ntime.sleep(60)"
    host.root.mkdir(exist_ok=True)
    client("CreateProcessingJob", ProcessingJobName="toy", **processing(code, str(flag)))
    eventually(flag.exists)

    client("StopProcessingJob", ProcessingJobName="toy")

    assert client.job("Processing", "toy")["ProcessingJobStatus"] == "Stopped"
    assert host.statuses("SageMaker Processing Job State Change", "ProcessingJobStatus") == [
        "InProgress",
        "Stopping",
        "Stopped",
    ]


def test_a_job_can_be_stopped_in_the_queue(build: Callable[..., Client]) -> None:
    client = build(max_parallel_jobs=1)
    client("CreateProcessingJob", ProcessingJobName="first", **processing("time.sleep(60)"))
    client("CreateProcessingJob", ProcessingJobName="second", **processing(""))

    client("StopProcessingJob", ProcessingJobName="second")

    assert client.job("Processing", "second")["ProcessingJobStatus"] == "Stopped"


def test_nothing_a_job_started_outlives_it(client: Client, host: FakeHost) -> None:
    child = "import time; time.sleep(60)"
    code = f"import subprocess;p=subprocess.Popen([sys.executable,'-c',{child!r}]);print(p.pid,flush=True)"

    create(client, code)

    [pid] = map(int, host.log_of("/aws/sagemaker/ProcessingJobs"))

    def gone() -> bool:
        try:
            with open(f"/proc/{pid}/stat") as status:  # noqa: PTH123 - /proc is no folder of ours
                return status.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return not os.path.exists(f"/proc/{pid}")  # noqa: PTH110

    eventually(gone)


def test_names_are_used_once(client: Client) -> None:
    create(client, "")

    with pytest.raises(AwsError) as refused:
        create(client, "")
    assert refused.value.code == "ResourceInUse"


def test_an_unknown_job_is_not_found(client: Client) -> None:
    with pytest.raises(AwsError, match="Could not find requested job with name: none"):
        client("DescribeProcessingJob", ProcessingJobName="none")


def test_jobs_are_listed_by_name_status_and_page(client: Client) -> None:
    for name in ("a-1", "a-2", "b-1"):
        create(client, "sys.exit(sys.argv[1] == 'a-2')", name, name=name)

    listed = client("ListProcessingJobs", NameContains="a-", SortBy="Name", SortOrder="Descending")
    assert [item["ProcessingJobName"] for item in listed["ProcessingJobSummaries"]] == ["a-2", "a-1"]
    failed = client("ListProcessingJobs", StatusEquals="Failed")["ProcessingJobSummaries"]
    assert [item["ProcessingJobName"] for item in failed] == ["a-2"]
    first = client("ListProcessingJobs", MaxResults=2)
    rest = client("ListProcessingJobs", MaxResults=2, NextToken=first["NextToken"])
    names = [item["ProcessingJobName"] for page in (first, rest) for item in page["ProcessingJobSummaries"]]
    assert names == ["a-1", "a-2", "b-1"]
    assert "NextToken" not in rest


FEATURE_STORE = {"OutputName": "d", "FeatureStoreOutput": {"FeatureGroupName": "x"}}


def changed(item: dict[str, Any], part: str, **members: Any) -> dict[str, Any]:
    return {**item, part: {**item[part], **members}}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"ProcessingInputs": [{"InputName": "d", "DatasetDefinition": {}}]}, "input d that is not an S3Input"),
        (
            {"ProcessingInputs": [changed(source("d", "s3://b/k"), "S3Input", S3DataType="ManifestFile")]},
            "ManifestFile",
        ),
        ({"ProcessingInputs": [changed(source("d", "s3://b/k"), "S3Input", S3InputMode="Pipe")]}, "pipe mode"),
        (
            {
                "ProcessingOutputConfig": outputs(
                    changed(output("d", "s3://b/k"), "S3Output", S3UploadMode="Continuous")
                )
            },
            "continuous upload",
        ),
        ({"ProcessingOutputConfig": outputs(FEATURE_STORE)}, "output d that is not an S3Output"),
    ],
)
def test_what_cannot_run_here_is_refused_by_name(client: Client, change: dict[str, Any], what: str) -> None:
    with pytest.raises(NotSimulatedError, match=what):
        client("CreateProcessingJob", ProcessingJobName="toy", **{**processing(""), **change})


def test_paths_outside_the_contract_are_refused(client: Client) -> None:
    wrong = source("data", f"s3://{BUCKET}/x")
    wrong["S3Input"]["LocalPath"] = "/opt/ml/input/data"

    with pytest.raises(AwsError, match="must begin with /opt/ml/processing/"):
        client("CreateProcessingJob", ProcessingJobName="toy", **processing("", ProcessingInputs=[wrong]))


def test_a_folder_of_a_good_job_is_cleared_and_that_of_a_bad_one_stays(client: Client, host: FakeHost) -> None:
    create(client, "", name="good")
    create(client, "open(r+'/left','w');sys.exit(1)", name="bad")

    jobs = host.root / "sagemaker" / "jobs" / "processing"
    assert not (jobs / "good" / "ml").exists()
    assert (jobs / "bad" / "ml" / "left").exists()


def test_closing_kills_what_runs(build: Callable[..., Client], host: FakeHost) -> None:
    client = build(stop_grace=60)
    flag = host.root / "up"
    host.root.mkdir(exist_ok=True)
    code = "import signal;signal.signal(15,signal.SIG_IGN)\nopen(sys.argv[1],'w')\ntime.sleep(60)"
    client("CreateProcessingJob", ProcessingJobName="toy", **processing(code, str(flag)))
    eventually(flag.exists)

    client.service.close()

    assert host.statuses("SageMaker Processing Job State Change", "ProcessingJobStatus")[-1] == "Stopped"
