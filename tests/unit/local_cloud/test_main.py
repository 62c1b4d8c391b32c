from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local_cloud.__main__ import main
from local_cloud.account import admin_environment

TEMPLATE = """
Parameters: {Name: {Type: String}}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Name}}
  Role:
    Type: AWS::IAM::Role
    Properties: {RoleName: r, AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: []}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: pid
      Runtime: python3.12
      Handler: handler.handler
      Role: !GetAtt Role.Arn
      Code: {S3Bucket: cdk-hnb659fds-assets-123456789012-us-east-1, S3Key: code.zip}
"""
HANDLER = "import os\ndef handler(event, context): return os.getpid()\n"


@pytest.fixture
def up(tmp_path: Path, zipped: Callable[[str], bytes]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    (tmp_path / "main.template.json").write_text(TEMPLATE)
    (tmp_path / "code.zip").write_bytes(zipped(HANDLER))
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, through: tuple[str, ...] = (), stdin: int | None = None) -> subprocess.Popen[str]:
        # without the product's own services: this is about the command, and they are tested elsewhere
        source = (
            "import sys, local_cloud.cloud as cloud; cloud.default_services = lambda *_: [];"
            "from local_cloud.__main__ import main; sys.exit(main())"
        )
        template = ["--template", str(tmp_path / "main.template.json"), "--asset", f"code.zip={tmp_path / 'code.zip'}"]
        command = [*through, sys.executable, "-c", source, "up", *template, *arguments]
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            pipe.close()


def _invoke(endpoint: str) -> int:
    environment = admin_environment(endpoint)
    client = boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    payload = json.loads(client.invoke(FunctionName="pid")["Payload"].read())
    client.close()
    return int(payload)


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_ready_line_tells_where_and_termination_ends_every_child(up: Any, tmp_path: Path, eventually: Any) -> None:
    process = up("--parameter", "Name=q", "--ready-file", str(tmp_path / "ready"), "--root", str(tmp_path / "root"))

    ready = json.loads(process.stdout.readline())
    function = _invoke(ready["endpoint"])
    assert _alive(function)
    process.send_signal(signal.SIGTERM)

    assert process.wait(30) == 0
    assert json.loads((tmp_path / "ready").read_text()) == ready
    assert (ready["account"], ready["region"], ready["stacks"]) == ("123456789012", "us-east-1", ["main"])
    eventually(lambda: not _alive(function))
    assert process.stderr.read() == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells children of their parent's death")
def test_killed_cloud_takes_its_children_along(up: Any, eventually: Any) -> None:
    process = up("--parameter", "Name=q")
    function = _invoke(json.loads(process.stdout.readline())["endpoint"])

    process.kill()

    process.wait(30)
    eventually(lambda: not _alive(function))


def test_cloud_stops_when_the_process_that_started_it_is_gone(up: Any, eventually: Any) -> None:
    wait_for_input = '"$@" & echo $!; read line'
    shell = up("--parameter", "Name=q", through=("sh", "-c", wait_for_input, "sh"), stdin=subprocess.PIPE)
    cloud = int(shell.stdout.readline())
    try:
        shell.stdout.readline()
        assert _alive(cloud)

        shell.kill()

        eventually(lambda: not _alive(cloud))
    finally:
        if _alive(cloud):
            os.kill(cloud, signal.SIGKILL)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_cloud.__main__._stop_on_signals", threading.Event)
    monkeypatch.setattr("local_cloud.cloud.default_services", lambda *_: [])


@pytest.mark.usefixtures("in_process")
def test_template_that_fails_ends_the_command_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "main.template.json").write_text(TEMPLATE)

    assert main(["up", "--template", str(tmp_path / "main.template.json")]) == 1

    output, errors = capsys.readouterr()
    assert output == ""
    assert "main.template.json" in errors
    assert "['Name'] must have values" in errors


def test_malformed_pair_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["up", "--asset", "no-equals-sign"])

    assert "not of the form NAME=VALUE" in capsys.readouterr().err


@pytest.mark.usefixtures("in_process")
def test_a_state_that_cannot_be_taken_over_ends_the_command_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "snapshot").write_bytes(b"{}\n half of something")

    assert main(["up", "--root", str(tmp_path), "--keep"]) == 78

    assert f"Remove {tmp_path}/state to go on with the warehouse" in capsys.readouterr().err


def test_a_state_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["up", "--keep"])

    assert "--keep needs --root" in capsys.readouterr().err
