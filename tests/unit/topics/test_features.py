"""Topics as features of packaging models: a copy of the topic model in each artefact, and no skew."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from processing.explanations import Way, explanation
from processing.features.encoder import Encoder
from processing.features.raw import RawColumns
from processing.features.topical import Topical
from processing.reports.drivers import drivers
from processing.scoring.bundle import Bundle, Scorer
from processing.tables import read_folder
from processing.topics.assign import with_topics
from processing.topics.ensemble import Ensemble
from rightpack.errors import ContractError, InternalError, SettingsError
from rightpack.settings import Features, Topics
from rightpack.topic_model import why_off, without_topics
from tests.unit.processing.world import TYPE, Desk, contents, labelled, products, settings
from tests.unit.topics.conftest import titles

GROUP = "rightpack-dev-topics"
FEATURES = Features(numeric=("weight_g",), categorical=("category",), text=("title",), text_buckets=8)
SEEN = Topics(model="arn:the/model/1")


@pytest.fixture(scope="module")
def catalogue() -> pa.Table:
    """Products whose titles have topics."""
    made, _ = titles(600, seed=3)
    return products(600).set_column(10, "title", made)


@pytest.fixture(scope="module")
def topical(model: Ensemble) -> Topical:
    return Topical.of(model, SEEN)


@pytest.fixture(scope="module")
def drop() -> pa.Table:
    """Suitable is what a title's topic says; no other column knows."""
    made, kinds = titles(900, seed=5)
    table = labelled(900)
    suitable = np.array([kind in ("clothes", "books") for kind in kinds])
    flipped = np.random.default_rng(2).random(900) < 0.1
    table = table.set_column(table.column_names.index("title"), "title", made)
    return table.set_column(
        table.column_names.index("suitable"), "suitable", pa.array((suitable ^ flipped).astype(np.int16))
    )


def raw(table: pa.Table) -> RawColumns:
    return RawColumns(table, "the request")


class TestEncoder:
    def test_topics_are_columns_beside_the_others(self, catalogue: pa.Table, topical: Topical) -> None:
        encoder = Encoder.learn(raw(catalogue), FEATURES, topical)
        encoded = encoder.encode(raw(catalogue))
        assert encoded.columns[:3] == ("weight_g", "topic_distance_1", "topic_at_00")
        place = encoded.columns.index("topic_1")
        assert encoded.columns[place - 1] == "category"
        assert encoded.categories[place] == len(topical.vocabularies["topic_1"])
        wanted = with_topics(catalogue, topical.ensemble, coordinates=True)
        codes = encoded.matrix[:, place]
        names = [None if code != code else topical.vocabularies["topic_1"][int(code)] for code in codes]
        assert names == wanted["topic_1"].to_pylist()
        np.testing.assert_allclose(encoded.matrix[:, 2], wanted["topic_at_00"].to_numpy(), rtol=1e-6)

    def test_a_row_by_itself_is_encoded_as_among_others(self, catalogue: pa.Table, topical: Topical) -> None:
        encoder = Encoder.learn(raw(catalogue), FEATURES, topical)
        together = encoder.encode(raw(catalogue)).matrix
        for row in (0, 17, 599):
            np.testing.assert_array_equal(encoder.encode(raw(catalogue.slice(row, 1))).matrix[0], together[row])

    def test_what_is_loaded_encodes_as_what_was_saved(
        self, catalogue: pa.Table, topical: Topical, tmp_path: Path
    ) -> None:
        encoder = Encoder.learn(raw(catalogue), FEATURES, topical)
        encoder.save(tmp_path)
        found = Encoder.load(tmp_path)
        assert found.topics is not None
        assert (found.topics.model, found.raw) == (SEEN.model, ("weight_g", "category", "title"))
        np.testing.assert_array_equal(found.encode(raw(catalogue)).matrix, encoder.encode(raw(catalogue)).matrix)

    def test_an_encoder_of_an_earlier_release_sees_no_topics(self, catalogue: pa.Table, tmp_path: Path) -> None:
        Encoder.learn(raw(catalogue), FEATURES).save(tmp_path)
        assert Encoder.load(tmp_path).topics is None
        assert not (tmp_path / "topics").exists()

    def test_models_of_one_bundle_look_for_topics_once(
        self, catalogue: pa.Table, topical: Topical, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked: list[int] = []
        assign = Ensemble.assign

        def counted(ensemble: Ensemble, texts: pa.Array) -> Any:
            looked.append(len(texts))
            return assign(ensemble, texts)

        monkeypatch.setattr(Ensemble, "assign", counted)
        encoders = [Encoder.learn(raw(catalogue), FEATURES, topical) for _ in range(3)]
        columns = raw(catalogue)
        for encoder in encoders:
            encoder.encode(columns)
        assert looked == [600]

    def test_the_text_column_must_be_there(self, catalogue: pa.Table, topical: Topical) -> None:
        encoder = Encoder.learn(raw(catalogue), replace(FEATURES, text=()), topical)
        with pytest.raises(ContractError, match="title"):
            encoder.encode(raw(catalogue.drop_columns(["title"])))

    def test_a_feature_may_not_be_called_as_a_column_of_topics(self, catalogue: pa.Table, topical: Topical) -> None:
        clash = catalogue.rename_columns({"price": "topic_at_00"})
        with pytest.raises(SettingsError, match="topic_at_00"):
            Encoder.learn(raw(clash), replace(FEATURES, numeric=("topic_at_00",)), topical)

    @pytest.mark.parametrize(("layers", "coordinates", "columns"), [(1, False, 2), (3, True, 10), (0, True, 4)])
    def test_settings_say_what_is_seen(self, model: Ensemble, *, layers: int, coordinates: bool, columns: int) -> None:
        found = Topical.of(model, Topics(layers=layers, coordinates=coordinates))
        assert len(found.numeric) + len(found.categorical) == columns
        assert len(found.ensemble.layers) == max(layers, 1)

    def test_a_damaged_copy_is_named(self, topical: Topical, tmp_path: Path) -> None:
        topical.save(tmp_path)
        (tmp_path / "topics" / "features.json").write_text("{}")
        with pytest.raises(InternalError, match=r"features\.json"):
            Topical.load(tmp_path)


class TestTraining:
    def desk(self, folder: Path, model: Ensemble, **topics: Any) -> Desk:
        chosen = settings(features={"text": ["title"], "text_buckets": 2}, topics=topics)
        desk = Desk(folder, chosen)
        given = folder / "topic-model" / "model"
        model.save(given)
        arn = desk.cloud.publish(GROUP, given)
        return replace(desk, settings=replace(chosen, topics=replace(chosen.topics, model=arn)))

    def test_a_model_sees_the_topics_that_its_settings_name_and_takes_a_copy_along(
        self, tmp_path: Path, model: Ensemble, drop: pa.Table
    ) -> None:
        desk = self.desk(tmp_path, model)
        prepared = desk.prepare(drop)
        trained = desk.train(prepared)
        card = json.loads((trained / TYPE / "card.json").read_text())
        assert card["topics"] == desk.settings.topics.model
        desk.cloud.s3.objects.clear()  # what was approved may go
        desk.cloud.sagemaker.packages.clear()
        assert desk.evaluate(prepared, desk.score(trained, prepared / "validation"))["metrics"]["roc_auc"] > 0.85

        (scorer,) = Bundle.load(trained).scorers
        assert isinstance(scorer, Scorer)
        validation = read_folder(prepared / "validation")
        explained = explanation(Way.single(scorer, 1), validation, scorer.score(raw(validation)), seed=1)
        assert explained["features"][0]["feature"].startswith("topic_")
        shown = drivers(explained)
        assert shown is not None
        assert desk.settings.topics.model in shown["topics"]

    def test_without_an_approved_topic_model_card_and_report_say_so(self, tmp_path: Path, drop: pa.Table) -> None:
        desk = Desk(tmp_path, settings())
        prepared = desk.prepare(drop)
        trained = desk.train(prepared)
        said = "none: no topic model was approved when the run started"
        assert json.loads((trained / TYPE / "card.json").read_text())["topics"] == said
        (scorer,) = Bundle.load(trained).scorers
        assert isinstance(scorer, Scorer)
        validation = read_folder(prepared / "validation")
        shown = drivers(explanation(Way.single(scorer, 1), validation, scorer.score(raw(validation)), seed=1))
        assert shown is not None
        assert shown["topics"] == "It sees no topics of texts: no topic model was approved when the run started."
        assert not (trained / TYPE / "topics").exists()

    def test_the_same_rows_settings_and_topic_model_give_a_byte_identical_model(
        self, tmp_path: Path, model: Ensemble, drop: pa.Table
    ) -> None:
        desk = self.desk(tmp_path, model)
        prepared = desk.prepare(drop)
        first = contents(desk.train(prepared))
        shutil.rmtree(tmp_path / "train")
        assert contents(desk.train(prepared)) == first

    def test_a_registered_version_that_is_no_topic_model_is_refused(
        self, tmp_path: Path, model: Ensemble, drop: pa.Table
    ) -> None:
        desk = self.desk(tmp_path, model)
        (tmp_path / "other" / "model").mkdir(parents=True)
        (tmp_path / "other" / "model" / "card.json").write_text("{}")
        other = desk.cloud.publish("rightpack-dev-carton", tmp_path / "other" / "model")
        desk = replace(desk, settings=replace(desk.settings, topics=replace(desk.settings.topics, model=other)))
        with pytest.raises(Exception, match="no whole topic model"):
            desk.train(desk.prepare(drop))


def test_settings_that_turn_topics_off_are_said() -> None:
    assert why_off(settings()) == ""
    assert without_topics(settings(topics={"use": False})) == "none: the settings say topics.use = false"
    assert "no column 'title'" in why_off(settings(features={"text": []}))
