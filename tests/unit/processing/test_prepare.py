from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from processing import prepare
from processing.job import manifest_of
from processing.prepare import Prepared
from processing.tables import read_folder
from rightpack.errors import DataError, SettingsError
from rightpack.settings import Split
from tests.unit.processing.world import DATA, MANIFEST, Desk, labelled, settings, write_drop

HALF = Split(validation_share=0.5)


def rows(*labels: tuple[str, str, int]) -> pa.Table:
    """Rows of (label_id, product_id, suitable)."""
    ids, products, suitable = zip(*labels, strict=True)
    return pa.table(
        {
            "label_id": pa.array(ids),
            "product_id": pa.array(products),
            "suitable": pa.array(suitable, pa.int8()),
            "weight": pa.array(np.ones(len(ids))),
            "observed_at": pa.array([0] * len(ids), pa.timestamp("us")),
            "price": pa.array(np.arange(len(ids), dtype=np.float64)),
        }
    )


def many(count: int = 40) -> list[tuple[str, str, int]]:
    return [(f"l{i}", f"p{i}", i % 2) for i in range(count)]


def ids(prepared: Prepared) -> list[str]:
    return [*prepared.train["row_id"].to_pylist(), *prepared.validation["row_id"].to_pylist()]


def test_every_labelled_row_ends_on_exactly_one_side() -> None:
    prepared = prepare.prepare(rows(*many()), HALF)
    assert sorted(ids(prepared)) == sorted(f"l{i}" for i in range(40))
    assert (prepared.left_out, prepared.doubled) == (0, 0)


def test_the_order_of_a_drops_rows_does_not_matter() -> None:
    table = rows(*many())
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(40)))
    one, two = prepare.prepare(table, HALF), prepare.prepare(shuffled, HALF)
    assert one.train.equals(two.train)
    assert one.validation.equals(two.validation)


def test_all_labels_of_a_product_are_on_one_side() -> None:
    labels = [(f"l{i}-{j}", f"p{i}", j) for i in range(30) for j in (0, 1)]
    prepared = prepare.prepare(rows(*labels), HALF)
    sides = [set(side["product_id"].to_pylist()) for side in (prepared.train, prepared.validation)]
    assert not sides[0] & sides[1]
    assert len(ids(prepared)) == 60


def test_equal_rows_are_taken_once_and_counted() -> None:
    table = rows(*many())
    prepared = prepare.prepare(pa.concat_tables([table, table.slice(0, 3)]), HALF)
    assert prepared.doubled == 3
    assert len(set(ids(prepared))) == len(ids(prepared)) == 40


def test_a_label_id_that_stands_for_two_labels_is_named() -> None:
    with pytest.raises(DataError, match="label_id 'l7'"):
        prepare.prepare(rows(*many(), ("l7", "p7", 0)), HALF)


def test_without_label_ids_a_products_labels_are_told_apart_by_number() -> None:
    labels = [(f"l{i}-{j}", f"p{i}", j) for i in range(30) for j in (0, 1)]
    found = ids(prepare.prepare(rows(*labels).drop_columns(["label_id"]), HALF))
    assert sorted(found) == sorted(f"p{i}#{j}" for i in range(30) for j in (0, 1))


@pytest.mark.parametrize("value", [0, 1])
def test_labels_of_one_kind_are_refused_with_their_counts(value: int) -> None:
    with pytest.raises(DataError, match=r"The training side has \d+ rows, \d+ suitable and \d+ not; both kinds"):
        prepare.prepare(rows(*((a, b, value) for a, b, _ in many())), HALF)


def test_a_validation_side_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="The validation side has 0 rows"):
        prepare.prepare(rows(*many()), Split(validation_share=0.0))


@pytest.fixture
def prepared(desk: Desk) -> Path:
    return desk.prepare(labelled(400))


def profile(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "profile" / "profile.json").read_text()))


def test_the_transform_gets_ids_and_raw_features_and_no_labels(prepared: Path) -> None:
    names = read_folder(prepared / "validation").column_names
    assert names == ["row_id", "product_id", *settings().features.raw]


def test_labels_and_validation_rows_are_the_same_in_the_same_order(prepared: Path) -> None:
    labels, validation = (read_folder(prepared / name) for name in ("labels", "validation"))
    assert labels.column_names == ["product_id", "row_id", "suitable", "weight", "observed_at"]
    assert labels["row_id"].equals(validation["row_id"])
    assert labels["row_id"].to_pylist() == sorted(labels["row_id"].to_pylist())


def test_the_profile_counts_what_was_split(prepared: Path) -> None:
    found = profile(prepared)
    train, validation = (read_folder(prepared / name) for name in ("train", "labels"))
    assert found["train"]["rows"] == train.num_rows
    assert found["train"]["positives"] == sum(train["suitable"].to_pylist())
    assert found["validation"]["rows"] == validation.num_rows == 400 - train.num_rows
    assert found["files"] == 2
    assert found["columns"]["price"]["quantiles"]["0.5"] > 0
    assert 0 < found["columns"]["length_cm"]["missing_share"] < 0.1
    assert found["columns"]["category"]["distinct"] == 5
    assert list(found["columns"]["category"]["top"]) >= ["books"]


def test_the_manifest_tells_the_next_step_what_was_written(prepared: Path) -> None:
    manifest = manifest_of(prepared / "profile")
    for name in ("train", "validation", "labels", "profile"):
        manifest.check(prepared / name, name)
    assert {a.name: a.rows for a in manifest.inputs} == {"data": 400}


def test_the_same_drop_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        folders.append(Desk(folder, settings()).prepare(labelled(300)))
    one, two = ({a.name: a.sha256 for a in manifest_of(f / "profile").outputs} for f in folders)
    assert one == two


def test_validation_files_are_cut_to_the_size_of_a_request(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settings(inference={"rows_per_file": 30}))
    out = desk.prepare(labelled(400))
    rows_, files = profile(out)["validation"]["rows"], len(list((out / "validation").iterdir()))
    assert files == -(-rows_ // 30) > 1


def test_the_newest_weeks_are_held_out_where_the_settings_say_so(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settings(split={"holdout_weeks": 8}))
    found = profile(desk.prepare(labelled(400)))
    assert found["train"]["observed_at"]["last"] < found["validation"]["observed_at"]["first"]


@pytest.mark.parametrize(("name", "message"), [("padded-mialer", "padded-mailer"), ("cushioned-carton", "not trained")])
def test_a_type_that_cannot_be_trained_is_refused(name: str, message: str, desk: Desk) -> None:
    with pytest.raises(SettingsError, match=message):
        desk.prepare(labelled(100), package_type=name)


def test_nothing_is_written_of_a_drop_that_breaks_its_promise(desk: Desk) -> None:
    drop = desk.folder / "drop"
    write_drop(drop, labelled(100))[0].unlink()
    job = desk.job("prepare", {"data": drop})
    with pytest.raises(DataError, match="not in the drop"):
        prepare.run(job, prepare.Arguments(DATA, MANIFEST, "carton", "2026-11-20"))
    assert not (job.root / "processing" / "output").exists()
