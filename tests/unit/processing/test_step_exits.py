"""How steps end when called as the platform calls them: exit codes, and messages to those who must act."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing import evaluate, prepare, prepare_inference
from processing.job import Exit, Job
from processing.tables import read_folder
from tests.unit.processing.conftest import Enter, Trained
from tests.unit.processing.world import (
    DATA,
    GROUP,
    MANIFEST,
    TYPE,
    Desk,
    contents,
    labelled,
    products,
    settings,
    told,
    write_drop,
)

DROP = ("--data-uri", DATA, "--manifest-uri", MANIFEST, "--business-date", "2026-11-20")
TRAINING = (*DROP, "--package-type", TYPE)
TRIAL = (
    "--package-type",
    TYPE,
    "--business-date",
    "2026-11-20",
    "--group",
    GROUP,
    "--candidate",
    "s3://b/model.tar.gz",
)


def with_drop(desk: Desk, table: pa.Table) -> Job:
    write_drop(desk.folder / "drop", table)
    return desk.job("prepare", {"data": desk.folder / "drop"})


def changed(table: pa.Table, name: str, values: object) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def several_labels_each(rows: int, products: int) -> pa.Table:
    return changed(labelled(rows), "product_id", [f"p-{i % products:06d}" for i in range(rows)])


def trial(desk: Desk, trained: Trained, scores: Path | None = None) -> Job:
    inputs = {n: trained.prepared / n for n in ("validation", "labels", "profile")}
    return desk.job("evaluate", {**inputs, "scores": scores or trained.scores})


def evaluation(job: Job) -> dict[str, Any]:
    return dict(json.loads((job.output("evaluation") / "evaluation.json").read_text()))


def with_scores(trained: Trained, folder: Path, change: Any) -> Path:
    folder.mkdir()
    pq.write_table(change(read_folder(trained.scores)), folder / "part-00000.parquet.out")
    return folder


def replaced(values: Any) -> Any:
    return lambda table: changed(table, TYPE, values(table[TYPE].to_numpy()))


@pytest.mark.parametrize("rule", [{}, {"holdout_weeks": 8}, {"validation_share": 0.5}])
def test_a_product_is_never_on_both_sides_of_the_files(rule: dict[str, Any], tmp_path: Path, enter: Enter) -> None:
    job = with_drop(Desk(tmp_path, settings(split=rule)), several_labels_each(1200, 400))
    assert enter(prepare.main, job, *TRAINING) == Exit.DONE
    train, validation = (set(read_folder(job.output(n))["product_id"].to_pylist()) for n in ("train", "validation"))
    assert train
    assert validation
    assert not train & validation


def test_rows_that_a_split_by_time_leaves_out_are_counted(tmp_path: Path, enter: Enter) -> None:
    job = with_drop(Desk(tmp_path, settings(split={"holdout_weeks": 8})), several_labels_each(1200, 400))
    assert enter(prepare.main, job, *TRAINING) == Exit.DONE
    left_out = json.loads((job.output("profile") / "profile.json").read_text())["left_out"]
    assert left_out > 0
    assert sum(read_folder(job.output(n)).num_rows for n in ("train", "labels")) + left_out == 1200


def test_labels_stay_with_their_rows(desk: Desk, enter: Enter) -> None:
    table = labelled(300)
    expected = dict(zip(table["label_id"].to_pylist(), table["suitable"].to_pylist(), strict=True))
    job = with_drop(desk, table)
    assert enter(prepare.main, job, *TRAINING) == Exit.DONE
    for name in ("labels", "train"):
        side = read_folder(job.output(name))
        found = dict(zip(side["row_id"].to_pylist(), side["suitable"].to_pylist(), strict=True))
        assert found == {row: expected[row] for row in found}


def test_more_rows_never_move_a_product_to_the_other_side(desk: Desk) -> None:
    few, many = desk.prepare(labelled(400), "few"), desk.prepare(labelled(900), "many")
    for mine, other in (("train", "validation"), ("validation", "train")):
        ids = [set(read_folder(folder)["product_id"].to_pylist()) for folder in (few / mine, many / other)]
        assert not ids[0] & ids[1]


def test_the_bytes_of_an_inference_drop_do_not_depend_on_its_order(desk: Desk) -> None:
    shuffled = products(500).take(pa.array(np.random.default_rng(2).permutation(500)))
    first, second, again = (desk.prepare_inference(t, n) for t, n in ((products(500), "a"), (shuffled, "b"),
                                                                     (products(500), "c")))  # fmt: skip
    assert contents(first / "features") == contents(second / "features")
    assert contents(first) == contents(again)


@pytest.mark.parametrize(("main", "arguments"), [(prepare.main, TRAINING), (prepare_inference.main, DROP)])
def test_a_drop_that_disagrees_with_its_manifest_is_named_and_nothing_is_written(
    main: Any, arguments: tuple[str, ...], desk: Desk, enter: Enter
) -> None:
    job = with_drop(desk, labelled(300))
    path = desk.folder / "drop" / "part_0001_part_00.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    assert enter(main, job, *arguments) == Exit.FINAL
    assert told(job).startswith(f"ManifestError: File {path.name} has {path.stat().st_size} bytes, but the manifest")
    assert told(job).endswith("Fix the data, then drop again.")
    assert not (job.root / "processing" / "output").exists()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (changed(labelled(200), "suitable", [1] * 200), "DataError: The training side has "),
        (labelled(1), "both kinds are needed. Wait for more labels."),
        (labelled(10).slice(0, 0), "holds no rows"),
        (
            changed(labelled(100), "suitable", [2] * 11 + [0, 1] * 44 + [0]),
            "at most 10 may be. Most often: suitable is neither 0 nor 1 (11 rows, first row 1 of part_0000_part_00",
        ),
        (labelled(50).rename_columns({"title": "name"}), "ContractError: file part_0000_part_00.parquet has no column"),
    ],
)
def test_what_is_wrong_with_a_training_drop_is_said_to_those_who_send_it(
    table: pa.Table, words: str, desk: Desk, enter: Enter
) -> None:
    job = with_drop(desk, table)
    assert enter(prepare.main, job, *TRAINING) == Exit.FINAL
    assert words in told(job)
    assert told(job).endswith("Fix the data, then drop again.")


def test_a_product_without_an_id_goes_to_quarantine_and_the_others_on(desk: Desk, enter: Enter) -> None:
    table = changed(products(50), "product_id", [None, *[f"p{i:02d}" for i in range(49)]])
    job = with_drop(desk, table)
    assert enter(prepare_inference.main, job, *DROP) == Exit.DONE
    assert read_folder(job.output("features"))["product_id"].to_pylist() == [f"p{i:02d}" for i in range(49)]
    (kept,) = pq.read_table(job.output("profile") / "quarantine.parquet").to_pylist()
    assert (kept["row"], kept["column"], kept["reason"]) == (1, "product_id", "is empty")


def test_a_type_that_is_not_trained_is_for_those_who_keep_the_settings(desk: Desk, enter: Enter) -> None:
    job = with_drop(desk, labelled(100))
    assert enter(prepare.main, job, *DROP, "--package-type", "cushioned-carton") == Exit.FINAL
    assert told(job).endswith("Change the settings, then drop again.")


@pytest.mark.parametrize("main", [prepare.main, prepare_inference.main, evaluate.main])
def test_missing_arguments_are_our_own_fault(main: Any, desk: Desk, enter: Enter) -> None:
    job = desk.job("bare")
    assert enter(main, job, "--business-date", "2026-11-20") == Exit.FINAL
    assert told(job).startswith("InternalError: Arguments of ")
    assert "report it" in told(job)


def test_the_champion_is_scored_on_the_very_same_rows(desk: Desk, trained: Trained, enter: Enter) -> None:
    desk.cloud.publish(GROUP, trained.model, version=1)
    newest = desk.cloud.publish(GROUP, trained.model, version=2)
    job = trial(desk, trained)
    assert enter(evaluate.main, job, *TRIAL) == Exit.DONE
    found = evaluation(job)
    assert (found["champion"]["arn"], found["candidate"]) == (newest, "s3://b/model.tar.gz")
    assert found["champion"]["metrics"]
    assert found["champion"]["metrics"] == {n: found["metrics"][n] for n in found["champion"]["metrics"]}
    assert {d["value"] for d in found["differences"].values()} == {0.0}


def test_an_approved_model_of_another_package_type_is_no_champion(desk: Desk, trained: Trained, enter: Enter) -> None:
    desk.cloud.publish("rightpack-dev-carton", trained.model)
    job = trial(desk, trained)
    assert enter(evaluate.main, job, *TRIAL) == Exit.DONE
    assert evaluation(job)["champion"] is None


def test_a_rejection_ends_well_and_says_why(desk: Desk, trained: Trained, tmp_path: Path, enter: Enter) -> None:
    job = trial(desk, trained, with_scores(trained, tmp_path / "guess", replaced(lambda s: np.full(len(s), 0.5))))
    assert enter(evaluate.main, job, *TRIAL) == Exit.DONE
    decision = evaluation(job)["decision"]
    assert (decision["status"], decision["approved"]) == ("Rejected", False)
    assert "roc_auc is 0.500 - it must be at least 0.600" in decision["reason"]
    assert desk.cloud.cloudwatch.values("ModelRejected") == {TYPE: 1.0}
    assert "Rejected: " in (job.output("evaluation") / "report.html").read_text()


def test_the_order_and_files_in_which_scores_come_do_not_matter(desk: Desk, trained: Trained, tmp_path: Path) -> None:
    table = read_folder(trained.scores)
    shuffled = table.take(pa.array(np.random.default_rng(4).permutation(table.num_rows)))
    (tmp_path / "mixed").mkdir()
    for name, part in (("b", shuffled.slice(0, 100)), ("a", shuffled.slice(100))):
        pq.write_table(part, tmp_path / "mixed" / f"{name}.parquet.out")
    straight = desk.evaluate(trained.prepared, trained.scores, "straight")
    assert desk.evaluate(trained.prepared, tmp_path / "mixed", "mixed-run") == straight


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.slice(1), "is not scored"),
        (lambda t: pa.concat_tables([t, t.slice(3, 1)]), "is scored twice"),
        (replaced(lambda s: np.where(np.arange(len(s)) == 2, np.nan, s)), "are not all numbers from 0 to 1"),
        (replaced(lambda s: s + 0.5), "are not all numbers from 0 to 1"),
        (lambda t: t.rename_columns(["row_id", "carton"]), f"no column '{TYPE}'"),
    ],
)
def test_scores_that_do_not_match_the_rows_end_without_a_verdict(
    change: Any, words: str, desk: Desk, trained: Trained, tmp_path: Path, enter: Enter
) -> None:
    job = trial(desk, trained, with_scores(trained, tmp_path / "wrong", change))
    assert enter(evaluate.main, job, *TRIAL) == Exit.FINAL
    assert told(job).startswith("ResultError: ")
    assert told(job).endswith(" Drop the same date again; if it comes back, report it with the run's folder.")
    assert words in told(job)
    assert desk.cloud.cloudwatch.data == []


def test_an_artefact_that_is_gone_is_for_those_who_keep_the_data(desk: Desk, trained: Trained, enter: Enter) -> None:
    desk.cloud.publish(GROUP, trained.model)
    desk.cloud.s3.objects.clear()
    job = trial(desk, trained)
    assert enter(evaluate.main, job, *TRIAL) == Exit.FINAL
    assert told(job).startswith("DataError: An object that should be in S3 is not there")
