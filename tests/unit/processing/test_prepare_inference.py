from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from processing.job import manifest_of
from processing.prepare_inference import one_per_product
from processing.tables import read_folder
from rightpack.errors import ContractError
from tests.unit.processing.world import Desk, products, settings


def profile(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "profile" / "profile.json").read_text()))


def test_products_come_out_once_each_in_the_order_of_their_ids(desk: Desk) -> None:
    catalogue = products(100)
    reversed_ = catalogue.take(pa.array(range(99, -1, -1)))
    features = read_folder(desk.prepare_inference(reversed_) / "features")
    assert features["product_id"].to_pylist() == catalogue["product_id"].to_pylist()


def test_a_product_that_is_there_twice_is_taken_once_and_the_profile_says_so(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    catalogue = products(50)
    out = desk.prepare_inference(pa.concat_tables([catalogue, catalogue.slice(3, 2)]))
    assert read_folder(out / "features")["price"].to_pylist() == catalogue["price"].to_pylist()
    assert (profile(out)["rows"], profile(out)["products"], profile(out)["doubled"]) == (52, 50, 2)
    assert "2 rows dropped" in caplog.text


def test_of_rows_that_say_different_things_of_one_product_none_is_used(desk: Desk) -> None:
    catalogue = products(50)
    again = catalogue.slice(3, 2).set_column(catalogue.column_names.index("price"), "price", pa.array([9.0, 9.0]))
    out = desk.prepare_inference(pa.concat_tables([catalogue, again]))
    ids = read_folder(out / "features")["product_id"].to_pylist()
    assert not {"p-000003", "p-000004"} & set(ids)
    assert len(ids) == 48
    assert profile(out)["quarantine"]["reasons"] == [
        {"column": "product_id", "reason": "is that of another row that says something else", "rows": 4}
    ]


def test_no_doubles_no_word_about_them(caplog: pytest.LogCaptureFixture) -> None:
    table, doubled = one_per_product(products(10))
    assert (table.num_rows, doubled, caplog.text) == (10, 0, "")


def test_files_are_cut_to_the_size_of_a_request(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settings(inference={"megabytes_per_file": 0.01}))
    out = desk.prepare_inference(products(1000))
    files = list((out / "features").iterdir())
    assert len(files) == profile(out)["files_to_score"] > 3
    assert max(f.stat().st_size for f in files) <= 10_000
    assert read_folder(out / "features").num_rows == 1000


def test_dimensions_come_along_although_no_model_sees_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settings(features={"numeric": ["weight_g"], "derived": "!remove"}))
    names = read_folder(desk.prepare_inference(products(20)) / "features").column_names
    assert {"length_cm", "width_cm", "height_cm", "price", "is_liquid"} <= set(names)


def test_a_catalogue_without_dimensions_is_fine_where_no_model_needs_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settings(features={"numeric": ["weight_g"], "derived": "!remove"}))
    bare = products(20).select(["product_id", "weight_g", "category", "primary_pack", "title"])
    assert read_folder(desk.prepare_inference(bare) / "features").num_rows == 20


def test_a_missing_feature_is_named(desk: Desk) -> None:
    with pytest.raises(ContractError, match="no column 'title'"):
        desk.prepare_inference(products(20).drop_columns(["title"]))


def test_the_manifest_tells_the_next_step_what_was_written(desk: Desk) -> None:
    out = desk.prepare_inference(products(20))
    assert manifest_of(out / "profile").check(out / "features", "features").rows == 20
