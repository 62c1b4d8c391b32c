"""Pipelines written with the plain SageMaker SDK, outside the repository, run with nothing but an endpoint to go to."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from local_cloud.cloud import LocalCloud
from local_cloud.sagemaker.mounts import bind_mounts_work

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the SageMaker SDK is not installed"),
]
if not bind_mounts_work():  # the SDK's own scripts know no other place than /opt/ml
    pytestmark.append(pytest.mark.skip(reason="this kernel gives an ordinary user no mount namespace"))
EXAMPLES: Final = Path(__file__).resolve().parents[2] / "docs" / "examples" / "plain_sdk"
PATIENCE: Final = 300  # seconds; importing the SDK takes six on an idle machine
REGION: Final = "us-east-1"
NO_TELEMETRY: Final = "SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n"
TRUST: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
ALLOWED: Final = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)

Environment = Mapping[str, str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A running cloud with a role, and the few variables that lead a client to it."""
    home = tmp_path_factory.mktemp("home")
    config = home / ".config" / "sagemaker" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(NO_TELEMETRY)
    with LocalCloud(tmp_path_factory.mktemp("cloud")) as cloud:
        found = {
            "AWS_ENDPOINT_URL": cloud.url,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": REGION,
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
        }
        iam = client(found, "iam")
        iam.create_role(RoleName="scientist", AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName="scientist", PolicyName="science", PolicyDocument=ALLOWED)
        yield found


def client(environment: Environment, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def run(script: str, folder: Path, environment: Environment) -> dict[str, Any]:
    """Run a copy of an example with a clean environment; answer the steps of its execution by name."""
    copy = folder / "mine"
    shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, f"{script}.py"],
        cwd=copy,
        env=dict(environment),
        capture_output=True,
        timeout=PATIENCE,
        check=False,  # the assertion below shows the script's last words
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    sagemaker = client(environment, "sagemaker")
    name = f"plain-sdk-{script.rsplit('_', 1)[-1]}"
    arn = sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"][0]["PipelineExecutionArn"]
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    assert {step["StepStatus"] for step in steps} == {"Succeeded"}
    return {step["StepName"]: step for step in steps}


def test_processing_training_evaluation_condition_and_registration(tmp_path: Path, environment: Environment) -> None:
    steps = run("process_train_register", tmp_path, environment)

    assert steps["GoodEnough"]["Metadata"]["Condition"]["Outcome"] == "True"
    arn = next(step["Metadata"]["RegisterModel"]["Arn"] for name, step in steps.items() if "Register" in name)
    package = client(environment, "sagemaker").describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["ModelPackageGroupName"] == "plain-sdk"
    body = client(environment, "s3").get_object(Bucket="plain-sdk-examples", Key=_key(steps, environment))["Body"]
    assert json.loads(body.read())["metrics"]["error"] <= 0.05


def _key(steps: Mapping[str, Any], environment: Environment) -> str:
    name = steps["Evaluate"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    job = client(environment, "sagemaker").describe_processing_job(ProcessingJobName=name)
    uri = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    return str(uri.split("/", 3)[-1]) + "/evaluation.json"


def test_tuning_makes_a_model_of_the_best_trial(tmp_path: Path, environment: Environment) -> None:
    steps = run("tune", tmp_path, environment)

    sagemaker = client(environment, "sagemaker")
    tuning = steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[-1]
    trials = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)
    scores = {
        trial["TrainingJobName"]: trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
        for trial in trials["TrainingJobSummaries"]
    }
    made = next(step["Metadata"]["Model"]["Arn"] for name, step in steps.items() if "CreateBest" in name)
    container = sagemaker.describe_model(ModelName=made.rsplit("/", 1)[-1])["PrimaryContainer"]
    bucket, key = container["ModelDataUrl"].removeprefix("s3://").split("/", 1)
    assert len(scores) == 4
    assert min(scores, key=scores.__getitem__) in key
    assert client(environment, "s3").head_object(Bucket=bucket, Key=key)["ContentLength"]


def test_three_trainings_in_sequence_hear_the_answers_between_them(tmp_path: Path, environment: Environment) -> None:
    steps = run("sequence", tmp_path, environment)

    sagemaker = client(environment, "sagemaker")
    names = [steps[f"Train{number}"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[-1] for number in (1, 2, 3)]
    jobs = [sagemaker.describe_training_job(TrainingJobName=name) for name in names]
    assert [json.loads(job["HyperParameters"]["shrink"]) for job in jobs] == [0, 10, 20]
    ends = [steps[name]["EndTime"] for name in ("Train1", "Ask1", "Train2", "Ask2", "Train3")]
    assert ends == sorted(ends)
    assert steps["Ask1"]["Metadata"]["Callback"]["OutputParameters"] == [{"Name": "shrink", "Value": "10"}]
