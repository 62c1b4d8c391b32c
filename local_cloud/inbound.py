"""One request as it came in: who asks which service for what, read from the AWS wire protocols alone."""

from __future__ import annotations

import io
import json
import re
import urllib.parse
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from local_cloud.account import REGION
from local_cloud.query import from_form
from local_cloud.wire import AwsError, Json


class Protocol(StrEnum):
    """How a request spells its operation and its parameters."""

    JSON = "json"
    QUERY = "query"
    CBOR = "cbor"
    REST = "rest"
    S3 = "s3"


@dataclass(frozen=True, slots=True)
class Inbound:
    """A parsed request; `body` is empty for S3, whose bodies are streamed by moto."""

    environ: dict[str, Any]
    protocol: Protocol
    service: str
    action: str
    region: str
    access_key: str
    body: bytes

    @property
    def method(self) -> str:
        """HTTP method."""
        return str(self.environ["REQUEST_METHOD"])

    @property
    def path(self) -> str:
        """Decoded path."""
        return str(self.environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")

    @property
    def query(self) -> dict[str, str]:
        """Query string; the first of repeated names wins."""
        pairs = urllib.parse.parse_qs(self.environ.get("QUERY_STRING", ""), keep_blank_values=True)
        return {name: values[0] for name, values in pairs.items()}

    def header(self, name: str) -> str:
        """A request header, empty if absent."""
        return str(self.environ.get("HTTP_" + name.upper().replace("-", "_"), ""))

    def parameters(self) -> Json:
        """Operation input of the JSON and query protocols; empty for the others."""
        if self.protocol is Protocol.QUERY:
            return from_form(self.body)
        if self.protocol not in {Protocol.JSON, Protocol.REST} or not self.body.strip().startswith(b"{"):
            return {}
        try:
            return dict(json.loads(self.body))
        except ValueError as error:
            raise AwsError("SerializationException", f"The body is not JSON: {error}") from error


def parse(environ: dict[str, Any]) -> Inbound:
    """Read the signature scope and the operation; bodies other than S3's are read and put back."""
    access_key, region, service = _scope(environ)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    service = service or _TARGETS.get(target.partition(".")[0].partition("_")[0], "s3")
    body = b"" if service == "s3" else _take_body(environ)
    protocol, action = _operation(environ, service, target, body)
    return Inbound(environ, protocol, service, action, region or REGION, access_key, body)


_TARGETS = {
    "SageMaker": "sagemaker",
    "RedshiftData": "redshift-data",
    "AmazonSQS": "sqs",
    "AWSEvents": "events",
    "DynamoDB": "dynamodb",
}


def _scope(environ: dict[str, Any]) -> tuple[str, str, str]:
    credential = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0]
    if not credential and "X-Amz-Credential=" in environ.get("QUERY_STRING", ""):
        credential = urllib.parse.parse_qs(environ["QUERY_STRING"])["X-Amz-Credential"][0]
    parts = credential.strip().split("/")
    return (parts[0], parts[-3], parts[-2]) if len(parts) >= 5 else ("", "", "")


def _take_body(environ: dict[str, Any]) -> bytes:
    source = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        body: bytes = source.read()
    else:
        body = source.read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _operation(environ: dict[str, Any], service: str, target: str, body: bytes) -> tuple[Protocol, str]:
    path = environ.get("PATH_INFO", "")
    if service == "s3":
        return Protocol.S3, _s3_action(environ)
    if target:
        return Protocol.JSON, target.rsplit(".", 1)[-1]
    if "rpc-v2-cbor" in environ.get("HTTP_SMITHY_PROTOCOL", ""):
        return Protocol.CBOR, path.rsplit("/", 1)[-1]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        found = re.search(rb"(?:^|&)Action=([^&]+)", body)
        return Protocol.QUERY, found.group(1).decode() if found else ""
    return Protocol.REST, f"{environ['REQUEST_METHOD']} {path}"


_S3_OBJECT = {
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
_S3_BUCKET = {
    "GET": "ListBucket",
    "HEAD": "HeadBucket",
    "PUT": "CreateBucket",
    "POST": "DeleteObjects",
    "DELETE": "DeleteBucket",
}
_S3_PLAIN = {
    "list-type",
    "prefix",
    "delimiter",
    "max-keys",
    "continuation-token",
    "encoding-type",
    "start-after",
    "marker",
}


def _s3_action(environ: dict[str, Any]) -> str:
    bucket, _, key = environ.get("PATH_INFO", "").lstrip("/").partition("/")
    method = environ["REQUEST_METHOD"]
    base = _S3_OBJECT.get(method, method) if key else _S3_BUCKET.get(method, method) if bucket else "ListAllMyBuckets"
    names = (pair.partition("=")[0] for pair in environ.get("QUERY_STRING", "").split("&"))
    special = sorted(name for name in names if name and name not in _S3_PLAIN and not name.lower().startswith("x-"))
    return "?".join([base, *special[:1]])
