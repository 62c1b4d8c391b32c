from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from processing.artefact import Card
from processing.evidence import measure
from processing.job import manifest_of
from processing.tables import read_folder
from rightpack.errors import DataError, ManifestError
from tests.unit.processing.conftest import Trained
from tests.unit.processing.world import GROUP, TYPE, Cloud, Desk, labelled, products, settings


@pytest.fixture
def bench(trained: Trained, tmp_path: Path) -> Desk:
    """A desk of its own beside the shared drop, model and scores; no model is approved."""
    return Desk(tmp_path, trained.settings, Cloud())


def output(desk: Desk, name: str = "evaluate") -> Path:
    return desk.folder / name / "processing" / "output" / "evaluation"


def worse(trained: Trained, folder: Path) -> Path:
    """The trained model's scores, noisily."""
    table = read_folder(trained.scores)
    noise = np.random.default_rng(0).random(table.num_rows)
    folder.mkdir()
    mixed = 0.3 * table[TYPE].to_numpy() + 0.7 * noise
    pq.write_table(pa.table({"row_id": table["row_id"], TYPE: mixed}), folder / "part-00000.parquet.out")
    return folder


def test_a_first_good_model_is_approved_without_a_comparison(bench: Desk, trained: Trained) -> None:
    found = bench.evaluate(trained.prepared, trained.scores)
    assert found["decision"]["status"] == "Approved"
    assert found["decision"]["approved"] is True
    assert found["champion"] is None
    assert found["differences"] == {}
    assert found["metrics"]["roc_auc"] > 0.85


def test_the_same_model_again_is_approved_and_differs_by_nothing(trained: Trained, tmp_path: Path) -> None:
    desk = Desk(tmp_path, trained.settings, trained.cloud)
    found = desk.evaluate(trained.prepared, trained.scores)
    assert found["decision"]["approved"] is True
    assert found["differences"]["roc_auc"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["champion"]["arn"].endswith(f"model-package/{GROUP}/1")
    assert found["metrics"]["label_shift"] == 0.0
    assert found["metrics"]["rows_ratio"] == 1.0


def test_a_worse_model_is_rejected_with_a_reason_that_the_registry_takes(trained: Trained, tmp_path: Path) -> None:
    desk = Desk(tmp_path, trained.settings, trained.cloud)
    found = desk.evaluate(trained.prepared, worse(trained, tmp_path / "worse"))
    assert found["decision"]["status"] == "Rejected"
    assert found["decision"]["approved"] is False
    assert "worse than the last approved model" in found["decision"]["reason"]
    assert len(found["decision"]["reason"]) <= 256
    assert found["differences"]["roc_auc"]["high"] < 0


def test_a_model_learned_from_bad_labels_is_rejected(trained: Trained, tmp_path: Path) -> None:
    desk = Desk(tmp_path, trained.settings, trained.cloud)
    prepared = desk.prepare(labelled(3000, flip=True))
    found = desk.evaluate(prepared, desk.score(desk.train(prepared), prepared / "validation"))
    assert found["metrics"]["roc_auc"] > found["champion"]["metrics"]["roc_auc"], "it does fit its own bad labels"
    rejecting = settings(gate={"criteria": [{"metric": "label_shift", "ceiling": 0.05}], "bootstrap_rounds": 5})
    strict = Desk(tmp_path / "strict", rejecting, trained.cloud)
    found = strict.evaluate(prepared, tmp_path / "scores")
    assert found["decision"]["approved"] is False
    assert "label_shift" in found["decision"]["reason"]
    watch = strict.cloud.cloudwatch
    assert (watch.values("LabelShift"), watch.values("RowsOutOfRange")) == ({TYPE: 1.0}, {TYPE: 0.0})


def test_metrics_for_cloudwatch_tell_the_verdict(bench: Desk, trained: Trained) -> None:
    found = bench.evaluate(trained.prepared, trained.scores)
    watch = bench.cloud.cloudwatch
    assert watch.values("ModelApproved") == {TYPE: 1.0}
    assert watch.values("ModelRejected") == {TYPE: 0.0}
    assert watch.values("RocAuc") == {TYPE: found["metrics"]["roc_auc"]}
    assert {d["Name"]: d["Value"] for d in watch.data[0]["Dimensions"]} == {"Stage": "dev", "PackageType": TYPE}


def test_statistics_have_the_shape_that_the_registry_shows(bench: Desk, trained: Trained) -> None:
    found = bench.evaluate(trained.prepared, trained.scores)
    statistics = json.loads((output(bench) / "statistics.json").read_text())
    auc = statistics["binary_classification_metrics"]["auc"]
    assert auc["value"] == found["metrics"]["roc_auc"]
    assert 0 < auc["standard_deviation"] < 0.1
    assert statistics["dataset"]["item_count"] == found["rows"]["validation"]["rows"]


def test_the_same_inputs_give_the_same_evaluation(trained: Trained, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        desk = Desk(tmp_path / name, trained.settings, trained.cloud)
        desk.evaluate(trained.prepared, trained.scores)
        found.append({p.name: p.read_bytes() for p in output(desk).iterdir() if p.name != "manifest.json"})
    assert found[0] == found[1]


def test_the_manifest_tells_what_was_written(bench: Desk, trained: Trained) -> None:
    bench.evaluate(trained.prepared, trained.scores)
    manifest = manifest_of(output(bench))
    manifest.check(output(bench), "evaluation")
    assert [a.name for a in manifest.inputs] == ["labels", "validation", "scores"]


def test_labels_that_are_not_what_was_prepared_are_refused(bench: Desk, trained: Trained, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    for name in ("validation", "labels", "profile"):
        (changed / name).mkdir(parents=True)
        for path in (trained.prepared / name).iterdir():
            (changed / name / path.name).write_bytes(path.read_bytes())
    (changed / "labels" / "part-00001.parquet").write_bytes(b"more")
    with pytest.raises(ManifestError, match="Output 'labels' is not what step Prepare wrote"):
        bench.evaluate(changed, trained.scores)


def test_a_row_that_was_not_scored_stops_the_evaluation(bench: Desk, trained: Trained, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    torn.mkdir()
    pq.write_table(read_folder(trained.scores).slice(1), torn / "a.out")
    with pytest.raises(ManifestError, match="is not scored"):
        bench.evaluate(trained.prepared, torn)


def test_a_champion_that_misses_a_column_is_not_compared_and_the_report_says_why(
    bench: Desk, trained: Trained, tmp_path: Path
) -> None:
    bench.cloud.publish(GROUP, trained.model)
    fewer = settings(features={"numeric": ["weight_g", "length_cm"], "derived": "!remove"})
    desk = Desk(tmp_path / "fewer", fewer, bench.cloud)
    prepared = desk.prepare(labelled(1500))
    found = desk.evaluate(prepared, desk.score(desk.train(prepared), prepared / "validation"))
    assert found["differences"] == {}
    assert "no column 'width_cm'" in found["note"]
    assert "nothing is compared" in (output(desk) / "report.html").read_text()


def test_a_champion_whose_file_is_gone_is_an_error_that_names_it(bench: Desk, trained: Trained) -> None:
    bench.cloud.sagemaker.approve(GROUP, "s3://models/gone.tar.gz")
    with pytest.raises(ClientError, match=r"gone\.tar\.gz"):
        bench.evaluate(trained.prepared, trained.scores)


def test_without_criteria_nothing_is_approved(trained: Trained, tmp_path: Path) -> None:
    desk = Desk(tmp_path, settings(gate={"criteria": []}))
    assert desk.evaluate(trained.prepared, trained.scores)["decision"]["approved"] is False


def measure_with(weights: list[float]) -> Any:
    labels = pa.table({"suitable": pa.array([1, 1, 0, 0]), "weight": pa.array(weights)})
    scores = np.array([0.9, 0.2, 0.1, 0.8])
    return measure(labels, products(4), candidate=scores, champion=None, settings=settings())


def test_rows_count_by_their_weight() -> None:
    assert measure_with([1, 1, 1, 1]).metrics["new model"].values["roc_auc"] == 0.75
    assert measure_with([1, 0, 1, 0]).metrics["new model"].values["roc_auc"] == 1.0


def test_validation_rows_of_one_class_by_weight_are_refused() -> None:
    with pytest.raises(DataError, match="No unsuitable row with a weight among 4"):
        measure_with([1.0, 1.0, 0.0, 0.0])


def test_each_metric_has_the_confidence_of_its_own_criterion(trained: Trained, tmp_path: Path) -> None:
    widths = []
    for confidence in (0.5, 0.99):
        criteria = [{"metric": "brier", "max_drop": 0.1, "confidence": confidence}]
        folder = tmp_path / str(confidence)
        folder.mkdir()
        desk = Desk(folder, settings(gate={"criteria": criteria}))
        interval = desk.evaluate(trained.prepared, trained.scores)["intervals"]["brier"]
        widths.append(interval["high"] - interval["low"])
    assert widths[0] < widths[1]


def test_an_unfinished_champion_is_refused(bench: Desk, trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "model"
    for path in (p for p in trained.model.rglob("*") if p.is_file() and p.name != "card.json"):
        target = copy / path.relative_to(trained.model)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    bench.cloud.publish(GROUP, copy)
    assert Card.load(trained.model / TYPE).complete
    with pytest.raises(DataError, match="its training did not end"):
        bench.evaluate(trained.prepared, trained.scores)
