from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local_cloud.host import StoredObject
from local_cloud.redshift.runner import Faults
from local_cloud.redshift.service import RedshiftData
from local_cloud.wire import AwsError, Call, Json, Service

BUCKET = "bucket"
ROLE = "IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse'"
TARGET = {"WorkgroupName": "rightpack-dev", "Database": "rightpack"}
ROOT = "arn:aws:iam::123456789012:root"


def session_of(role: str, session: str = "run") -> str:
    return f"arn:aws:sts::123456789012:assumed-role/{role}/{session}"


@dataclass
class MemoryObjects:
    """S3 in a dictionary, with a log of what was written in which order."""

    content: dict[str, bytes] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        self._check(bucket)
        return [StoredObject(k, len(v), "etag") for k, v in sorted(self.content.items()) if k.startswith(prefix)]

    def read(self, bucket: str, key: str) -> bytes:
        self._check(bucket)
        if key not in self.content:
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
        return self.content[key]

    def download(self, bucket: str, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.read(bucket, key))

    def write(self, bucket: str, key: str, body: bytes) -> None:
        self._check(bucket)
        self.content[key] = body
        self.written.append(key)

    def upload(self, bucket: str, key: str, path: Path) -> None:
        self.write(bucket, key, path.read_bytes())

    def delete(self, bucket: str, key: str) -> None:
        self._check(bucket)
        self.content.pop(key, None)

    def _check(self, bucket: str) -> None:
        if bucket != BUCKET:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)

    # what tests do with it

    def put_parquet(self, key: str, columns: Mapping[str, Any]) -> int:
        """Store a Parquet file; returns its length."""
        buffer = io.BytesIO()
        pq.write_table(pa.table(dict(columns)), buffer)
        self.content[key] = buffer.getvalue()
        return len(self.content[key])

    def put_manifest(self, key: str, parts: Mapping[str, int | None], *, mandatory: bool = True) -> None:
        """Store a COPY manifest over these keys with their lengths."""
        entries = [
            {"url": f"s3://{BUCKET}/{part}", "mandatory": mandatory}
            | ({} if length is None else {"meta": {"content_length": length}})
            for part, length in parts.items()
        ]
        self.content[key] = json.dumps({"entries": entries}).encode()

    def parquet(self, key: str) -> pa.Table:
        return pq.read_table(io.BytesIO(self.content[key]))

    def json(self, key: str) -> Any:
        return json.loads(self.content[key])


@dataclass
class FakeHost:
    """Just enough of the local cloud: a folder, objects and the events that were emitted."""

    root: Path
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    events: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    url: str = "http://127.0.0.1:1"
    account: str = "123456789012"
    region: str = "us-east-1"

    def emit(self, source: str, detail_type: str, detail: Mapping[str, Any], *, resources: Sequence[str] = ()) -> None:
        self.events.append((source, detail_type, dict(detail)))

    def credentials(self, role_arn: str, session: str) -> dict[str, str]:
        raise NotImplementedError

    def invoke(self, function: str, payload: bytes) -> tuple[bytes, bool]:
        raise NotImplementedError

    def send_message(self, queue_url: str, body: str) -> None:
        raise NotImplementedError

    def objects_as(self, role_arn: str, *, service: str) -> Any:
        return self.objects

    def permit(self, call: Call, request: dict[str, Any]) -> None:
        pass

    def put_log(self, group: str, stream: str, lines: Sequence[str], *, role: str) -> None:
        raise NotImplementedError

    def put_metric(self, namespace: str, name: str, value: float, dimensions: Mapping[str, str]) -> None:
        raise NotImplementedError


def ask(service: Service, action: str, request: Json, principal: str = ROOT) -> Json:
    """Call one operation as the gateway would."""
    call = Call(service.signing_name, action, "123456789012", "us-east-1", principal)
    return service.operations()[action](call, request)


class StatementFailedError(AssertionError):
    """A statement that a test expected to finish."""


@dataclass
class Warehouse:
    """The Data API as tests use it: run and wait."""

    service: RedshiftData
    target: Mapping[str, str] = field(default_factory=lambda: TARGET)

    def ask(self, action: str, principal: str = ROOT, **request: Any) -> Json:
        return ask(self.service, action, request, principal)

    def describe(self, statement_id: str) -> Json:
        """The description of a statement that has come to its end."""
        answer = self.ask("DescribeStatement", Id=statement_id, WaitTimeSeconds=30)
        assert answer["Status"] in ("FINISHED", "FAILED", "ABORTED"), answer
        return answer

    def submit(self, sql: str, **options: Any) -> Json:
        return self.describe(self.ask("ExecuteStatement", Sql=sql, **self.target, **options)["Id"])

    def batch(self, *sqls: str, **options: Any) -> Json:
        return self.describe(self.ask("BatchExecuteStatement", Sqls=list(sqls), **self.target, **options)["Id"])

    def run(self, *sqls: str) -> Json:
        """Run statements one by one; all of them must finish."""
        answer: Json = {}
        for sql in sqls:
            answer = self.submit(sql)
            if answer["Status"] != "FINISHED":
                raise StatementFailedError(f"{sql}: {answer.get('Error')}")
        return answer

    def error(self, sql: str) -> str:
        """The error of a statement that must fail."""
        answer = self.submit(sql)
        assert answer["Status"] == "FAILED", f"{sql} came to {answer['Status']}"
        return str(answer["Error"])

    def result(self, sql: str) -> Json:
        return self.ask("GetStatementResult", Id=self.run(sql)["Id"])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query (one page) as the API's plain values."""
        return [tuple(map(plain, record)) for record in self.result(sql)["Records"]]

    def value(self, expression: str) -> Any:
        """The value of one expression."""
        ((value,),) = self.rows(f"SELECT {expression}")
        return value

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """Names and types of a query's columns."""
        return [(column["name"], column["typeName"]) for column in self.result(sql)["ColumnMetadata"]]


def plain(cell: Json) -> Any:
    ((kind, value),) = cell.items()
    return None if kind == "isNull" else value


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


@pytest.fixture
def objects(host: FakeHost) -> MemoryObjects:
    return host.objects


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def service(host: FakeHost, faults: Faults) -> Iterator[RedshiftData]:
    service = RedshiftData(host, faults=faults)
    yield service
    service.close()


@pytest.fixture
def warehouse(service: RedshiftData) -> Warehouse:
    return Warehouse(service)
