from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_cloud.account import admin_environment
from local_cloud.cloud import LocalCloud
from local_cloud.host import Host
from local_cloud.query import from_form
from local_cloud.wire import AwsError, Call, Json, Operation


class FakeSageMaker:
    """A service of the cloud that knows three operations."""

    signing_name = "sagemaker"

    def __init__(self, host: Host) -> None:
        self.host, self.calls, self.closed = host, list[Call](), False

    def operations(self) -> Mapping[str, Operation]:
        return {"ListPipelines": self._list, "DescribePipeline": self._missing, "StopPipelineExecution": self._broken}

    def close(self) -> None:
        self.closed = True

    def _list(self, call: Call, request: Json) -> Json:
        self.calls.append(call)
        return {"PipelineSummaries": [{"PipelineName": request["PipelineNamePrefix"]}]}

    def _missing(self, _call: Call, request: Json) -> Json:
        raise AwsError("ResourceNotFound", f"Pipeline {request['PipelineName']} does not exist.")

    def _broken(self, _call: Call, _request: Json) -> Json:
        raise ZeroDivisionError("a bug")


made: list[FakeSageMaker] = []


def _make(host: Host) -> FakeSageMaker:
    made.append(FakeSageMaker(host))
    return made[-1]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("root"), services=[_make]) as running:
        yield running
    assert made[-1].closed


def test_service_of_the_cloud_answers_json_in_json_out(cloud: LocalCloud) -> None:
    answer = cloud.client("sagemaker").list_pipelines(PipelineNamePrefix="rightpack")

    assert answer["PipelineSummaries"][0]["PipelineName"] == "rightpack"
    call = made[-1].calls[-1]
    assert (call.service, call.action, call.account, call.region) == (
        "sagemaker",
        "ListPipelines",
        "123456789012",
        "us-east-1",
    )
    assert call.principal == "arn:aws:iam::123456789012:root"


def test_error_of_a_service_is_an_error_of_its_api(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError) as failure:
        cloud.client("sagemaker").describe_pipeline(PipelineName="nobody")

    assert failure.value.response["Error"] == {"Code": "ResourceNotFound", "Message": "Pipeline nobody does not exist."}
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_operation_that_an_owned_service_lacks_is_refused(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="does not simulate sagemaker:CreateHyperParameterTuningJob"):
        cloud.client("sagemaker").create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName="j",
            HyperParameterTuningJobConfig={
                "Strategy": "Random",
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            },
        )


def test_bug_in_a_service_is_a_500_and_its_traceback_is_in_the_log(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match=r"InternalFailure.*ZeroDivisionError: a bug"):
        cloud.client("sagemaker").stop_pipeline_execution(PipelineExecutionArn="arn:x", ClientRequestToken="t" * 32)

    log = (cloud.root / "cloud.log").read_text()
    assert "sagemaker:StopPipelineExecution failed" in log
    assert "ZeroDivisionError: a bug" in log


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("stepfunctions", "list_state_machines", {}),  # moto would pretend
        ("redshift", "describe_clusters", {}),
        ("batch", "describe_job_queues", {}),
        ("cloudwatch", "get_metric_stream", {"Name": "a"}),  # CBOR on the wire
        ("sqs", "start_message_move_task", {"SourceArn": "arn:aws:sqs:us-east-1:123456789012:q"}),
        ("sns", "subscribe", {"TopicArn": "t", "Protocol": "https", "Endpoint": "https://example.com"}),  # XML
        ("cloudformation", "create_change_set", {"StackName": "s", "ChangeSetName": "c"}),
    ],
)
def test_what_is_not_simulated_is_refused_in_every_protocol(
    cloud: LocalCloud, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as refusal:
        getattr(cloud.client(service), operation)(**arguments)

    assert refusal.value.response["Error"]["Code"] == "NotSimulatedException"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert refusal.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_unknown_role_cannot_be_assumed_and_a_known_one_gets_its_own_name(cloud: LocalCloud) -> None:
    sts, policy = cloud.client("sts"), json.dumps({"Version": "2012-10-17", "Statement": []})
    with pytest.raises(ClientError, match=r"AccessDenied.*role/nobody does not exist"):
        sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/nobody", RoleSessionName="session")
    with pytest.raises(AwsError, match="AccessDenied"):
        cloud.credentials("arn:aws:iam::123456789012:role/nobody", "s")
    arn = cloud.client("iam").create_role(RoleName="somebody", AssumeRolePolicyDocument=policy)["Role"]["Arn"]

    given = sts.assume_role(RoleArn=arn, RoleSessionName="step")["Credentials"]
    client = boto3.client(
        "sagemaker",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    client.list_pipelines(PipelineNamePrefix="x")
    client.close()

    assert made[-1].calls[-1].principal == "arn:aws:sts::123456789012:assumed-role/somebody/step"
    assert set(cloud.credentials(arn, "job")) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}


def test_connection_stays_open_between_requests(cloud: LocalCloud) -> None:
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"))
    connection.request("GET", "/_local/ready")
    first = connection.getresponse()
    assert json.loads(first.read()) == {"ready": True}
    socket = connection.sock
    connection.request("POST", "/_local/schedules/nobody/fire")
    second = connection.getresponse()
    body = json.loads(second.read())
    same = connection.sock is socket
    connection.close()

    assert same
    assert (second.status, body["code"]) == (404, "ResourceNotFoundException")


def test_only_one_cloud_runs_in_a_process(cloud: LocalCloud, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Another local cloud"):
        LocalCloud(tmp_path, services=[]).start()


def test_admin_environment_is_all_a_program_needs(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in admin_environment(cloud.url).items():
        monkeypatch.setenv(name, value)
    session = boto3.session.Session()
    client = session.client("s3", config=Config(retries={"max_attempts": 0}))
    client.create_bucket(Bucket="environment-bucket")
    client.close()

    assert cloud.objects.list("environment-bucket", "") == []


def test_form_fields_nest() -> None:
    body = b"Action=X&A.member.2.K=c&A.member.1.K=a%20b&B.C=d&E="

    assert from_form(body) == {"Action": "X", "A": [{"K": "a b"}, {"K": "c"}], "B": {"C": "d"}, "E": ""}
