"""Rendering with the real SDK: fresh, the same in every process, and without any call."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from pipelines.render import DEFINITIONS
from tests.unit.pipelines.committed import NAMES

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the SageMaker SDK is not installed"),
]
ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 300  # seconds; importing the SDK takes six on an idle machine

# An audit hook sees every attempt, also those in threads and those whose failure somebody swallows.
PROBE: Final = """
import json, os, sys, threading

attempts = []

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        attempts.append(f"{event} {arguments[1:]}")
        raise OSError("no network in this test")

sys.addaudithook(watch)
from pipelines.render import render

before = dict(os.environ)
rendered = render()
others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
for thread in others:
    thread.join(10)
answer = {"rendered": rendered, "attempts": attempts, "threads": [thread.name for thread in others]}
print(json.dumps({**answer, "environment_kept": before == dict(os.environ)}))
"""

# What a person may have at home, and what must not show in a definition.
SDK_CONFIGURATION: Final = """
SchemaVersion: "1.0"
SageMaker:
  ProcessingJob:
    NetworkConfig: {EnableNetworkIsolation: true}
  TrainingJob:
    RoleArn: arn:aws:iam::999999999999:role/mine
"""


def start(arguments: list[str], home: Path, **environment: str) -> subprocess.Popen[str]:
    inherited = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=home,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int, str]:
    """Answer of the probe in a bare process, and exit code and output of `--check` in one with a hostile home."""
    bare, hostile = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("hostile")
    (hostile / ".config" / "sagemaker").mkdir(parents=True)
    (hostile / ".config" / "sagemaker" / "config.yaml").write_text(SDK_CONFIGURATION)
    probe = start(["-c", PROBE], bare, PYTHONHASHSEED="1")
    settings = {"AWS_PROFILE": "nobody", "AWS_REGION": "eu-west-1", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "2"}
    check = start(["-m", "pipelines.render", "--check"], hostile, **settings)
    try:
        answer, probe_errors = probe.communicate(timeout=PATIENCE)
        difference, check_errors = check.communicate(timeout=PATIENCE)
    finally:
        probe.kill()
        check.kill()
    assert probe.returncode == 0, probe_errors
    return json.loads(answer.splitlines()[-1]), check.returncode, difference + check_errors


@pytest.mark.parametrize("name", [*NAMES, "topics"])
def test_the_committed_definition_is_what_the_code_renders(
    name: str, processes: tuple[dict[str, Any], int, str]
) -> None:
    assert (DEFINITIONS / f"{name}.json").read_text() == processes[0]["rendered"][name]


def test_a_second_process_with_another_home_hash_seed_and_region_renders_the_same(
    processes: tuple[dict[str, Any], int, str],
) -> None:
    _, code, output = processes
    assert (code, output) == (0, "")


def test_rendering_calls_nobody(processes: tuple[dict[str, Any], int, str]) -> None:
    assert processes[0]["attempts"] == []
    assert "sagemaker-telemetry" not in processes[0]["threads"]


def test_rendering_leaves_the_environment_as_it_was(processes: tuple[dict[str, Any], int, str]) -> None:
    assert processes[0]["environment_kept"]
