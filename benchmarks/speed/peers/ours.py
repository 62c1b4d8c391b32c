"""The embedded cloud: start an execution of the pipeline named on the command line by the plain HTTP API, and wait.

Only the standard library: loading an SDK takes longer than six cached steps, and is no work of an orchestrator.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import json
import os
import sys
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

POLL_SECONDS = 0.005
SERVICE = "sagemaker"


def main(pipeline: str) -> int:
    """Start and wait; 0 if it succeeded."""
    connection = http.client.HTTPConnection(urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc)
    started = ask(
        connection, "StartPipelineExecution", PipelineName=pipeline, ClientRequestToken=f"toy-{uuid.uuid4().hex}"
    )
    while True:
        found = ask(connection, "DescribePipelineExecution", **started)["PipelineExecutionStatus"]
        if found != "Executing":
            return 0 if found == "Succeeded" else 1
        time.sleep(POLL_SECONDS)


def ask(connection: http.client.HTTPConnection, action: str, **members: str) -> dict[str, Any]:
    """Call an operation, signed with the keys of the environment."""
    body = json.dumps(members)
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "Host": urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc,
        "X-Amz-Date": f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}",
        "X-Amz-Target": f"SageMaker.{action}",
    }
    connection.request("POST", "/", body, {**headers, "Authorization": _signature(headers, body)})
    answer = connection.getresponse()
    found: dict[str, Any] = json.loads(answer.read())
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{action}: {found}")
    return found


def _signature(headers: dict[str, str], body: str) -> str:
    """Version 4, over all headers."""
    moment, region = headers["X-Amz-Date"], os.environ["AWS_REGION"]
    scope = f"{moment[:8]}/{region}/{SERVICE}/aws4_request"
    names = ";".join(name.lower() for name in sorted(headers))
    lines = "".join(f"{name.lower()}:{value}\n" for name, value in sorted(headers.items()))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body.encode()).hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
