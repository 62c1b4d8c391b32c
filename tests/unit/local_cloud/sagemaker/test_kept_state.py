"""SageMaker's parts, written down while something runs, and read into another service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_cloud.keeping.reading import Reading
from local_cloud.keeping.stored import ObjectFiles
from local_cloud.keeping.writing import changed, read, written
from local_cloud.sagemaker.errors import RESTARTED
from local_cloud.wire import AwsError
from tests.unit.local_cloud.sagemaker.fakes import Client, FakeHost, eventually, processing, step

DONE = processing("pass")
CACHED: dict[str, Any] = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
Build = Callable[..., Client]


def restarted(client: Client, make: Build, tmp_path: Path) -> Client:
    """A second service with the state that the first one has at this moment."""
    fresh, files = make(), ObjectFiles(tmp_path / "objects")
    parts, new = client.service.parts(), fresh.service.parts()
    state = {n: {a: getattr(p, a) for a in getattr(p, "KEPT", ())} for n, p in parts.items()}
    payload, shapes = written(state, parts, files)
    assert changed(shapes) == []
    for name, attributes in read(payload, Reading(new, files)).items():
        for attribute, value in attributes.items():
            setattr(new[name], attribute, value)
    for part in new.values():
        getattr(part, "after_restart", lambda: None)()
    return fresh


def test_a_finished_execution_is_as_it_was(build: Build, tmp_path: Path) -> None:
    client = build()
    client.create([step("Prepare", DONE, **CACHED), step("Next", DONE, DependsOn=["Prepare"])])
    arn = client.start(token="t" * 32)
    client.finish(arn)

    after = restarted(client, build, tmp_path)

    for action in ("DescribePipelineExecution", "ListPipelineExecutionSteps", "DescribePipelineDefinitionForExecution"):
        assert after(action, PipelineExecutionArn=arn) == client(action, PipelineExecutionArn=arn)
    assert after("DescribePipeline", PipelineName="toy") == client("DescribePipeline", PipelineName="toy")
    jobs = client("ListProcessingJobs")["ProcessingJobSummaries"]
    assert after("ListProcessingJobs")["ProcessingJobSummaries"] == jobs
    assert after.start(token="t" * 32) == arn


def test_what_was_cached_before_the_restart_is_a_hit_after_it(build: Build, tmp_path: Path) -> None:
    client = build()
    client.create([step("Prepare", DONE, **CACHED)])
    arn = client.start()
    client.finish(arn)

    after = restarted(client, build, tmp_path)
    _, steps = after.run()

    assert steps["Prepare"]["CacheHitResult"] == {"SourcePipelineExecutionArn": arn}


def test_what_ran_has_failed_and_a_retry_goes_on(build: Build, host: FakeHost, tmp_path: Path) -> None:
    client = build()
    (tmp_path / "wait").touch()
    slow = processing(f"from pathlib import Path\nwhile Path('{tmp_path}/wait').exists(): time.sleep(0.01)")
    client.create([step("Prepare", DONE), step("Long", slow, DependsOn=["Prepare"])])
    arn = client.start()
    eventually(lambda: client.steps(arn).get("Long", {}).get("Metadata"))

    after = restarted(client, build, tmp_path)

    told = after("DescribePipelineExecution", PipelineExecutionArn=arn)
    steps = after.steps(arn)
    assert (told["PipelineExecutionStatus"], told["FailureReason"]) == ("Failed", RESTARTED)
    assert {name: one["StepStatus"] for name, one in steps.items()} == {"Prepare": "Succeeded", "Long": "Failed"}
    assert "restarted" in steps["Long"]["FailureReason"]
    name = steps["Long"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    job = after("DescribeProcessingJob", ProcessingJobName=name)
    assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Failed", RESTARTED)

    (tmp_path / "wait").unlink()
    after("RetryPipelineExecution", PipelineExecutionArn=arn)
    assert after.finish(arn) == "Succeeded"
    assert after.steps(arn)["Prepare"] == steps["Prepare"]
    ends = [
        d["currentPipelineExecutionStatus"] for kind, d, _ in host.events if kind.endswith("Execution Status Change")
    ]
    assert "Failed" in ends


def test_what_was_stopping_has_stopped(build: Build, tmp_path: Path) -> None:
    client = build(stop_grace=0.2)
    ignores = processing("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)")
    client.create([step("Long", ignores)])
    arn = client.start()
    eventually(lambda: client.steps(arn).get("Long", {}).get("Metadata"))
    client("StopPipelineExecution", PipelineExecutionArn=arn)

    after = restarted(client, build, tmp_path)

    status = after("DescribePipelineExecution", PipelineExecutionArn=arn)["PipelineExecutionStatus"]
    assert (status, after.steps(arn)["Long"]["StepStatus"]) == ("Stopped", "Stopped")


def test_registry_goes_on_with_the_next_version(build: Build, host: FakeHost, tmp_path: Path) -> None:
    client = build()
    client("CreateModelPackageGroup", ModelPackageGroupName="boxes")

    def register(to: Client, **members: Any) -> str:
        return str(to("CreateModelPackage", ModelPackageGroupName="boxes", **members)["ModelPackageArn"])

    register(client, CustomerMetadataProperties={"run-id": "r1"})
    arn = register(client, ModelApprovalStatus="Approved", CustomerMetadataProperties={"run-id": "r2"})

    after = restarted(client, build, tmp_path)

    assert after("DescribeModelPackage", ModelPackageName=arn) == client("DescribeModelPackage", ModelPackageName=arn)
    assert register(after).endswith("boxes/3")


def test_a_class_that_has_changed_is_named(build: Build, tmp_path: Path) -> None:
    client = build()
    client.create([step("Prepare", DONE)])
    client.run()
    parts = client.service.parts()
    _, shapes = written([p.__dict__.get("_executions") for p in parts.values()], parts, ObjectFiles(tmp_path / "o"))
    execution = "local_cloud.sagemaker.execution:Execution"

    assert execution in shapes
    shapes[execution] = [*shapes[execution], "_of_another_version"]
    shapes["local_cloud.sagemaker.gone:Gone"] = []
    assert changed(shapes) == [execution, "local_cloud.sagemaker.gone:Gone"]


def test_a_token_of_before_answers_nothing_any_more(build: Build, tmp_path: Path) -> None:
    after = restarted(build(), build, tmp_path)

    with pytest.raises(AwsError, match="does not exist"):
        after("SendPipelineExecutionStepSuccess", CallbackToken="a" * 10)
