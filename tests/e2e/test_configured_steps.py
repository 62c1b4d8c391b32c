"""A data scientist changes the training by a settings file alone: steps, split, features, criteria, a search."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rightpack.cli import shapes
from rightpack.cli.config import Chosen
from rightpack.cli.facts import output_uri
from rightpack.cli.stage import Stage
from rightpack.cli.waiting import await_runs, request_drops
from rightpack.layout import PipelineKind, split_uri
from rightpack.ledger import Run, RunState
from tests.e2e.conftest import DATE, TIMEOUT
from tests.e2e.test_cycle import registered
from tests.e2e.test_resume import steps_of

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
Trained = Callable[[str], tuple[Stage, Run]]


@pytest.fixture
def trained_with(stage: Stage, tmp_path: Path) -> Trained:
    """Train as `rightpack train --config my.toml` does, in the cloud that runs already."""
    assert stage.settings
    (tmp_path / "halve.py").write_text(HALVE)
    (tmp_path / "count.py").write_text(COUNT)

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


def document(stage: Stage, uri: str) -> Any:
    bucket, key = split_uri(uri)
    return json.loads(stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


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
