"""A data scientist changes the training by a settings file alone: steps, split, features, criteria, a search."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rightpack.cli import facts, faults, main, shapes
from rightpack.cli.config import Chosen
from rightpack.cli.facts import output_uri
from rightpack.cli.stage import Stage
from rightpack.cli.waiting import await_runs, request_drops
from rightpack.layout import PipelineKind, split_uri
from rightpack.ledger import Run, RunState
from tests.e2e.conftest import DATE
from tests.e2e.test_cycle import registered
from tests.e2e.test_resume import steps_of
from tests.e2e.waiting import TIMEOUT

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the SageMaker SDK is not installed"),
]
LENIENT = "[[gate.criteria]]\nmetric = 'roc_auc'\nfloor = 0.5\n"
HALVE = """
import os, pathlib, sys
import pyarrow.parquet as pq
root = pathlib.Path(os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml")) / "processing"
print("keeps", sys.argv[1:])
for file in sorted((root / "input" / "rows").rglob("*.parquet")):
    table = pq.read_table(file)
    pq.write_table(table.slice(0, table.num_rows // 2), root / "output" / "train" / file.name)
"""
COUNT = """
import json, os, pathlib
root = pathlib.Path(os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml")) / "processing"
found = json.loads((root / "input" / "evaluation" / "evaluation.json").read_text())
(root / "output" / "note" / "note.json").write_text(json.dumps({"decision": found["decision"]["status"]}))
"""
ADDED = """
[steps.extra.Halve]
script = "halve.py"
inputs = { rows = "Prepare.train" }
outputs = ["train"]
arguments = { "--share" = "0.5" }
feeds_training = true

[steps.extra.Note]
script = "count.py"
inputs = { evaluation = "Evaluate.evaluation" }
outputs = ["note"]
after = ["VerdictHeld"]
"""
SEARCH = """
[steps]
training = "tuning"

[steps.tuning]
strategy = "Grid"
parallel = 2

[steps.tuning.ranges.rounds]
values = ["5", "60"]
"""
# Our trainings would report up to thirty times; a fourth time ends one before it has saved its model.
HYPERBAND = """
[steps]
training = "tuning"

[steps.tuning]
strategy = "Hyperband"
jobs = 3
parallel = 2
most = 3

[steps.tuning.ranges.learning_rate]
low = 0.02
high = 0.05
"""
# Seconds of many small rounds, so that the first checkpoint is long there when the machine is taken away.
SLOW = """
[training.parameters]
rounds = 1200
early_stopping_rounds = 1200
learning_rate = 0.005
num_leaves = 6
"""
SPOT = """
[steps]
training = "spot"
checkpoint_rounds = 50
"""
RECLAIM = """
[[fault]]
kind = "interrupt-job"
operation = "CreateTrainingJob"
"""
PARTS = """
import os, pathlib
import pyarrow.parquet as pq
root = pathlib.Path(os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml")) / "processing"
(file,) = (root / "input" / "rows").rglob("*.parquet")
table = pq.read_table(file)
half = table.num_rows // 2
for name, part in (("a", table.slice(0, half)), ("b", table.slice(half))):
    pq.write_table(part, root / "output" / "train" / f"{name}.parquet")
"""
# Every machine reads its share; the first one hears of the others', and leaves the model of all.
TOGETHER = """
import json, os, socket, sys, time
import pyarrow as pa
from processing import tables, train
from processing.artefact import Entry, write_index
from processing.job import Job, run_step


def run(job):
    who = json.loads((job.root / "input" / "config" / "resourceconfig.json").read_text())
    me, (first, *others) = who["current_host"], who["hosts"]
    address = ("127.0.0.1" if "RIGHTPACK_ML_ROOT" in os.environ else first, PORT)
    mine = tables.read_folder(job.channel("train"))
    print(f"{me} reads {mine.num_rows} rows;", flush=True)
    if me != first:
        return send(mine, address)
    with socket.create_server(address) as server:
        server.settimeout(60)
        rest = [receive(server.accept()[0]) for _ in others]
    name, settings = job.variable("PACKAGE_TYPE"), job.settings(job.channel("config"))
    scorer = train.train(pa.concat_tables([mine, *rest]), name, settings)
    scorer.save(job.model / name)
    write_index(job.model, [Entry(name, name, scorer.card.architecture)])


def send(table, address):
    for _ in range(600):
        try:
            connection = socket.create_connection(address)
            break
        except OSError:  # the first machine is not ready
            time.sleep(0.1)
    with connection, connection.makefile("wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)


def receive(connection):
    with connection, connection.makefile("rb") as source:
        return pa.ipc.open_stream(source).read_all()


sys.exit(run_step(run, Job.here(), note="failure"))
"""
DIVIDED = """
[steps]
training = "distributed"
container = { script = "together.py" }

[steps.extra.Parts]
script = "parts.py"
inputs = { rows = "Prepare.train" }
outputs = ["train"]
feeds_training = true
"""
OWN_IMAGE = """
[steps.container]
image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/rightpack-jobs:mine"
entrypoint = ["python", "-m", "processing.train"]

[steps.metrics]
log_loss = "tuning_log_loss=([0-9.eE+-]+);"

[steps.rules.plateau]
image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/rules:1"
"""
Trained = Callable[[str], tuple[Stage, Run]]


@pytest.fixture
def trained_with(stage: Stage, tmp_path: Path) -> Trained:
    """Train as `rightpack train --config my.toml` does, in the cloud that runs already."""
    del stage  # there are rows in its warehouse
    (tmp_path / "halve.py").write_text(HALVE)
    (tmp_path / "count.py").write_text(COUNT)
    (tmp_path / "parts.py").write_text(PARTS)
    (tmp_path / "together.py").write_text(TOGETHER.replace("PORT", str(free_port())))

    def train(text: str) -> tuple[Stage, Run]:
        file = tmp_path / "my.toml"
        file.write_text(text if "gate.criteria" in text else LENIENT + text)
        mine = Chosen.of("dev", [file]).connect()
        shapes.publish(mine)
        event = {"pipeline": "training", "mode": "weekly", "business_date": DATE, "package_types": ["carton"]}
        (run,) = await_runs(mine, request_drops(mine, event), timeout=TIMEOUT)
        assert run.state is RunState.COMPLETED, run.reason
        return mine, run

    return train


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def document(stage: Stage, uri: str) -> Any:
    bucket, key = split_uri(uri)
    return json.loads(stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def training_of(stage: Stage, run: Run) -> dict[str, Any]:
    """The job of the step Train."""
    name = steps_of(stage, run)["Train"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[-1]
    return dict(stage.client("sagemaker").describe_training_job(TrainingJobName=name))


def log_of(stage: Stage, job: dict[str, Any]) -> list[str]:
    """Lines of a training's containers, host by host."""
    logs, group = stage.client("logs"), "/aws/sagemaker/TrainingJobs"
    prefix = f"{job['TrainingJobName']}/"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
    pages = (logs.get_log_events(logGroupName=group, logStreamName=s["logStreamName"], limit=10_000) for s in streams)
    return [event["message"] for page in pages for event in page["events"]]


def model_text(stage: Stage, job: dict[str, Any]) -> bytes:
    """The trees of a trained model."""
    bucket, key = split_uri(job["ModelArtifacts"]["S3ModelArtifacts"])
    body = stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        file = archive.extractfile("carton/model.txt")
        assert file
        return file.read()


def evaluation(stage: Stage, run: Run) -> Any:
    return document(stage, output_uri(stage, run.execution_arn, "Evaluate", "evaluation") + "/evaluation.json")


def test_steps_before_and_after_the_training_are_added_by_config_only(trained_with: Trained) -> None:
    stage, run = trained_with(ADDED)
    steps = steps_of(stage, run)

    assert {"Halve", "Note"} <= steps.keys()
    assert f"/{stage.layout.pipeline(PipelineKind.TRAINING, stage.settings.steps.shape)}/" in run.execution_arn
    job = steps["Train"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[-1]
    described = stage.client("sagemaker").describe_training_job(TrainingJobName=job)
    rows = described["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
    assert "/halve/train" in rows
    note = document(stage, output_uri(stage, run.execution_arn, "Note", "note") + "/note.json")
    assert note == {"decision": registered(stage, run).status}


def test_steps_are_left_out_by_config_only(trained_with: Trained) -> None:
    stage, run = trained_with('[steps]\nwithout = ["Evaluate"]\n')
    assert steps_of(stage, run).keys() == {"Prepare", "Train"}
    assert run.run_id not in {p.metadata["run-id"] for p in stage.registry.versions(stage.layout.model_group("carton"))}


def test_split_features_and_criteria_are_changed_by_config_only(trained_with: Trained, trained: Run) -> None:
    criteria = "[[gate.criteria]]\nmetric = 'roc_auc'\nfloor = 0.999\n"
    fewer = "[split]\nvalidation_share = 0.4\n[features]\nnumeric = ['weight_g', 'price']\nderived = '!remove'\n"
    stage, run = trained_with(criteria + fewer)
    usual, found = evaluation(stage, trained), evaluation(stage, run)

    assert f"/{stage.layout.pipeline(PipelineKind.TRAINING)}/" in run.execution_arn  # its shape is the published one
    assert found["rows"]["validation"]["rows"] > 1.3 * usual["rows"]["validation"]["rows"]
    assert registered(stage, run).status == "Rejected"
    profile = document(stage, output_uri(stage, run.execution_arn, "Prepare", "profile") + "/profile.json")
    assert {"weight_g", "price"} <= set(profile["columns"])
    assert "length_cm" not in profile["columns"]


def test_a_search_registers_its_best_model(trained_with: Trained) -> None:
    stage, run = trained_with(SEARCH)
    name = steps_of(stage, run)["Train"]["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[-1]
    sagemaker = stage.client("sagemaker")
    trials = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    scores = {
        trial["TrainingJobName"]: trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
        for trial in trials["TrainingJobSummaries"]
    }

    assert len(scores) == 2
    assert f"/{max(scores, key=scores.__getitem__)}/output/" in registered(stage, run).model_data_url


def test_no_training_reports_more_often_than_hyperband_lets_it(trained_with: Trained) -> None:
    stage, run = trained_with(HYPERBAND)
    search = steps_of(stage, run)["Train"]["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[-1]
    listing = stage.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job
    trials = listing(HyperParameterTuningJobName=search)["TrainingJobSummaries"]
    lines = {t["TrainingJobName"]: log_of(stage, t) for t in trials}
    reports = {name: sum("tuning_roc_auc=" in line for line in found) for name, found in lines.items()}

    whole = {t["TrainingJobName"] for t in trials if t["TrainingJobStatus"] == "Completed"}
    assert whole
    assert {reports[name] for name in whole} == {3}
    assert max(reports.values()) == 3
    assert registered(stage, run).status == "Approved"


def test_a_spot_training_whose_machine_is_taken_away_boosts_only_what_is_left(
    trained_with: Trained, tmp_path: Path
) -> None:
    usual, whole = trained_with(SLOW)
    (tmp_path / "faults.toml").write_text(RECLAIM)
    faults.arm(tmp_path / "faults.toml")
    stage, run = trained_with(SPOT + SLOW)
    job = training_of(stage, run)

    assert "Interrupted" in [way["Status"] for way in job["SecondaryStatusTransitions"]]
    lines = log_of(stage, job)
    (at,) = [place for place, line in enumerate(lines) if "goes on from round" in line]
    kept = int(re.findall(r"from round (\d+)", lines[at])[0])
    rounds = [int(n) for line in lines[at:] for n in re.findall(r"boosted_rounds=(\d+);", line)]
    assert kept % 50 == 0
    assert min(rounds) == kept + 10
    assert model_text(stage, job) == model_text(usual, training_of(usual, whole))


def test_a_script_of_ones_own_trains_one_model_on_two_machines(trained_with: Trained, trained: Run) -> None:
    stage, run = trained_with(DIVIDED)
    job = training_of(stage, run)

    assert job["ResourceConfig"]["InstanceCount"] == 2
    shares = [int(n) for line in log_of(stage, job) for n in re.findall(r"reads (\d+) rows;", line)]
    usual_log = log_of(stage, training_of(stage, trained))
    assert len(shares) == 2
    assert abs(shares[0] - shares[1]) <= 1
    assert sum(shares) == sum(int(n) for line in usual_log for n in re.findall(r"train_rows=(\d+);", line))
    usual, found = (evaluation(stage, one)["metrics"]["roc_auc"] for one in (trained, run))
    assert found == pytest.approx(usual, abs=0.01)
    assert registered(stage, run).status == "Approved"


def test_an_image_of_ones_own_is_run_and_its_figures_and_rules_are_shown(trained_with: Trained) -> None:
    stage, run = trained_with(OWN_IMAGE)
    algorithm = training_of(stage, run)["AlgorithmSpecification"]

    assert algorithm["TrainingImage"].endswith("/rightpack-jobs:mine")
    assert algorithm["ContainerEntrypoint"] == ["python", "-m", "processing.train"]
    found = facts.one_run(stage, run.run_id)
    (training,) = found["trainings"]
    assert 0 < training["figures"]["log_loss"] < 1
    assert [(rule["name"], rule["state"]) for rule in training["rules"]] == [("plateau", "Error")]
    shown = CliRunner().invoke(main.typer_app, ["runs", run.run_id]).output
    assert "log_loss" in shown
    assert "plateau" in shown
