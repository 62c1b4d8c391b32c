from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from processing.artefact import unpack
from processing.job import manifest_of
from processing.scoring.bundle import Bundle
from processing.tables import read_folder
from rightpack.errors import ManifestError
from rightpack.loader import UsedModel
from rightpack.manifest import parse_files
from tests.unit.processing.conftest import Trained
from tests.unit.processing.world import GROUP, TYPE, Cloud, Desk, labelled, products, settings

OTHERS = ("none", "carton")


class Shop(Desk):
    """A desk whose cloud has approved models of three types, and one whole inference run."""

    prepared: Path
    bundled: Path
    scores: Path
    out: Path


@pytest.fixture(scope="module")
def shop(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(tmp_path_factory.mktemp("shop"), settings(), Cloud())
    made.cloud.publish(GROUP, trained.model)
    for number, name in enumerate(OTHERS):
        prepared = made.prepare(labelled(600, seed=number + 5), f"prepare-{name}", name)
        made.cloud.publish(f"rightpack-dev-{name}", made.train(prepared, f"train-{name}", name))
    made.prepared = made.prepare_inference(products(700, seed=3))
    made.bundled = made.bundle()
    model = unpack(made.bundled / "model.tar.gz", made.folder / "unpacked")
    made.scores = made.score(model, made.prepared / "features")
    made.out = made.recommend(made.prepared, made.bundled, made.scores)
    return made


def written(out: Path, name: str) -> pa.Table:
    """One table's files, without the COPY manifest that lies beside them."""
    return pa.concat_tables([pq.read_table(path) for path in sorted((out / name).glob("*.parquet"))])


def summary(shop: Shop) -> dict[str, Any]:
    return dict(json.loads((shop.out / "report" / "summary.json").read_text()))


def test_a_bundle_scores_as_its_models_do_alone(shop: Shop, trained: Trained) -> None:
    features = read_folder(shop.prepared / "features")
    alone = Bundle.load(trained.model).score(features)
    assert read_folder(shop.scores)[TYPE].equals(alone[TYPE])


def test_predictions_have_the_columns_of_the_table_and_a_row_per_product_and_model(shop: Shop) -> None:
    table = written(shop.out, "predictions")
    assert table.schema.names == ["product_id", "package_type", "suitability", "raw_score", "model_version"]
    assert [str(t) for t in table.schema.types] == ["string", "string", "double", "double", "string"]
    assert table.num_rows == 700 * 3
    assert table.group_by(["product_id", "package_type"]).aggregate([]).num_rows == 2100
    assert sum(column.null_count for column in table.columns) == 0


def test_recommendations_have_the_columns_of_the_table_and_a_row_per_product(shop: Shop) -> None:
    table = written(shop.out, "recommendations")
    assert table.schema.names == [
        "product_id",
        "package_type",
        "runner_up",
        "previous_type",
        "suitability",
        "est_damage",
        "est_cost",
        "est_grams",
        "rule",
        "reason",
    ]
    assert table["product_id"].to_pylist() == products(700, seed=3)["product_id"].to_pylist()
    filled = [n for n in table.column_names if n not in {"runner_up", "previous_type"}]
    assert {name: table[name].null_count for name in filled} == dict.fromkeys(filled, 0)


def test_raw_scores_are_the_models_own_and_suitability_rises_with_protection(shop: Shop) -> None:
    table, raw = written(shop.out, "predictions"), read_folder(shop.scores)
    for name in ("none", TYPE, "carton"):
        own = table.filter(pc.equal(table["package_type"], name))
        assert own["raw_score"].to_pylist() == raw[name].to_pylist()
    suitability = table["suitability"].to_numpy().reshape(700, 3)
    assert table["package_type"].to_pylist()[:3] == ["none", TYPE, "carton"]
    assert (suitability[:, 1:] >= suitability[:, :-1]).all()
    assert (raw["none"].to_numpy() > raw[TYPE].to_numpy()).any(), "there was something to put in order"


@pytest.mark.parametrize("name", ["predictions", "recommendations"])
def test_the_copy_manifest_lists_every_file_where_it_will_lie(shop: Shop, name: str) -> None:
    folder = shop.out / name
    text = (folder / "manifest").read_text()
    files = parse_files(text, "manifest")
    assert [f.url for f in files] == [f"s3://out/recommend/{name}/{p.name}" for p in sorted(folder.glob("*.parquet"))]
    assert all(entry["mandatory"] for entry in json.loads(text)["entries"])
    for entry in files:
        assert entry.content_length == (folder / entry.name).stat().st_size
        assert entry.record_count == pq.read_metadata(folder / entry.name).num_rows


def test_the_summary_adds_up(shop: Shop) -> None:
    found, table = summary(shop), written(shop.out, "recommendations")
    assert found["counts"]["products"] == found["counts"]["recommendations"] == 700
    assert found["counts"]["predictions"] == 2100
    assert found["order_violations"] == 0
    mix = Counter(table["package_type"].to_pylist())
    assert {k: v for k, v in found["mix"].items() if v} == dict(mix)
    assert {k: v for k, v in found["rules"].items() if v} == dict(Counter(table["rule"].to_pylist()))
    assert found["left_out"] == ["book-box", "paper-bag"]
    assert found["estimates"]["mean_cost"] == pytest.approx(pc.mean(table["est_cost"]).as_py())


def test_the_summary_names_models_as_the_loader_wants_them(shop: Shop) -> None:
    models = [UsedModel(**model) for model in summary(shop)["models"]]
    assert {m.package_type for m in models} == {"none", TYPE, "carton"}


def test_the_manifest_tells_the_load_step_how_many_rows_there_are(shop: Shop) -> None:
    rows = {a.name: a.rows for a in manifest_of(shop.out / "report").outputs}
    assert (rows["predictions"], rows["recommendations"]) == (2100, 700)


def test_types_left_out_are_not_recommended(shop: Shop) -> None:
    assert summary(shop)["mix"]["book-box"] == summary(shop)["mix"]["paper-bag"] == 0


def test_products_of_unknown_size_get_the_fallback_and_are_told_why(shop: Shop) -> None:
    table = written(shop.out, "recommendations")
    unknown = read_folder(shop.prepared / "features")["length_cm"].is_null()
    assert pc.sum(unknown).as_py() == summary(shop)["counts"]["products_of_unknown_fit"] > 0
    of_unknown = table.filter(unknown)
    assert set(of_unknown["package_type"].to_pylist()) == {"cushioned-carton"}
    assert all("not known" in reason for reason in of_unknown["reason"].to_pylist())


def test_the_same_inputs_give_the_same_tables(shop: Shop) -> None:
    again = shop.recommend(shop.prepared, shop.bundled, shop.scores, "recommend-again")
    for name in ("predictions", "recommendations"):
        one, two = ([p.read_bytes() for p in sorted((f / name).glob("*.parquet"))] for f in (shop.out, again))
        assert one == two
    assert (again / "report" / "report.html").read_bytes() == (shop.out / "report" / "report.html").read_bytes()


def test_blocks_of_products_change_but_the_number_of_files_for_the_slices(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processing.recommend.BLOCK", 123)
    blocked = shop.recommend(shop.prepared, shop.bundled, shop.scores, "recommend-blocks")
    for name in ("predictions", "recommendations"):
        assert len(list((blocked / name).glob("*.parquet"))) == 8
        assert written(blocked, name).equals(written(shop.out, name))
    own = json.loads((blocked / "report" / "summary.json").read_text())
    assert {k: own[k] for k in ("counts", "mix", "rules")} == {k: summary(shop)[k] for k in ("counts", "mix", "rules")}


def test_scores_in_another_order_change_nothing(shop: Shop, tmp_path: Path) -> None:
    scores = read_folder(shop.scores)
    pq.write_table(scores.take(pa.array(range(699, -1, -1))), tmp_path / "part-00000.parquet.out")
    again = shop.recommend(shop.prepared, shop.bundled, tmp_path, "recommend-shuffled")
    assert written(again, "recommendations").equals(written(shop.out, "recommendations"))


def test_a_product_that_was_not_scored_stops_the_run(shop: Shop, tmp_path: Path) -> None:
    pq.write_table(read_folder(shop.scores).slice(0, 699), tmp_path / "part-00000.parquet.out")
    with pytest.raises(ManifestError, match="'p-000699' is not scored: 700 rows were sent and 699"):
        shop.recommend(shop.prepared, shop.bundled, tmp_path, "recommend-torn")


def test_expected_cost_is_cheaper_by_its_own_word_than_always_the_strongest(shop: Shop) -> None:
    thrifty = Shop(shop.folder, settings(recommendation={"rule": "expected-cost"}), shop.cloud)
    out = thrifty.recommend(shop.prepared, shop.bundled, shop.scores, "recommend-thrifty")
    found = json.loads((out / "report" / "summary.json").read_text())
    assert found["rules"]["expected-cost"] > 0
    assert found["estimates"]["mean_cost"] < found["estimates"]["mean_baseline_cost"]
