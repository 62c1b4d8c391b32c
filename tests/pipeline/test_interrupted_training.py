"""Our own training on the embedded SageMaker: its machine is lost half-way, and the pipeline has it tried again."""

from __future__ import annotations

import json
import re
import tarfile
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast

import pytest

from local_cloud.faults.fault import Fault, Kind
from local_cloud.faults.processes import ProcessFaults
from local_cloud.sagemaker import Options, SageMaker
from pipelines.render import DEFINITIONS
from processing.tables import write_parts
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, IMAGE, ROLE, Client, FakeHost, step
from tests.unit.processing.test_train import rows
from tests.unit.processing.world import ENVIRONMENT, TYPE, settings

LOST = "InternalServerError: We encountered an internal error. Please try again."
EVERY, ROUNDS = 40, 800
# seconds of many small rounds: the first checkpoint is long there when the machine is taken away
SLOW: Final = {"rounds": ROUNDS, "early_stopping_rounds": ROUNDS, "learning_rate": 0.005, "num_leaves": 6}


@pytest.fixture
def faults() -> ProcessFaults:
    return ProcessFaults()


def at_once(stop: threading.Event, seconds: float) -> None:
    del stop, seconds


@pytest.fixture
def client(host: FakeHost, faults: ProcessFaults) -> Iterator[Client]:
    options = Options(faults=faults, bind_mounts=False, warm=False, checkpoint_seconds=0.02, pause=at_once)
    service = SageMaker(cast("Any", host), options)
    yield Client(service)
    service.close()


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    made, folder = FakeHost(tmp_path / "cloud"), tmp_path / "rows"
    write_parts(rows(600), folder)
    for file in folder.iterdir():
        made.objects.write(BUCKET, f"train/{file.name}", file.read_bytes())
    chosen = settings(training={"parameters": SLOW, "threads": 1})
    made.objects.write(BUCKET, "config/settings.json", chosen.to_json().encode())
    return made


def arguments(checkpoints: str) -> dict[str, object]:
    """What the step Train of a spot training asks for, in short; a search of capacity is not part of it."""
    sources = {name: {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/"} for name in ("train", "config")}
    return {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "-m", "processing.train"],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models/{checkpoints}"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 120},
        "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints/{checkpoints}"},
        "InputDataConfig": [{"ChannelName": n, "DataSource": {"S3DataSource": s}} for n, s in sources.items()],
        "Environment": {**ENVIRONMENT, "CHECKPOINT_ROUNDS": str(EVERY)},
    }


def policies() -> list[dict[str, object]]:
    """Retry policies of the step Train as they are published."""
    document = json.loads((DEFINITIONS / "training.json").read_text())
    (train,) = [one for one in document["Steps"] if one["Name"] == "Train"]
    return list(train["RetryPolicies"])


def learned(client: Client, host: FakeHost, name: str) -> bytes:
    """Run a pipeline of the one step; the trees that it leaves."""
    client.create([step("Train", arguments(name), "Training", RetryPolicies=policies())], name)
    arn = client.start(name)
    assert client.service.wait(arn, timeout=120)["PipelineExecutionStatus"] == "Succeeded", client.steps(arn)
    (key,) = [key for key in host.objects.keys(f"models/{name}/") if key.endswith("model.tar.gz")]
    with tarfile.open(fileobj=BytesIO(host.objects.read(BUCKET, key))) as archive:
        file = archive.extractfile(f"{TYPE}/model.txt")
        assert file
        return file.read()


def test_a_training_that_was_lost_half_way_is_tried_again_and_boosts_only_what_is_left(
    client: Client, host: FakeHost, faults: ProcessFaults
) -> None:
    whole = learned(client, host, "whole")
    before = len(host.log_of("/aws/sagemaker/TrainingJobs"))
    faults.desk.inject(Fault(Kind.INTERRUPT_JOB, message=LOST))

    assert learned(client, host, "lost") == whole

    lines = host.log_of("/aws/sagemaker/TrainingJobs")[before:]
    jobs = client("ListTrainingJobs")["TrainingJobSummaries"]
    assert sorted(job["TrainingJobStatus"] for job in jobs) == ["Completed", "Completed", "Failed"]
    (at,) = [place for place, line in enumerate(lines) if "goes on from round" in line]
    kept = int(re.findall(r"from round (\d+)", lines[at])[0])
    first, second = (
        [int(n) for line in part for n in re.findall(r"boosted_rounds=(\d+);", line)]
        for part in (lines[:at], lines[at:])
    )
    assert kept % EVERY == 0
    assert first[0] == 10
    assert second == list(range(kept + 10, ROUNDS, 10))
