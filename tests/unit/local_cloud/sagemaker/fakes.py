"""A machine without a cloud: objects in memory, events and logs in lists, functions as Python callables."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.parsers import create_parser
from botocore.validate import ParamValidator

from local_cloud.host import StoredObject
from local_cloud.sagemaker import SageMaker
from local_cloud.sagemaker.validation import service_model
from local_cloud.wire import AwsError, Call

ROLE = "arn:aws:iam::123456789012:role/toy-role"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/toy:1"
BUCKET = "toy-bucket"


class MemoryStore:
    """S3 in a dictionary."""

    def __init__(self, *buckets: str) -> None:
        self.buckets: dict[str, dict[str, bytes]] = {bucket: {} for bucket in buckets}
        self._lock = threading.Lock()

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        with self._lock:
            held = dict(self._bucket(bucket))
        return [
            StoredObject(key, len(body), hashlib.md5(body).hexdigest())
            for key, body in sorted(held.items())
            if key.startswith(prefix)
        ]

    def read(self, bucket: str, key: str) -> bytes:
        with self._lock:
            if key not in self._bucket(bucket):
                raise AwsError("NoSuchKey", f"The specified key does not exist: {key}", 404)
            return self._bucket(bucket)[key]

    def download(self, bucket: str, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.read(bucket, key))

    def write(self, bucket: str, key: str, body: bytes) -> None:
        with self._lock:
            self._bucket(bucket)[key] = body

    def upload(self, bucket: str, key: str, path: Path) -> None:
        self.write(bucket, key, path.read_bytes())

    def delete(self, bucket: str, key: str) -> None:
        with self._lock:
            self._bucket(bucket).pop(key, None)

    def text(self, key: str) -> str:
        return self.read(BUCKET, key).decode()

    def keys(self, prefix: str = "") -> Sequence[str]:
        return [item.key for item in self.list(BUCKET, prefix)]

    def _bucket(self, bucket: str) -> dict[str, bytes]:
        if bucket not in self.buckets:
            raise AwsError("NoSuchBucket", f"The specified bucket does not exist: {bucket}", 404)
        return self.buckets[bucket]


class FakeHost:
    """Everything a service may ask for, remembered for the test to look at."""

    url = "http://127.0.0.1:9"
    account = "123456789012"
    region = "us-east-1"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.objects = MemoryStore(BUCKET)
        self.events: list[tuple[str, dict[str, Any], Sequence[str]]] = []
        self.logs: dict[tuple[str, str], list[str]] = {}
        self.functions: dict[str, Callable[[dict[str, Any]], Any]] = {}

    def emit(self, source: str, detail_type: str, detail: Mapping[str, Any], *, resources: Sequence[str] = ()) -> None:
        assert source == "aws.sagemaker"
        self.events.append((detail_type, json.loads(json.dumps(detail)), list(resources)))

    def credentials(self, role_arn: str, session: str) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": f"key-of-{role_arn.rsplit('/', 1)[-1]}", "AWS_SECRET_ACCESS_KEY": "secret"}

    def invoke(self, function: str, payload: bytes) -> tuple[bytes, bool]:
        try:
            return json.dumps(self.functions[function](json.loads(payload))).encode(), False
        except KeyError:
            raise AwsError("ResourceNotFoundException", f"Function not found: {function}", 404) from None
        except ValueError as problem:
            return json.dumps({"errorMessage": str(problem)}).encode(), True

    def send_message(self, queue_url: str, body: str) -> None:
        raise NotImplementedError

    def objects_as(self, role_arn: str, *, service: str) -> Any:
        return self.objects

    def permit(self, call: Call, request: dict[str, Any]) -> None:
        pass

    def put_log(self, group: str, stream: str, lines: Sequence[str], *, role: str) -> None:
        self.logs.setdefault((group, stream), []).extend(lines)

    def put_metric(self, namespace: str, name: str, value: float, dimensions: Mapping[str, str]) -> None:
        raise NotImplementedError

    def log_of(self, group: str) -> list[str]:
        return [line for (held, _), lines in self.logs.items() if held == group for line in lines]

    def statuses(self, detail_type: str, key: str) -> list[str]:
        return [detail[key] for kind, detail, _ in self.events if kind == detail_type]


class Client:
    """Calls the service as boto3 would: fills in tokens, checks that the answer fits the model, parses it."""

    def __init__(self, service: SageMaker) -> None:
        self.service = service
        self._tokens = 0

    def __call__(self, action: str, **request: Any) -> Any:
        model = service_model().operation_model(action)
        if model.input_shape is not None and "ClientRequestToken" in model.input_shape.members:
            self._tokens += 1
            request.setdefault("ClientRequestToken", f"token-{self._tokens:032d}")
        wire = json.loads(json.dumps(request))
        call = Call("sagemaker", action, "123456789012", "us-east-1", ROLE)
        answer = json.loads(json.dumps(self.service.operations()[action](call, wire)))
        if model.output_shape is None:
            assert answer == {}
            return None
        report = ParamValidator().validate(answer, model.output_shape)
        assert not report.has_errors(), f"{action}: {report.generate_report()}"
        response = {"body": json.dumps(answer).encode(), "headers": {}, "status_code": 200}
        return create_parser("json").parse(response, model.output_shape)

    def start(self, pipeline: str = "toy", *, token: str | None = None, **parameters: str) -> str:
        given = [{"Name": name, "Value": value} for name, value in parameters.items()]
        extra = {} if token is None else {"ClientRequestToken": token}
        answer = self("StartPipelineExecution", PipelineName=pipeline, PipelineParameters=given, **extra)
        return str(answer["PipelineExecutionArn"])

    def run(self, pipeline: str = "toy", **parameters: str) -> tuple[str, dict[str, dict[str, Any]]]:
        """Start, wait, and answer the final status with the steps by name."""
        arn = self.start(pipeline, **parameters)
        return self.finish(arn), self.steps(arn)

    def finish(self, arn: str) -> str:
        return str(self.service.wait(arn, timeout=30)["PipelineExecutionStatus"])

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        listed = self("ListPipelineExecutionSteps", PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        return {step["StepName"]: step for step in listed}

    def create(self, steps: list[dict[str, Any]], name: str = "toy", **body: Any) -> str:
        answer = self("CreatePipeline", PipelineName=name, PipelineDefinition=definition(steps, **body), RoleArn=ROLE)
        return str(answer["PipelineArn"])

    def job(self, kind: str, name: str) -> dict[str, Any]:
        """Wait for a job, and answer Describe as a client sees it."""
        self.service.wait_for_job(kind, name, timeout=30)
        return dict(self(f"Describe{kind}Job", **{f"{kind}JobName": name}))


def definition(steps: list[dict[str, Any]], **body: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps, **body})


def entrypoint(code: str) -> list[str]:
    """Command of a container that runs some Python; a line is an argument, because arguments hold no newline."""
    return ["python", "-m", "toy_run", *code.split("\n"), "--"]


def processing(code: str, *words: Any, **members: Any) -> dict[str, Any]:
    """Arguments of a processing job that runs some Python with `words` as its arguments."""
    app: dict[str, Any] = {"ImageUri": IMAGE, "ContainerEntrypoint": entrypoint(code)}
    if words:
        app["ContainerArguments"] = list(words)
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
    return {
        "AppSpecification": app,
        "ProcessingResources": {"ClusterConfig": cluster},
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 25},
        **members,
    }


def source(name: str, uri: Any) -> dict[str, Any]:
    local = f"/opt/ml/processing/input/{name}"
    return {
        "InputName": name,
        "S3Input": {"S3Uri": uri, "LocalPath": local, "S3DataType": "S3Prefix", "S3InputMode": "File"},
    }


def output(name: str, uri: Any) -> dict[str, Any]:
    local = f"/opt/ml/processing/output/{name}"
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": local, "S3UploadMode": "EndOfJob"}}


def outputs(*items: dict[str, Any]) -> dict[str, Any]:
    return {"Outputs": list(items)}


def step(name: str, arguments: dict[str, Any], kind: str = "Processing", **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments, **members}


def eventually(condition: Callable[[], Any], timeout: float = 20) -> Any:
    """Wait until a condition holds and answer its value; fail when it never does."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, "this never happened"
        time.sleep(0.01)
    return value
