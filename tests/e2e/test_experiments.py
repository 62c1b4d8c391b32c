"""A scientist's loop: train here in seconds, compare, repeat one step, take the model elsewhere."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rightpack.cli.records import RunRecord
from rightpack.cli.stage import Stage
from rightpack.export import CHECKSUMS
from rightpack.ledger import Run
from tests.e2e.waiting import until

RIGHTPACK = Path(sys.executable).parent / "rightpack"
# An architecture of one's own that any data can be learned with: the share of suitable products, for all alike.
CONSTANT = """
import json
import numpy as np

class Constant:
    def __init__(self, share): self.share = share
    @classmethod
    def fit(cls, learning, tuning, options):
        if options.parameters.get("fail"):
            raise ValueError("asked to")
        return cls(float(np.average(learning.labels, weights=learning.weights)))
    def refit(self, examples, options): return self.fit(examples, None, options)
    def predict(self, encoded): return self.share + 1e-6 * np.nan_to_num(encoded.matrix[:, 0])
    def save(self, folder): (folder / "constant.json").write_text(json.dumps(self.share))
    @classmethod
    def load(cls, folder): return cls(json.loads((folder / "constant.json").read_text()))
"""


def rightpack(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run([RIGHTPACK, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


def facts(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recorded experiments on one sample: trees, and an architecture of one's own."""
    found = tmp_path_factory.mktemp("science")
    (found / "constant.py").write_text(CONSTANT)
    (found / "own.toml").write_text('[training]\narchitecture = "constant:Constant"\nsource = "constant.py"\n')
    common = ["--package-type", "carton", "--generate", "3000", "--sample", "500"]
    rightpack(found, "train", *common, "--name", "trees", "--json", "trees.json")
    rightpack(found, "train", *common, "--name", "own", "--config", "own.toml", "--json", "own.json")
    return found


def test_a_sample_is_trained_and_judged_by_the_real_pipeline(folder: Path) -> None:
    [result] = facts(folder / "trees.json")["results"]
    assert result["status"] == "Completed"
    assert result["decision"] in {"Approved", "Rejected", "PendingManualApproval"}
    assert result["train_rows"] + result["validation_rows"] <= 500
    assert result["roc_auc"]["low"] <= result["roc_auc"]["value"] <= result["roc_auc"]["high"]


def test_runs_are_compared_after_their_cloud_has_ended(folder: Path) -> None:
    rightpack(folder, "compare", "trees", "own", "--json", "compared.json")
    found = facts(folder / "compared.json")
    assert {"training.architecture", "training.source"} <= {row["key"] for row in found["settings"]}
    difference = found["package_types"]["carton"]["differences"]["roc_auc"]
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert "<svg" in (folder / "out/compare/trees-own.html").read_text()


def test_one_step_runs_again_from_its_inputs(folder: Path) -> None:
    rightpack(folder, "step", "trees", "Evaluate", "--json", "step.json")
    found = facts(folder / "step.json")
    again = facts(Path(found["folder"]) / "processing/output/evaluation/evaluation.json")
    [run] = facts(folder / "trees.json")["results"]
    assert again["intervals"]["roc_auc"] == run["roc_auc"]


def test_a_transform_step_scores_again_from_its_model_and_files(folder: Path) -> None:
    rightpack(folder, "step", "trees", "ScoreValidation", "--json", "scored.json")
    [run] = facts(folder / "trees.json")["results"]
    record = RunRecord.open(folder / "out/experiments/trees" / run["run"])
    first = record.place(record.uri("ScoreValidation", ""))
    again = Path(facts(folder / "scored.json")["folder"]) / "processing/output/scores"
    files = {file.name: file.read_bytes() for file in again.iterdir()}
    assert files == {file.name: file.read_bytes() for file in first.iterdir()}


def test_a_step_without_a_job_cannot_be_repeated_and_says_which_can(folder: Path) -> None:
    words = " ".join(rightpack(folder, "step", "trees", "Verdict", code=4).split())
    assert "it is a Condition step, which runs no single job" in words
    assert "Evaluate, Prepare, ScoreValidation, Train" in words


def test_one_step_runs_again_with_another_setting_and_tells_whose_fault_it_was(folder: Path) -> None:
    words = rightpack(folder, "step", "own", "Train", "--set", "training.parameters.fail=true", code=1)
    assert "ValueError: asked to (constant.py, line 10)" in " ".join(words.split())


def test_an_unknown_step_or_run_names_the_nearest(folder: Path) -> None:
    assert "Did you mean 'Evaluate'" in rightpack(folder, "step", "trees", "Evalute", code=4)
    assert "Did you mean 'trees'" in rightpack(folder, "compare", "tree", "own", code=4)


def test_split_features_and_criteria_are_changed_by_flags_alone(folder: Path) -> None:
    flags = [
        "split.validation_share=0.5",
        "features.text=[]",
        "features.derived=!remove",
        'features.numeric=["weight_g", "price"]',
        'gate.criteria=[{metric = "roc_auc", floor = 0.99}]',
    ]
    common = ["--package-type", "carton", "--generate", "3000", "--sample", "500", "--name", "changed"]
    rightpack(folder, "train", *common, *(part for flag in flags for part in ("--set", flag)), "--json", "changed.json")
    [before], [after] = (facts(folder / name)["results"] for name in ("trees.json", "changed.json"))
    assert after["decision"] == "Rejected"
    assert after["validation_rows"] > 1.5 * before["validation_rows"]
    rightpack(folder, "step", "changed", "Train", "--json", "train.json")
    encoder = facts(Path(facts(folder / "train.json")["folder"]) / "model/carton/encoder.json")
    assert encoder["features"]["numeric"] == ["weight_g", "price"]
    assert encoder["features"]["text"] == []


def test_an_approved_model_is_exported_and_named_in_parameter_store(stage: Stage, trained: Run, tmp_path: Path) -> None:
    ssm = stage.client("ssm")
    name = "/rightpack/dev/models/carton"

    def told() -> dict[str, Any] | None:
        champion = stage.registry.champion(stage.layout.model_group("carton"))
        found = ssm.get_parameters(Names=[name])["Parameters"]
        value = json.loads(found[0]["Value"]) if found else {}
        return value if champion and value.get("model") == champion.arn else None

    serving: dict[str, Any] = until(told)
    rightpack(tmp_path, "export", f"carton/{serving['version']}", "--to", "taken")
    files = {path.name: path.read_bytes() for path in (tmp_path / "taken").iterdir()}
    digests = dict(reversed(line.split("  ")) for line in files[CHECKSUMS].decode().splitlines())
    assert digests == {n: hashlib.sha256(c).hexdigest() for n, c in files.items() if n != CHECKSUMS}
    assert serving["sha256"] == digests["model.tar.gz"]
    bucket, prefix = serving["export"].removeprefix("s3://").split("/", 1)
    listed = stage.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    assert {found["Key"].removeprefix(prefix) for found in listed} == set(files)


def test_the_example_request_is_one_that_the_model_answers(stage: Stage, trained: Run, tmp_path: Path) -> None:
    from processing.artefact import unpack
    from processing.invocations import Application
    from processing.scoring.bundle import Bundle

    rightpack(tmp_path, "export", "carton", "--to", "taken")
    bundle = Bundle.load(unpack(tmp_path / "taken/model.tar.gz", tmp_path / "model"))
    request = io.BytesIO((tmp_path / "taken/example-request.csv").read_bytes())
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/invocations",
        "CONTENT_TYPE": "text/csv",
        "HTTP_ACCEPT": "text/csv",
    }
    answered: list[str] = []
    body = Application(bundle)({**environ, "wsgi.input": request}, lambda status, _: answered.append(status))
    assert answered == ["200 OK"], b"".join(body)
    assert b"".join(body).startswith(b'"row_id","carton"') or b"".join(body).startswith(b"row_id,carton")
