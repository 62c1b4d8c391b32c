"""Topics through the real entry: trigger, three layers with callbacks in between, one model, and trainings that see it.

Callback steps ask through SQS, and the deployed function answers or holds the mapping for a person.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

from processing.artefact import unpack
from processing.topics.ensemble import Ensemble
from rightpack.cli.main import typer_app
from rightpack.cli.stage import Stage
from rightpack.cli.waiting import StartedDrop, await_runs, request_drops
from rightpack.errors import DataError
from rightpack.layout import TRIGGER_NAME, split_uri
from rightpack.ledger import RUNNING, Run
from rightpack.mapping import TopicMapping
from rightpack.mapping_desk import Desk, Held, Outcome, State
from rightpack.trigger import TriggerObject
from tests.e2e.conftest import DATE, LENIENT, Drop
from tests.e2e.waiting import TIMEOUT
from tests.unit.topics.test_pipeline import render, rendered

GROUP = "rightpack-dev-topics"
MACHINES = ["ml.m5.4xlarge", "ml.m5.2xlarge", "ml.m5.large"]
QUICK = {"topics": 8, "dimensions": 16, "least_texts": 40, "folds": 0}
MONTHLY = {"pipeline": "topics", "mode": "monthly", "business_date": DATE}
Command = Callable[..., str]
T = TypeVar("T")


@dataclass(frozen=True)
class Shop:
    """The stage, and what its topics runs do."""

    stage: Stage
    desk: Desk

    @property
    def sagemaker(self) -> Any:
        return self.stage.client("sagemaker")

    @property
    def sqs(self) -> Any:
        return self.stage.client("sqs")

    def queue(self, name: str = "mappings") -> str:
        return str(self.sqs.get_queue_url(QueueName=self.stage.layout.named(name))["QueueUrl"])

    def messages(self, name: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue(name), AttributeNames=names)["Attributes"]
        return sum(int(found[one]) for one in names)

    def again(self, run: Run) -> str:
        """Drop the trigger of a run once more, on purpose; the run id of the new run."""
        bucket, key = split_uri(run.trigger_uri)
        s3 = self.stage.client("s3")
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        version = s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]
        return TriggerObject(bucket, key, version).run_id

    def run(self, run_id: str, *states: str) -> Run:
        """The run, once it is in one of the states."""
        return until(lambda: found if (found := self.stage.ledger.find(run_id)) and found.state in states else None)

    def held(self, execution: str, layer: int = 1) -> Held:
        """What the execution's callback step waits for a person with."""
        return until(lambda: next((h for h in self.desk.held() if (h.execution, h.layer) == (execution, layer)), None))

    def steps(self, run: Run) -> dict[str, dict[str, Any]]:
        found = self.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=run.execution_arn)
        return {step["StepName"]: step for step in found["PipelineExecutionSteps"]}

    def training(self, run: Run, layer: int) -> dict[str, Any]:
        name = self.steps(run)[f"Layer{layer}"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
        return dict(self.sagemaker.describe_training_job(TrainingJobName=name))

    def registered(self, run: Run) -> dict[str, Any]:
        """The one model that the run has registered."""
        own = [
            package
            for summary in self.sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
            if (package := self.sagemaker.describe_model_package(ModelPackageName=summary["ModelPackageArn"]))[
                "CustomerMetadataProperties"
            ]["run-id"]
            == run.run_id
        ]
        assert len(own) == 1
        return dict(own[0])

    def artefact(self, uri: str, folder: Path) -> Path:
        bucket, key = split_uri(uri)
        folder.mkdir()
        self.stage.client("s3").download_file(bucket, key, str(folder / "model.tar.gz"))
        return unpack(folder / "model.tar.gz", folder / "model")

    def ensemble(self, package: dict[str, Any], folder: Path) -> Ensemble:
        return Ensemble.load(
            self.artefact(package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"], folder / "ensemble")
        )


def until(found: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + TIMEOUT  # far beyond what it takes, so that time decides nothing
    while time.monotonic() < deadline:
        if (answer := found()) is not None:
            return answer
        time.sleep(0.1)
    raise AssertionError("it did not come to that")


@pytest.fixture(scope="module")
def shop(stage: Stage) -> Shop:
    layout = stage.layout
    return Shop(stage, Desk(stage.client("s3"), stage.client("sagemaker"), layout.artefact_bucket))


def topics(stage: Stage, **own: Any) -> Stage:
    """The stage as `rightpack drop topics --set topics...` sees it."""
    return Stage.connect(stage.layout.stage, {**LENIENT, "topics": {"hyperparameters": QUICK, **own}})


@pytest.fixture(scope="module")
def held_drop(shop: Shop) -> StartedDrop:
    """A drop whose mappings a person revises; asked for first, so that its run goes on beside the others."""
    (drop,) = request_drops(topics(shop.stage, mapping="held", instance_types=MACHINES), MONTHLY)
    return drop


@dataclass(frozen=True)
class Learned:
    """A run that has ended, and the model package as it was registered."""

    run: Run
    package: dict[str, Any]


@pytest.fixture(scope="module")
def ruled(shop: Shop, held_drop: StartedDrop) -> Learned:
    """A run whose mappings the rule revises."""
    assert held_drop.prefix.startswith("drops/topics/")
    chosen = topics(shop.stage)
    (run,) = await_runs(chosen, request_drops(chosen, MONTHLY), timeout=TIMEOUT)
    assert run.state == "Completed", run.reason
    return Learned(run, shop.registered(run))


@pytest.fixture(scope="module")
def waiting(shop: Shop, held_drop: StartedDrop) -> Run:
    """The run of that drop, which waits for a person after its first layer."""
    key, s3 = f"{held_drop.prefix}{TRIGGER_NAME}", shop.stage.client("s3")
    bucket = shop.stage.layout.data_bucket
    until(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"))
    source = TriggerObject(bucket, key, s3.head_object(Bucket=bucket, Key=key)["VersionId"])
    run = shop.run(source.run_id, *RUNNING)
    shop.held(run.execution_arn)
    return run


@pytest.fixture
def command() -> Command:
    """`rightpack ...` as a person types it."""

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(typer_app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return str(done.output)

    return run


def test_a_drop_of_products_becomes_one_topic_model_that_waits_for_approval(
    shop: Shop, ruled: Learned, tmp_path: Path
) -> None:
    package = ruled.package
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    found = shop.ensemble(package, tmp_path)
    assert len(found.layers) == 3
    assert found.layers[1].groupings  # the rule had something split
    bucket, key = split_uri(package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"])
    statistics = json.loads(shop.stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert [layer["layer"] for layer in statistics["layers"]] == [1, 2, 3]


def test_a_persons_edit_between_layers_is_what_the_next_layer_learns_from(
    shop: Shop, waiting: Run, command: Command, tmp_path: Path, mail: Path
) -> None:
    first = shop.held(waiting.execution_arn)
    until(lambda: any(f"mapping accept {first.token}" in file.read_text() for file in mail.glob("*.txt")))
    draft = shop.desk.load(first.mapping)
    kept, other, *rest = draft.to_split()
    command("mapping", "edit", first.token, *(f"--topic={one}" for one in rest), "--action", "keep")
    command("mapping", "edit", first.token, "--topic", other, "--action", "merge-into", "--into", kept)
    command("mapping", "edit", first.token, "--topic", kept, "--name", "odds and ends")
    command("mapping", "show", first.token, "--json", str(tmp_path / "mapping.json"))
    shown = TopicMapping.from_json((tmp_path / "mapping.json").read_text())
    assert shown.to_split() == (kept,)

    _asked_again(shop, waiting, first)  # SQS delivers at least once
    assert shop.desk.load(shop.desk.waiting(first.token).mapping) == shown

    command("mapping", "accept", first.token)
    second = shop.held(waiting.execution_arn, 2)
    accepted = shop.desk.waiting(first.token)
    assert accepted.state is State.ACCEPTED
    channels = {c["ChannelName"]: c["DataSource"]["S3DataSource"] for c in shop.training(waiting, 2)["InputDataConfig"]}
    assert channels["mapping"]["S3Uri"] == accepted.mapping
    with pytest.raises(DataError, match="accepted"):
        shop.desk.accept(first.token)  # a person, again
    assert shop.desk.answer(first.token, "s3://another/answer") is Outcome.LATE
    assert shop.desk.fail(first.token, "Too late.") is Outcome.LATE

    command("mapping", "accept", second.token)
    assert shop.run(waiting.run_id, "Completed", "Failed").state == "Completed"
    model = shop.ensemble(shop.registered(waiting), tmp_path)
    assert set(model.layers[1].groupings) == {kept}
    assert model.mapping.topic(kept).name == "odds and ends"
    texts = sum(topic.size for topic in model.mapping.topics if topic.layer == 2)
    assert texts >= 0.9 * (shown.topic(kept).size + shown.topic(other).size)
    used = [shop.training(waiting, layer)["ResourceConfig"]["InstanceType"] for layer in (1, 2, 3)]
    assert used == MACHINES
    assert (shop.messages("mappings"), shop.messages("mappings-dead")) == (0, 0)


def test_a_callback_answered_with_failure_ends_the_run_with_its_reason(shop: Shop, waiting: Run) -> None:
    run = shop.run(shop.again(waiting), *RUNNING)
    asked = shop.held(run.execution_arn)
    assert shop.desk.fail(asked.token, "The topics are of no use.") is Outcome.FAILED
    ended = shop.run(run.run_id, "Failed")
    assert "The topics are of no use." in ended.reason
    with pytest.raises(DataError, match="has ended or was answered"):
        shop.desk.accept(asked.token)
    steps = shop.steps(run)
    assert "Layer2" not in steps
    assert "CacheHitResult" in steps["Layer1"]  # the same drop and settings: nothing was learned again


def test_an_execution_that_is_stopped_while_a_person_thinks_ends(shop: Shop, waiting: Run) -> None:
    run = shop.run(shop.again(waiting), *RUNNING)
    asked = shop.held(run.execution_arn)
    shop.sagemaker.stop_pipeline_execution(PipelineExecutionArn=run.execution_arn, ClientRequestToken="s" * 32)
    assert shop.run(run.run_id, "Stopped").state == "Stopped"
    assert shop.desk.waiting(asked.token).state is State.OVER
    with pytest.raises(DataError, match="over"):
        shop.desk.accept(asked.token)


@pytest.fixture
def approved(ruled: Learned, command: Command) -> Iterator[dict[str, Any]]:
    """The topic model, approved by a person; other tests train without."""
    package = ruled.package
    name = f"topics/{package['ModelPackageVersion']}"
    command("approve", name, "--why", "The topics read well.")
    yield package
    command("reject", name, "--why", "The test is over.")


def test_a_training_sees_the_topics_of_the_approved_model_and_takes_a_copy_along(
    shop: Shop, approved: dict[str, Any], dropped: Drop, tmp_path: Path
) -> None:
    run = dropped("training", "weekly", package_types=["carton"])
    assert run.state == "Completed", run.reason
    name = shop.steps(run)["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    job = shop.sagemaker.describe_training_job(TrainingJobName=name)
    folder = shop.artefact(job["ModelArtifacts"]["S3ModelArtifacts"], tmp_path / "carton") / "carton"
    assert json.loads((folder / "card.json").read_text())["topics"] == approved["ModelPackageArn"]
    copy = Ensemble.load(folder / "topics")
    assert copy.mapping == shop.ensemble(approved, tmp_path).mapping

    scored = dropped("inference", "monthly")
    assert scored.state == "Completed", scored.reason


@pytest.mark.sdk
@pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the SageMaker SDK is not installed")
def test_a_searched_layer_hands_its_best_model_to_the_mapping(shop: Shop, ruled: Learned) -> None:
    """A pipeline of a scientist's own, on the data and settings of the run before."""
    name = "rightpack-dev-topics-searched"
    definition = json.dumps(render(rendered({"1": {"folds": "2"}}, [1])))
    layout, once = shop.stage.layout, {"ClientRequestToken": name.ljust(32, "x")}
    for placeholder, value in _filled(shop).items():
        definition = definition.replace(f"${{{placeholder}}}", value)
    role = f"arn:aws:iam::{layout.account}:role/{layout.named('pipeline')}"
    shop.sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=definition, RoleArn=role, **once)
    given = shop.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=ruled.run.execution_arn)
    started = shop.sagemaker.start_pipeline_execution(
        PipelineName=name, PipelineParameters=given["PipelineParameters"], **once
    )
    arn = started["PipelineExecutionArn"]

    def asked() -> dict[str, Any] | None:
        found = shop.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        steps = {step["StepName"]: step for step in found}
        assert "Failed" not in {step["StepStatus"] for step in found}, steps
        return steps if steps.get("Revise1", {}).get("StepStatus") == "Succeeded" else None

    steps = until(asked)
    shop.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="t" * 32)
    tuning = steps["Layer1"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    best = shop.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)["BestTrainingJob"]
    trials = shop.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)
    losses = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in trials["TrainingJobSummaries"]]
    assert len(losses) == 3
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == min(losses)
    asked_about = steps["Revise1"]["Metadata"]["Callback"]["OutputParameters"]
    mapping = shop.desk.load(asked_about[0]["Value"])
    model = shop.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])["ModelArtifacts"]
    drafted = shop.desk.load(model["S3ModelArtifacts"])
    assert [topic.topic for topic in mapping.topics] == [topic.topic for topic in drafted.topics]


def _filled(shop: Shop) -> dict[str, str]:
    """What the infrastructure fills into a definition."""
    layout = shop.stage.layout
    return {
        "Image": f"{layout.account}.dkr.ecr.{layout.region}.amazonaws.com/rightpack-jobs:test",
        "JobRoleArn": f"arn:aws:iam::{layout.account}:role/{layout.named('job')}",
        "ArtefactBucket": layout.artefact_bucket,
        "Stage": layout.stage,
        "AWS::Region": layout.region,
        "AWS::AccountId": layout.account,
    }


def _asked_again(shop: Shop, run: Run, held: Held) -> None:
    """The message of a callback step comes once more."""
    model = shop.training(run, held.layer)["ModelArtifacts"]["S3ModelArtifacts"]
    arguments = {"mapping": model, "layer": str(held.layer), "mode": "held"}
    body = {"token": held.token, "pipelineExecutionArn": held.execution, "arguments": arguments, "status": "Executing"}
    shop.sqs.send_message(QueueUrl=shop.queue(), MessageBody=json.dumps(body))
    until(lambda: True if not shop.messages("mappings") else None)
