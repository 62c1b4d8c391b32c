"""The three layers on the embedded cloud, through real callback steps: a person edits the mapping in between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from processing.tables import write_parts
from processing.topics.ensemble import Ensemble
from rightpack.cli.embedded import Embedded
from rightpack.cli.mapping import mapping_app
from rightpack.errors import DataError
from rightpack.layout import Layout, split_uri
from rightpack.manifest import FileEntry, write_files
from rightpack.mapping import TopicMapping
from rightpack.mapping_desk import Asked, Desk, Outcome
from tests.unit.topics.conftest import titles
from tests.unit.topics.test_pipeline import pytestmark, render, rendered

__all__ = ["pytestmark"]
LAYOUT = Layout("dev", "123456789012", "us-east-1")
NAME = "rightpack-dev-topics-by-hand"
DATA = f"s3://{LAYOUT.data_bucket}/drops/topics/2026-09-13/x/data/"
PATIENCE = 240.0  # seconds; far beyond what it takes, so that time decides nothing
LEARNING = {str(n): {"topics": "4", "dimensions": "8", "reduced": "4", "least_texts": "40"} for n in (1, 2, 3)}


@dataclass(frozen=True)
class Shop:
    """The embedded cloud with the pipeline, a drop and the queue that nobody else reads."""

    queue: str
    desk: Desk

    def client(self, service: str) -> Any:
        return boto3.client(service)

    def start(self, run: str) -> str:
        values = {"RunId": run, "BusinessDate": "2026-09-13", "DataUri": DATA, "ManifestUri": f"{DATA}part_manifest"}
        values |= {"ModelPackageGroupName": NAME, "MappingMode": "held"}
        parameters = [{"Name": name, "Value": value} for name, value in values.items()]
        started = self.client("sagemaker").start_pipeline_execution(
            PipelineName=NAME, PipelineParameters=parameters, ClientRequestToken=run.ljust(32, "x")
        )
        return str(started["PipelineExecutionArn"])

    def asked(self) -> Asked:
        """The next message of a callback step."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self.client("sqs").receive_message(QueueUrl=self.queue, WaitTimeSeconds=5).get("Messages", [])
            if found:
                self.client("sqs").delete_message(QueueUrl=self.queue, ReceiptHandle=found[0]["ReceiptHandle"])
                return Asked.of(found[0]["Body"])
        raise AssertionError("no callback step asked")

    def ended(self, execution: str) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=execution)
            if found["PipelineExecutionStatus"] not in {"Executing", "Stopping"}:
                return dict(found)
            time.sleep(0.2)
        raise AssertionError("the execution did not end")

    def steps(self, execution: str) -> dict[str, dict[str, Any]]:
        found = self.client("sagemaker").list_pipeline_execution_steps(PipelineExecutionArn=execution)
        return {step["StepName"]: step for step in found["PipelineExecutionSteps"]}


@pytest.fixture(scope="module")
def shop(cloud: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    queue = boto3.client("sqs").create_queue(QueueName=NAME)["QueueUrl"]
    _deploy(json.dumps(render(rendered(LEARNING))).replace("rightpack-${Stage}-mappings", NAME))
    _drop(tmp_path_factory.mktemp("drop"))
    return Shop(queue, Desk(boto3.client("s3"), boto3.client("sagemaker"), LAYOUT.artefact_bucket))


def _deploy(text: str) -> None:
    roles = {name: f"arn:aws:iam::{LAYOUT.account}:role/rightpack-dev-{name}" for name in ("job", "pipeline")}
    values = {
        "Image": f"{LAYOUT.account}.dkr.ecr.{LAYOUT.region}.amazonaws.com/rightpack-jobs:test",
        "JobRoleArn": roles["job"],
        "ArtefactBucket": LAYOUT.artefact_bucket,
        "Stage": LAYOUT.stage,
        "AWS::Region": LAYOUT.region,
        "AWS::AccountId": LAYOUT.account,
    }
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_pipeline(
        PipelineName=NAME, PipelineDefinition=text, RoleArn=roles["pipeline"], ClientRequestToken=NAME.ljust(32, "x")
    )
    sagemaker.create_model_package_group(ModelPackageGroupName=NAME)


def _drop(folder: Path) -> None:
    made, _ = titles(1200)
    products = pa.table({"product_id": [f"p-{i:05d}" for i in range(1200)], "title": made})
    (part,) = write_parts(products, folder)
    bucket, prefix = split_uri(DATA)
    s3 = boto3.client("s3")
    s3.upload_file(str(part.path), bucket, prefix + part.path.name)
    manifest = write_files([FileEntry(f"{DATA}{part.path.name}", part.bytes, part.rows)])
    s3.put_object(Bucket=bucket, Key=f"{prefix}part_manifest", Body=manifest.encode())


@pytest.fixture
def command(shop: Shop) -> Callable[..., str]:
    """`rightpack mapping ...` as a person types it."""

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(mapping_app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return str(done.output)

    return run


def test_a_persons_edit_between_layers_is_what_the_next_layer_learns_from(
    shop: Shop, command: Callable[..., str], tmp_path: Path
) -> None:
    execution = shop.start("edited")
    first = shop.asked()
    assert shop.desk.handle(first) is Outcome.HELD
    assert shop.desk.load(shop.desk.waiting(first.token).mapping).to_split() == ("00", "01", "02", "03")

    for topic in ("00", "03"):
        command("edit", first.token, "--topic", topic, "--action", "keep")
    command("edit", first.token, "--topic", "02", "--action", "merge-into", "--into", "01", "--name", "odds and ends")
    command("show", first.token, "--json", str(tmp_path / "mapping.json"))
    command("accept", first.token)
    assert shop.desk.handle(first) is Outcome.KNOWN  # the same message again
    with pytest.raises(DataError, match="accepted"):
        shop.desk.accept(first.token)  # a person, again
    assert shop.desk.answer(first.token, "s3://another/answer") is Outcome.LATE

    second = shop.asked()
    assert (second.arguments["layer"], shop.desk.handle(second)) == ("2", Outcome.HELD)
    command("accept", second.token)
    assert shop.ended(execution)["PipelineExecutionStatus"] == "Succeeded"

    shown = TopicMapping.from_json((tmp_path / "mapping.json").read_text())
    assert shown.to_split() == ("01",)
    model = _registered(shop, tmp_path)
    assert set(model.layers[1].groupings) == {"01"}
    assert model.mapping.topic("02").name == "odds and ends"
    texts = sum(t.size for t in model.mapping.topics if t.layer == 2)
    assert texts >= 0.95 * (shown.topic("01").size + shown.topic("02").size)


def test_a_callback_answered_with_failure_ends_the_execution_with_its_reason(shop: Shop) -> None:
    execution = shop.start("failed")
    asked = shop.asked()
    assert shop.desk.fail(asked.token, "The topics are of no use.") is Outcome.FAILED
    assert shop.desk.answer(asked.token, "s3://too/late") is Outcome.LATE
    assert shop.ended(execution)["PipelineExecutionStatus"] == "Failed"
    steps = shop.steps(execution)
    assert "The topics are of no use." in steps["Revise1"]["FailureReason"]
    assert "Layer2" not in steps


def test_an_execution_that_is_stopped_while_a_person_thinks_ends(shop: Shop) -> None:
    execution = shop.start("stopped")
    asked = shop.asked()
    assert shop.desk.handle(asked) is Outcome.HELD
    shop.client("sagemaker").stop_pipeline_execution(PipelineExecutionArn=execution, ClientRequestToken="s" * 32)
    again = shop.asked()
    assert (again.token, again.stopping) == (asked.token, True)
    assert shop.desk.handle(again) is Outcome.FAILED
    assert shop.ended(execution)["PipelineExecutionStatus"] == "Stopped"
    with pytest.raises(DataError, match="over"):
        shop.desk.accept(asked.token)


def _registered(shop: Shop, folder: Path) -> Ensemble:
    sagemaker = shop.client("sagemaker")
    (summary,) = sagemaker.list_model_packages(ModelPackageGroupName=NAME)["ModelPackageSummaryList"]
    package = sagemaker.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
    bucket, key = split_uri(package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
    shop.client("s3").download_file(bucket, key, str(folder / "model.tar.gz"))
    statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    bucket, key = split_uri(statistics)
    assert len(json.loads(shop.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())["layers"]) == 3
    return Ensemble.load(folder)
