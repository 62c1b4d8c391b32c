from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from processing.artefact import pack as archive
from processing.job import Job, manifest_of, run_step
from processing.tables import read_folder, write_parts
from processing.topics import pack, prepare, train
from processing.topics.ensemble import Ensemble
from processing.topics.options import Options
from processing.train import main as command_train
from rightpack.errors import ContractError, DataError, InternalError, SettingsError
from rightpack.manifest import FileEntry, write_files
from rightpack.revision import revise
from tests.unit.processing.world import ENVIRONMENT, Cloud
from tests.unit.topics.conftest import OPTIONS, RULE, settings_in, titles

DATA = "s3://data/drops/topics/x/data/"
QUICK = {"topics": "4", "dimensions": "8", "reduced": "4", "least_texts": "40", "folds": "2"}
Make = Callable[..., Job]


def table(count: int = 600) -> pa.Table:
    found, _ = titles(count)
    return pa.table({"product_id": [f"p-{i:05d}" for i in range(count)], "title": found})


def continued(job: Job, before: Job, mapping: str) -> Job:
    """The job with the channels that continue an earlier layer's job."""
    for name in ("previous", "mapping"):
        (job.root / "input" / "data" / name).mkdir()
    archive(before.model, job.root / "input" / "data" / "previous" / "model.tar.gz")
    (job.root / "input" / "data" / "mapping" / "mapping.json").write_text(mapping)
    return job


class TestTrain:
    def test_layer_one_writes_a_model_and_its_loss(
        self, training_job: Make, capsys: pytest.CaptureFixture[str]
    ) -> None:
        job = training_job("1", table(), **QUICK)
        train.run(job)
        assert len(Ensemble.load(job.model).layers) == 1
        metrics = dict(re.findall(r"^(topic_\w+)=([0-9.eE+-]+);$", capsys.readouterr().out, flags=re.MULTILINE))
        assert set(metrics) >= {"topic_loss", "topic_coherence", "topic_outliers", "topic_over_general"}
        assert 0 < float(metrics["topic_loss"]) < 3.5

    def test_the_next_layer_reads_the_revised_mapping(self, training_job: Make) -> None:
        first = training_job("1", table(), **QUICK)
        train.run(first)
        draft = Ensemble.load(first.model).mapping
        second = continued(
            training_job("2", table(), **QUICK), first, draft.edited("02", by="ada", action="split").to_json()
        )
        train.run(second)
        found = Ensemble.load(second.model)
        assert set(found.layers[1].groupings) == {"02"}
        assert found.mapping.topic("02").note == "by ada"

    def test_texts_in_another_order_or_cleaned_before_give_the_same_model(self, training_job: Make) -> None:
        given = table()
        cleaned = prepare.prepare(given, "title", 10_000)
        turned = given.take(pa.array(range(given.num_rows - 1, -1, -1)))
        models = []
        for name, one in (("1", given), ("01", turned), ("001", cleaned)):
            job = training_job(name, one, **QUICK)
            train.run(job)
            models.append({p.name: p.read_bytes() for p in job.model.iterdir()})
        assert models[0] == models[1] == models[2]

    @pytest.mark.parametrize("layer", ["0", "4", "two"])
    def test_a_layer_that_is_not_one_of_three_is_refused(self, training_job: Make, layer: str) -> None:
        with pytest.raises(InternalError, match="LAYER"):
            train.run(training_job(layer, table(), **QUICK))

    def test_a_layer_that_does_not_follow_the_one_before_is_refused(self, training_job: Make) -> None:
        first = training_job("1", table(), **QUICK)
        train.run(first)
        mapping = (first.model / "mapping.json").read_text()
        with pytest.raises(InternalError, match="follows layer 2"):
            train.run(continued(training_job("3", table(), **QUICK), first, mapping))

    def test_without_a_mapping_the_job_says_what_is_missing(self, training_job: Make) -> None:
        first = training_job("1", table(), **QUICK)
        train.run(first)
        job = continued(training_job("2", table(), **QUICK), first, "")
        (job.root / "input" / "data" / "mapping" / "mapping.json").unlink()
        assert run_step(train.run, job, note="failure") == 1
        assert b"callback step must answer" in (job.notes / "failure").read_bytes()

    def test_texts_without_titles_are_refused(self, training_job: Make) -> None:
        with pytest.raises(ContractError, match="product_id and text"):
            train.run(training_job("1", table().drop_columns(["title"]), **QUICK))

    def test_a_wrong_hyperparameter_is_named(self, training_job: Make) -> None:
        with pytest.raises(SettingsError, match="'topcs'"):
            train.run(training_job("1", table(), topcs="3"))

    def test_hyperparameters_of_the_settings_hold_where_the_job_has_none(self, tmp_path: Path) -> None:
        given = {"topics": 7, "most-texts": 10}
        assert Options.read(tmp_path, given) == Options(topics=7, most_texts=10)
        (tmp_path / "hyperparameters.json").write_text(json.dumps({"topics": '"9"', "_tuning": "x"}))
        assert Options.read(tmp_path, given) == Options(topics=9, most_texts=10)

    def test_the_images_command_train_sees_by_its_environment_that_it_is_a_layer(
        self, training_job: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = training_job("1", table(), **QUICK)
        monkeypatch.setenv("RIGHTPACK_ML_ROOT", str(job.root))
        monkeypatch.setenv("LAYER", "1")
        assert command_train() == 0
        assert len(Ensemble.load(job.model).layers) == 1

    def test_names_that_the_platform_adds_are_passed_over(self, training_job: Make) -> None:
        hyperparameters = {**QUICK, "_tuning_objective_metric": "topic_loss", "sagemaker_job_name": '"x"', "folds": "0"}
        train.run(training_job("1", table(), **hyperparameters))


class TestPrepare:
    def drop(self, root: Path, products: pa.Table, **topics: Any) -> Job:
        settings_in(root / "processing" / "input" / "config", **topics)
        folder = root / "processing" / "input" / "data"
        (part,) = write_parts(products, folder)
        entries = [FileEntry(f"{DATA}{part.path.name}", part.bytes, part.rows)]
        (folder / "part_manifest").write_text(write_files(entries))
        return Job(root, {})

    def arguments(self) -> prepare.Arguments:
        return prepare.Arguments(DATA, f"{DATA}part_manifest")

    def test_clean_texts_come_out_once_per_product(self, tmp_path: Path) -> None:
        products = pa.table({"product_id": ["b", "a", "a", "c"], "title": ["Two Mugs", "A Bowl", "again", "12"]})
        job = self.drop(tmp_path, products)
        prepare.run(job, self.arguments())
        texts = read_folder(job.output("texts"))
        assert texts.to_pydict() == {"product_id": ["a", "b"], "text": ["bowl", "two mug"]}
        profile = json.loads((job.output("profile") / "profile.json").read_text())
        assert (profile["rows"], profile["doubled"], profile["texts"], profile["mean_words"]) == (4, 1, 2, 1.5)
        manifest_of(job.output("profile")).check(job.output("texts"), "texts")

    def test_of_too_many_products_some_are_taken_evenly(self, tmp_path: Path) -> None:
        job = self.drop(tmp_path, table(100), most_texts=30)
        prepare.run(job, self.arguments())
        assert read_folder(job.output("texts")).num_rows == 25

    def test_settings_say_which_column_the_texts_are_in(self, tmp_path: Path) -> None:
        products = pa.table({"product_id": ["a"], "title": ["A Bowl"], "details": ["Two Mugs"]})
        job = self.drop(tmp_path, products, text="details")
        prepare.run(job, self.arguments())
        assert read_folder(job.output("texts"))["text"].to_pylist() == ["two mug"]

    def test_a_catalogue_without_words_is_refused(self, tmp_path: Path) -> None:
        job = self.drop(tmp_path, pa.table({"product_id": ["a"], "title": ["12"]}))
        with pytest.raises(DataError, match="has a word"):
            prepare.run(job, self.arguments())


class TestPack:
    def job(self, root: Path, model: Ensemble, products: pa.Table) -> Job:
        given = root / "processing" / "input"
        (given / "model").mkdir(parents=True)
        model.pack(given / "model" / "model.tar.gz")
        write_parts(prepare.prepare(products, "title", 10_000), given / "texts")
        return Job(root, ENVIRONMENT, Cloud().client)

    def test_three_layers_become_one_model_with_its_statistics(self, tmp_path: Path, model: Ensemble) -> None:
        job = self.job(tmp_path, model, table(1200))
        pack.run(job)
        packed = Ensemble.load(job.output("packed"))
        assert packed.mapping == revise(model.mapping, RULE.of({}))
        figures = json.loads((job.output("quality") / "statistics.json").read_text())
        assert [layer["layer"] for layer in figures["layers"]] == [1, 2, 3]
        assert figures["layers"][0]["covered"] > 0.9
        assert figures["mapping"] == packed.mapping.digest
        shutil.rmtree(job.output("packed"))
        pack.run(job)
        assert Ensemble.load(job.output("packed")).mapping == packed.mapping

    def test_people_are_told_that_a_topic_model_waits(self, tmp_path: Path, model: Ensemble) -> None:
        job = self.job(tmp_path, model, table(300))
        pack.run(job)
        assert job.client("cloudwatch").values("ModelHeld") == {"topics": 1.0}

    def test_fewer_layers_are_not_packed(self, tmp_path: Path, texts: pa.Array) -> None:
        job = self.job(tmp_path, train.learn(texts, None, OPTIONS), table())
        with pytest.raises(DataError, match="1 layers, not 3"):
            pack.run(job)
