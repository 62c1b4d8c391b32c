"""Small fakes of the services that the vocabulary talks to; state is kept, nothing is patched."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from rightpack.batches import Batches
from rightpack.dispatch import Dispatcher
from rightpack.layout import Layout
from rightpack.ledger import Ledger
from rightpack.metrics import Metrics
from rightpack.notices import Notices, Outbox
from rightpack.reconcile import Reconciler
from rightpack.run_jobs import RunJobs
from rightpack.settings import Launching
from rightpack.starting import Starter
from rightpack.tracking import Tracker

LAYOUT = Layout("dev", "123456789012", "us-east-1")
START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
POLICY = Launching(concurrent=4, reserved=1)


class Exceptions:
    ClientError = ClientError


def client_error(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@dataclass
class FakeClock:
    moment: dt.datetime = START

    def __call__(self) -> dt.datetime:
        return self.moment

    def forward(self, **span: float) -> None:
        self.moment += dt.timedelta(**span)


@dataclass
class FakeS3:
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    exceptions = Exceptions

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Bucket, Key] = Body

    def get_object(self, *, Bucket: str, Key: str, Range: str = "", VersionId: str = "") -> dict[str, Any]:
        if (Bucket, Key) not in self.objects:
            raise client_error("NoSuchKey")
        body = self.objects[Bucket, Key]
        if Range:
            if not body:
                raise client_error("InvalidRange")
            first, last = map(int, Range.removeprefix("bytes=").split("-"))
            body = body[first : last + 1]
        return {"Body": io.BytesIO(body)}

    def text(self, key: str) -> str:
        return self.objects[LAYOUT.data_bucket, key].decode()


@dataclass
class FakeSageMaker:
    """Executions by token, as the service keeps them."""

    executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)
    starts: int = 0
    refuse: Callable[[], ClientError | None] = lambda: None
    groups: set[str] = field(default_factory=set)
    packages: dict[str, dt.datetime] = field(default_factory=dict)  # approved ones, and when they were registered
    quota: int = 1000
    retries: list[str] = field(default_factory=list)  # executions, once per retry that was acted on
    tokens: set[str] = field(default_factory=set)
    die_after: str = ""  # an operation whose next caller dies before it hears the answer
    exceptions = Exceptions

    def start_pipeline_execution(self, *, ClientRequestToken: str, **request: Any) -> dict[str, str]:
        error = self.refuse()
        if error:
            raise error
        arn = f"arn:aws:sagemaker:us-east-1:1:pipeline/{request['PipelineName']}/execution/{ClientRequestToken[:12]}"
        if arn not in self.executions:
            self._check_quota()
            self.starts += 1
            self.executions[arn] = {**request, "PipelineExecutionStatus": "Executing"}
        self._answer("start")
        return {"PipelineExecutionArn": arn}

    def retry_pipeline_execution(self, *, PipelineExecutionArn: str, ClientRequestToken: str) -> None:
        error = self.refuse()
        if error:
            raise error
        if ClientRequestToken not in self.tokens:
            self._check_quota()
            self.tokens.add(ClientRequestToken)
            self.retries.append(PipelineExecutionArn)
            self.executions[PipelineExecutionArn]["PipelineExecutionStatus"] = "Executing"
        self._answer("retry")

    def stop_pipeline_execution(self, *, PipelineExecutionArn: str, ClientRequestToken: str) -> None:
        assert ClientRequestToken
        self.executions[PipelineExecutionArn]["PipelineExecutionStatus"] = "Stopped"

    def list_pipeline_executions(self, *, PipelineName: str, **_order: Any) -> dict[str, Any]:
        found = [{**one, "PipelineExecutionArn": arn} for arn, one in self.executions.items()]
        found = [one for one in found if one.get("PipelineName") == PipelineName]
        return {"PipelineExecutionSummaries": found}

    def running(self) -> list[str]:
        return [arn for arn, one in self.executions.items() if one["PipelineExecutionStatus"] == "Executing"]

    def _check_quota(self) -> None:
        if len(self.running()) >= self.quota:
            words = f"'Concurrent pipeline executions' is {self.quota}, with current utilization of {self.quota}"
            raise client_error("ResourceLimitExceeded", f"service limit {words} and a request delta of 1.")

    def _answer(self, operation: str) -> None:
        if self.die_after == operation:
            self.die_after = ""
            raise KeyboardInterrupt

    def describe_pipeline_execution(self, *, PipelineExecutionArn: str) -> dict[str, Any]:
        if PipelineExecutionArn not in self.executions:
            raise client_error("ResourceNotFound")
        return self.executions[PipelineExecutionArn]

    def describe_processing_job(self, *, ProcessingJobName: str) -> dict[str, str]:
        return {"ExitMessage": self.messages[ProcessingJobName]}

    def describe_model_package_group(self, *, ModelPackageGroupName: str) -> dict[str, str]:
        if ModelPackageGroupName not in self.groups:
            raise client_error("ValidationException", "does not exist")
        return {}

    def create_model_package_group(self, *, ModelPackageGroupName: str) -> None:
        self.groups.add(ModelPackageGroupName)

    def get_paginator(self, _name: str) -> FakeSageMaker:
        return self

    def paginate(self, **_query: Any) -> Iterator[dict[str, Any]]:
        packages = [{"ModelPackageArn": arn, "ModelPackageStatus": "Completed"} for arn in self.packages]
        yield {"PipelineExecutionSteps": self.steps, "ModelPackageSummaryList": packages}

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        container = {"Image": "image", "ModelDataUrl": f"s3://bucket/{ModelPackageName}/model.tar.gz"}
        return {
            "ModelPackageArn": ModelPackageName,
            "ModelPackageGroupName": ModelPackageName.split("/")[1],
            "ModelPackageVersion": int(ModelPackageName.rpartition("/")[2]),
            "ModelApprovalStatus": "Approved",
            "CreationTime": self.packages[ModelPackageName],
            "InferenceSpecification": {"Containers": [container]},
        }


@dataclass
class FakeCloudWatch:
    values: list[tuple[str, float, dict[str, str]]] = field(default_factory=list)

    def put_metric_data(self, *, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
        for datum in MetricData:
            dimensions = {d["Name"]: d["Value"] for d in datum["Dimensions"]}
            self.values.append((datum["MetricName"], datum["Value"], dimensions))

    def total(self, name: str) -> float:
        return sum(value for found, value, _ in self.values if found == name)


@dataclass
class FakeSns:
    messages: list[tuple[str, str]] = field(default_factory=list)
    die_after: bool = False

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> None:
        self.messages.append((Subject, Message))
        if self.die_after:
            self.die_after = False
            raise KeyboardInterrupt


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


@pytest.fixture
def sagemaker() -> FakeSageMaker:
    return FakeSageMaker()


@pytest.fixture
def cloudwatch() -> FakeCloudWatch:
    return FakeCloudWatch()


@pytest.fixture
def sns() -> FakeSns:
    return FakeSns()


@pytest.fixture
def metrics(cloudwatch: FakeCloudWatch) -> Metrics:
    return Metrics(cloudwatch, "dev")


@pytest.fixture
def notices(sns: FakeSns) -> Notices:
    return Notices(sns, LAYOUT.topic_arn)


@pytest.fixture
def starter(sagemaker: FakeSageMaker, ledger: Ledger, clock: FakeClock) -> Starter:
    return Starter(LAYOUT, sagemaker, ledger, clock)


@pytest.fixture
def outbox(ledger: Ledger, metrics: Metrics, notices: Notices, clock: FakeClock) -> Outbox:
    return Outbox(ledger, metrics, notices, clock, lambda run: f"last words of {run.step}")


@pytest.fixture
def tracker(sagemaker: FakeSageMaker, starter: Starter, outbox: Outbox, clock: FakeClock) -> Tracker:
    return Tracker(sagemaker, starter, outbox, RunJobs(sagemaker), clock)


@pytest.fixture
def dispatcher(starter: Starter) -> Dispatcher:
    return Dispatcher(starter, POLICY)


@pytest.fixture
def batches(ledger: Ledger, clock: FakeClock) -> Batches:
    return Batches(ledger, clock)


@pytest.fixture
def reconciler(tracker: Tracker, dispatcher: Dispatcher, batches: Batches, metrics: Metrics) -> Reconciler:
    return Reconciler(LAYOUT, tracker, dispatcher, batches, metrics)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        text = {"AttributeType": "S"}
        keys = ("run_id", "execution_arn", "pipeline", "created_at", "queue", "batch")
        client.create_table(
            TableName=LAYOUT.ledger_table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, **text} for key in keys],
            GlobalSecondaryIndexes=[
                _index("by-execution", "execution_arn"),
                _index("by-pipeline", "pipeline", "created_at"),
                _index("by-queue", "queue", "created_at"),
                _index("by-batch", "batch", "created_at"),
            ],
        )
        yield Ledger(client, LAYOUT.ledger_table)


def _index(name: str, *keys: str) -> dict[str, Any]:
    schema = [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)]
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}
