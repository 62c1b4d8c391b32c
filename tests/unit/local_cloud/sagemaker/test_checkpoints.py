"""Checkpoints outlast the machine of a training job, and whoever takes it up finds them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.faults.fault import Fault, Kind
from local_cloud.faults.processes import ProcessFaults
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, Client, FakeHost, eventually, step
from tests.unit.local_cloud.sagemaker.test_training_jobs import LOGS, arguments, train

# learns one thing on each machine, and goes on for ever until it has found what the one before it learned
LEARN = (
    "found=sorted(os.listdir(r+'/checkpoints'))\n"
    "print('found', *found)\n"
    "os.makedirs(r+'/checkpoints/epochs', exist_ok=True)\n"
    "open(r+'/checkpoints/epochs/1','w').write('one')\n"
    "if not found: time.sleep(60)\n"
    "print('loss=0.5;')"
)
CHECKPOINTS = {"S3Uri": f"s3://{BUCKET}/checkpoints/"}
SPOT: dict[str, Any] = {
    "CheckpointConfig": CHECKPOINTS,
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 25, "MaxWaitTimeInSeconds": 60},
}
LOST = "InternalServerError: We encountered an internal error. Please try again."


@pytest.fixture
def faults() -> ProcessFaults:
    return ProcessFaults()


@pytest.fixture
def client(build: Callable[..., Client], faults: ProcessFaults) -> Client:
    return build(faults=faults, checkpoint_seconds=0.02, pause=lambda stop, _: stop.wait(0), max_parallel_jobs=2)


def reclaim(faults: ProcessFaults, **members: Any) -> None:
    faults.desk.inject(Fault(Kind.INTERRUPT_JOB, "sagemaker", "CreateTrainingJob", **members))


def test_checkpoints_are_in_s3_while_the_container_still_runs(client: Client, host: FakeHost) -> None:
    client("CreateTrainingJob", TrainingJobName="toy", **arguments(LEARN, CheckpointConfig=CHECKPOINTS))
    key = "checkpoints/epochs/1"
    eventually(lambda: key in host.objects.keys("checkpoints") and host.objects.text(key) == "one")
    assert client("DescribeTrainingJob", TrainingJobName="toy")["TrainingJobStatus"] == "InProgress"
    client("StopTrainingJob", TrainingJobName="toy")
    assert client.job("Training", "toy")["TrainingJobStatus"] == "Stopped"


def test_a_spot_job_whose_machine_is_taken_away_goes_on_by_itself_on_another(
    client: Client, host: FakeHost, faults: ProcessFaults
) -> None:
    reclaim(faults)
    job = train(client, LEARN, **SPOT)

    assert job["TrainingJobStatus"] == "Completed", job
    assert host.log_of(LOGS) == ["found", "found epochs", "loss=0.5;"]
    ways = [item["Status"] for item in job["SecondaryStatusTransitions"]]
    again = ["Downloading", "Training"]
    assert ways == [*again, "Interrupted", "Starting", *again, "Uploading", "Completed"]


def test_any_other_job_fails_by_an_internal_error(client: Client, host: FakeHost, faults: ProcessFaults) -> None:
    reclaim(faults)
    job = train(client, LEARN, CheckpointConfig=CHECKPOINTS)
    assert job["FailureReason"] == LOST
    assert host.objects.keys("checkpoints") == ["checkpoints/epochs/1"]


def test_a_pipeline_tries_again_what_was_lost_and_it_goes_on(
    client: Client, host: FakeHost, faults: ProcessFaults
) -> None:
    policy = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 60, "MaxAttempts": 1}
    reclaim(faults, message=LOST)
    client.create([step("Train", arguments(LEARN, **SPOT), "Training", RetryPolicies=[policy])])
    status, steps = client.run()
    assert status == "Succeeded", steps
    assert host.log_of(LOGS) == ["found", "found epochs", "loss=0.5;"]


def test_nothing_is_taken_away_before_there_is_a_checkpoint(client: Client, faults: ProcessFaults) -> None:
    reclaim(faults)
    assert train(client, "", **SPOT)["TrainingJobStatus"] == "Completed"
    assert faults.desk.struck() == []


def test_the_thread_that_copies_ends_with_the_job(client: Client) -> None:
    train(client, "", CheckpointConfig=CHECKPOINTS)
    assert "checkpoints" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("member", ["DebugRule", "ProfilerRule"])
def test_rules_say_that_nobody_evaluates_them_here(client: Client, member: str) -> None:
    rule = {"RuleConfigurationName": "plateau", "RuleEvaluatorImage": "image"}
    asked: dict[str, Any] = {f"{member}Configurations": [rule]}
    job = train(client, "", **asked)
    (state,) = job[f"{member}EvaluationStatuses"]
    assert (state["RuleConfigurationName"], state["RuleEvaluationStatus"]) == ("plateau", "Error")
    assert "evaluates no debugger or profiler rules" in state["StatusDetails"]
