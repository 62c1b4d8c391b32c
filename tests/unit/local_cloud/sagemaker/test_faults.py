from __future__ import annotations

from collections.abc import Callable

import pytest

from local_cloud.faults.fault import CAPACITY_WORDS, Fault, Kind
from local_cloud.faults.processes import ProcessFaults
from tests.unit.local_cloud.sagemaker.fakes import Client, processing


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(Kind.CAPACITY, name="j*"), CAPACITY_WORDS),
        (Fault(Kind.CAPACITY, message="InternalServerError: broken"), "InternalServerError: broken"),
        (Fault(Kind.KILL_JOB, "sagemaker", "CreateProcessingJob", "j1"), "AlgorithmError: , exit code: 137"),
    ],
)
def test_a_job_finds_no_machine_or_loses_it(build: Callable[..., Client], fault: Fault, reason: str) -> None:
    faults = ProcessFaults()
    faults.desk.inject(fault)
    client = build(faults=faults)
    client("CreateProcessingJob", ProcessingJobName="j1", **processing("time.sleep(60)"))
    assert client.service.wait_for_job("Processing", "j1", 60)["FailureReason"] == reason
    client("CreateProcessingJob", ProcessingJobName="j2", **processing("pass"))
    assert client.service.wait_for_job("Processing", "j2", 60)["ProcessingJobStatus"] == "Completed"
