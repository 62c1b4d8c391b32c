from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from processing.topics.assign import categorical, features, numeric, with_topics
from processing.topics.ensemble import Ensemble
from processing.topics.layer import Layer
from processing.topics.train import learn, parts_of
from rightpack.errors import ContractError, DataError
from rightpack.revision import revise
from tests.unit.topics.conftest import OPTIONS, RULE, three_layers


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_second_layer_looks_only_into_what_is_over_general(texts: pa.Array) -> None:
    first = learn(texts, None, OPTIONS)
    chosen = first.revised(first.mapping.edited("01", by="ada", action="split"))
    second = learn(texts, chosen, OPTIONS)
    assert set(second.layers[1].groupings) == {"01"}
    assert {t.parent for t in second.mapping.topics if t.layer == 2} == {"01"}
    assert len(parts_of(texts, chosen)["01"]) == chosen.mapping.sizes()["01"]


def test_an_edit_of_the_mapping_changes_what_the_next_layer_learns(texts: pa.Array) -> None:
    first = learn(texts, None, OPTIONS)
    split = first.revised(first.mapping.edited("01", by="ada", action="split"))
    merged = split.revised(split.mapping.edited("02", by="ada", action="merge-into", into="01"))
    parts = [parts_of(texts, model)["01"] for model in (split, merged)]
    assert len(parts[1]) == len(parts[0]) + first.mapping.topic("02").size


def test_a_dropped_topic_has_no_texts_and_is_not_looked_into(texts: pa.Array, model: Ensemble) -> None:
    top = model.mapping.topic("00")
    dropped = model.revised(model.mapping.edited("00", by="ada", action="drop"))
    placed = dropped.assign(texts)
    assert placed[0].there.sum() == model.assign(texts)[0].there.sum() - top.size
    assert not any(str(name).startswith("00") for layer in placed for name in layer.topics)


def test_a_topic_too_small_to_split_is_left_whole(texts: pa.Array) -> None:
    first = learn(texts.slice(0, 100), None, OPTIONS)
    split = first.revised(first.mapping.edited("03", by="ada", action="split"))
    second = learn(texts.slice(0, 100), split, OPTIONS)
    assert second.layers[1].groupings == {}
    assert [t.layer for t in second.mapping.topics] == [1] * 4


def test_a_topic_whose_words_do_not_repeat_is_left_whole(texts: pa.Array, caplog: pytest.LogCaptureFixture) -> None:
    strange = pa.array([f"strange{i}" for i in range(200)])
    layer = Layer.fit(2, {"00": texts, "01": strange}, OPTIONS)
    assert set(layer.groupings) == {"00"}
    assert "topic 01 is left whole" in caplog.text


def test_topics_carry_their_size_and_parent(texts: pa.Array, model: Ensemble) -> None:
    ones = [t for t in model.mapping.topics if t.layer == 1]
    assert sum(t.size for t in ones) == model.assign(texts)[0].there.sum()
    for topic in model.mapping.topics:
        assert topic.topic.startswith(topic.parent)
        assert topic.name.split()[0] == topic.keywords[0]


def test_the_same_texts_give_the_same_bytes(texts: pa.Array, model: Ensemble, tmp_path: Path) -> None:
    for place, made in (("one.tar.gz", model), ("two.tar.gz", three_layers(texts))):
        made.pack(tmp_path / place)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


def test_what_is_loaded_assigns_and_stores_as_what_was_learned(
    texts: pa.Array, model: Ensemble, tmp_path: Path
) -> None:
    model.save(tmp_path / "one")
    loaded = Ensemble.load(tmp_path / "one")
    for ours, theirs in zip(model.assign(texts), loaded.assign(texts), strict=True):
        assert ours.topics.tolist() == theirs.topics.tolist()
        np.testing.assert_array_equal(ours.distances, theirs.distances)
    loaded.save(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_archive_holds_text_only_and_loads_from_its_folder(model: Ensemble, tmp_path: Path) -> None:
    model.pack(tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        names = archive.getnames()
    assert names == ["layer-1.json", "layer-2.json", "layer-3.json", "mapping.json", "topics.json"]
    assert Ensemble.load(tmp_path).mapping == model.mapping


@pytest.mark.parametrize("missing", ["topics.json", "mapping.json", "layer-2.json"])
def test_a_half_written_model_is_refused(model: Ensemble, tmp_path: Path, missing: str) -> None:
    model.save(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(DataError, match="training did not end"):
        Ensemble.load(tmp_path)


def test_a_mapping_of_another_model_is_refused(texts: pa.Array, model: Ensemble) -> None:
    other = learn(texts, None, OPTIONS)
    with pytest.raises(DataError, match="same execution"):
        model.revised(other.mapping)


def test_features_have_one_row_per_title_and_are_null_where_nothing_is_known(
    shop: tuple[pa.Array, list[str]], model: Ensemble
) -> None:
    titles = pa.array([*shop[0].to_pylist()[:20], "unheard", None])
    found = features(model, titles, coordinates=True)
    assert found.num_rows == 22
    assert found.column_names[:6] == [n for i in (1, 2, 3) for n in (f"topic_{i}", f"topic_distance_{i}")]
    assert set(found.column_names) == {*categorical(), *numeric(model, coordinates=True)}
    assert [set(found[name].to_pylist()[20:]) for name in found.column_names] == [{None}] * found.num_columns
    assert found["topic_1"].slice(0, 20).null_count < 3


def test_a_title_has_the_same_features_alone_and_among_others(
    shop: tuple[pa.Array, list[str]], model: Ensemble
) -> None:
    together = features(model, shop[0], coordinates=True).slice(7, 1)
    alone = features(model, shop[0].slice(7, 1), coordinates=True)
    for name in alone.column_names:
        assert alone[name].to_pylist() == pytest.approx(together[name].to_pylist())


def test_a_model_of_one_layer_leaves_the_other_columns_empty(texts: pa.Array) -> None:
    first = learn(texts, None, OPTIONS)
    found = features(first.revised(revise(first.mapping, RULE)), texts)
    assert found["topic_2"].null_count == found["topic_distance_3"].null_count == len(texts)


def test_topic_columns_join_a_table_of_products(shop: tuple[pa.Array, list[str]], model: Ensemble) -> None:
    table = pa.table({"product_id": ["a", "b"], "title": shop[0].slice(0, 2)})
    assert with_topics(table, model).column_names[:2] == ["product_id", "title"]
    assert with_topics(table, model).num_columns == 8
    with pytest.raises(ContractError, match="'name'"):
        with_topics(table, model, text="name")
