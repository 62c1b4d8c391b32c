"""One training pipeline from raw data to a registered model, through every kind of step."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from tests.unit.local_cloud.sagemaker.fakes import (
    BUCKET,
    IMAGE,
    ROLE,
    Client,
    FakeHost,
    output,
    outputs,
    processing,
    source,
    step,
)

S3 = f"s3://{BUCKET}"


def module(name: str, *words: Any, **members: Any) -> dict[str, Any]:
    arguments = processing("", *words, **members)
    arguments["AppSpecification"]["ContainerEntrypoint"] = ["python", "-m", name]
    return arguments


def run_folder(name: str) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": [f"{S3}/runs", {"Get": "Execution.PipelineExecutionId"}, name]}}


def get(reference: str) -> dict[str, str]:
    return {"Get": reference}


def prepared(name: str) -> dict[str, str]:
    return get(f"Steps.Prepare.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")


def training_arguments(environment: dict[str, str]) -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": prepared("train"), "S3DataDistributionType": "FullyReplicated"}
    return {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*?);"}],
        },
        "RoleArn": ROLE,
        "HyperParameters": {"factor": "1.0"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": data}}],
        "OutputDataConfig": {"S3OutputPath": run_folder("models")},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 25},
        "Environment": environment,
    }


def transform_arguments() -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": prepared("validation")}
    return {
        "ModelName": get("Steps.CreateCandidate.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": data}, "ContentType": "text/plain", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": run_folder("scores"), "Accept": "text/plain", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }


def register(status: str) -> dict[str, Any]:
    container = {"Image": IMAGE, "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}
    return {
        "ModelPackageGroupName": get("Parameters.Group"),
        "ModelApprovalStatus": status,
        "CustomerMetadataProperties": {"run": get("Execution.PipelineExecutionId")},
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/plain"],
            "SupportedResponseMIMETypes": ["text/plain"],
        },
    }


def pipeline(environment: dict[str, str]) -> list[dict[str, Any]]:
    report = {"PropertyFile": get("Steps.Evaluate.PropertyFiles.Report"), "Path": "decision.approved"}
    model = {
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {
            "Image": IMAGE,
            "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts"),
            "Environment": environment,
        },
    }
    split = outputs(output("train", run_folder("train")), output("validation", run_folder("validation")))
    return [
        step(
            "Prepare",
            module(
                "toy_prepare", ProcessingInputs=[source("data", get("Parameters.Data"))], ProcessingOutputConfig=split
            ),
        ),
        step("Train", training_arguments(environment), "Training"),
        step("CreateCandidate", model, "Model"),
        step("Score", transform_arguments(), "Transform"),
        step(
            "Evaluate",
            module(
                "toy_evaluate",
                get("Parameters.Bound"),
                ProcessingInputs=[source("scores", get("Steps.Score.TransformOutput.S3OutputPath"))],
                ProcessingOutputConfig=outputs(output("evaluation", run_folder("evaluation"))),
            ),
            PropertyFiles=[{"PropertyFileName": "Report", "OutputName": "evaluation", "FilePath": "evaluation.json"}],
        ),
        step(
            "Verdict",
            {
                "Conditions": [{"Type": "Equals", "LeftValue": {"Std:JsonGet": report}, "RightValue": True}],
                "IfSteps": [step("RegisterApproved", register("Approved"), "RegisterModel")],
                "ElseSteps": [step("RegisterRejected", register("Rejected"), "RegisterModel")],
            },
            "Condition",
        ),
    ]


PARAMETERS = [
    {"Name": "Data", "Type": "String"},
    {"Name": "Bound", "Type": "String", "DefaultValue": "-100"},
    {"Name": "Group", "Type": "String", "DefaultValue": "toy-models"},
]


@pytest.fixture
def toy(build: Callable[..., Client], host: FakeHost, toy_environment: dict[str, str]) -> Callable[[bool], Client]:
    def make(mounts: bool) -> Client:
        client = build(bind_mounts=mounts)
        host.objects.write(BUCKET, "raw/numbers.txt", b"1\n2\n3\n4\n")
        client.create(pipeline(toy_environment), Parameters=PARAMETERS)
        return client

    return make


def test_a_run_goes_from_raw_data_to_an_approved_model(
    toy: Callable[[bool], Client], host: FakeHost, mounts: bool
) -> None:
    client = toy(mounts)

    arn = client.start(Data=f"{S3}/raw/")

    assert client.finish(arn) == "Succeeded", client.steps(arn)
    execution = arn.rsplit("/", 1)[-1]
    assert host.objects.text(f"runs/{execution}/scores/part-0.txt.out").split() == ["-2.5", "-1.5"]
    assert json.loads(host.objects.text(f"runs/{execution}/evaluation/evaluation.json"))["metrics"]["mean"] == -2.0
    packages = client("ListModelPackages", ModelPackageGroupName="toy-models")["ModelPackageSummaryList"]
    assert [(item["ModelPackageVersion"], item["ModelApprovalStatus"]) for item in packages] == [(1, "Approved")]
    package = client("DescribeModelPackage", ModelPackageName=packages[0]["ModelPackageArn"])
    assert package["CustomerMetadataProperties"] == {"run": execution}
    assert package["MetadataProperties"]["GeneratedBy"] == arn


def test_the_branch_not_taken_leaves_no_step(toy: Callable[[bool], Client]) -> None:
    client = toy(False)

    status, steps = client.run(Data=f"{S3}/raw/", Bound="100")

    assert status == "Succeeded"
    assert "RegisterApproved" not in steps
    assert steps["Verdict"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    described = client(
        "DescribeModelPackage", ModelPackageName=steps["RegisterRejected"]["Metadata"]["RegisterModel"]["Arn"]
    )
    assert described["ModelApprovalStatus"] == "Rejected"


def test_every_step_says_what_it_made(toy: Callable[[bool], Client], host: FakeHost) -> None:
    client = toy(False)

    _, steps = client.run(Data=f"{S3}/raw/")

    arns = {name: next(iter(item["Metadata"].values())) for name, item in steps.items()}
    assert ":processing-job/pipelines-" in arns["Prepare"]["Arn"]
    assert ":training-job/pipelines-" in arns["Train"]["Arn"]
    assert ":model/pipelines-" in arns["CreateCandidate"]["Arn"]
    assert ":transform-job/pipelines-" in arns["Score"]["Arn"]
    assert arns["RegisterApproved"]["Arn"].endswith(":model-package/toy-models/1")
    assert all(item["StartTime"] <= item["EndTime"] and item["AttemptCount"] == 1 for item in steps.values())
    job = client("DescribeTrainingJob", TrainingJobName=arns["Train"]["Arn"].rsplit("/", 1)[-1])
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("loss", 0.25)]
    bucket, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
    assert key.endswith(f"{job['TrainingJobName']}/output/model.tar.gz")
    with tarfile.open(fileobj=BytesIO(host.objects.read(bucket, key))) as archive:
        assert archive.getnames() == ["mean.txt"]


def test_events_tell_the_whole_story(toy: Callable[[bool], Client], host: FakeHost) -> None:
    client = toy(False)

    arn = client.start(Data=f"{S3}/raw/")
    client.finish(arn)

    execution = "SageMaker Model Building Pipeline Execution Status Change"
    assert host.statuses(execution, "currentPipelineExecutionStatus") == ["Executing", "Succeeded"]
    detail = next(item for kind, item, _ in reversed(host.events) if kind == execution)
    assert detail["previousPipelineExecutionStatus"] == "Executing"
    assert detail["pipelineExecutionArn"] == arn
    assert detail["executionEndTime"] >= detail["executionStartTime"]
    steps = [item for kind, item, _ in host.events if kind.endswith("Execution Step Status Change")]
    ended = [item["stepName"] for item in steps if item["currentStepStatus"] == "Succeeded"]
    assert ended[:2] == ["Prepare", "Train"]
    assert ended[-1] == "RegisterApproved"
    assert steps[1]["metadata"]["processingJob"]["arn"].startswith("arn:aws:sagemaker:")
    assert host.statuses("SageMaker Training Job State Change", "TrainingJobStatus") == ["InProgress", "Completed"]
    assert host.statuses("SageMaker Transform Job State Change", "TransformJobStatus") == ["InProgress", "Completed"]
    assert host.statuses("SageMaker Model Package State Change", "ModelApprovalStatus") == ["Approved"]
