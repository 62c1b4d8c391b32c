from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing import train
from processing.architectures.base import Examples, Options
from processing.artefact import Card, read_index
from processing.features.encoder import Encoded
from processing.features.expressions import FloatArray
from processing.job import Exit, Job
from processing.scoring.bundle import Bundle
from processing.tables import read_folder, write_parts
from rightpack.errors import DataError
from rightpack.settings import Settings
from tests.unit.processing.conftest import Enter, Trained
from tests.unit.processing.world import ENVIRONMENT, TYPE, contents, labelled, products, settings, told


def training_job(root: Path, table: pa.Table, chosen: Settings, **environment: str) -> Job:
    channels = root / "input" / "data"
    (channels / "config").mkdir(parents=True)
    (channels / "config" / "settings.json").write_text(chosen.to_json())
    write_parts(table, channels / "train")
    return Job(root, {**ENVIRONMENT, **environment})


def rows(count: int, **changes: Any) -> pa.Table:
    """Rows as Prepare writes them."""
    table = labelled(count).rename_columns({"label_id": "row_id"})
    for name, values in changes.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table


class Pickled:
    """An architecture that breaks the rules."""

    @classmethod
    def fit(cls, learning: Examples, tuning: Examples | None, options: Options) -> Pickled:
        return cls()

    def refit(self, examples: Examples, options: Options) -> Pickled:
        return self

    def predict(self, encoded: Encoded) -> FloatArray:
        return np.full(len(encoded.matrix), 0.5)

    def save(self, folder: Path) -> None:
        (folder / "model.pkl").write_bytes(b"\x80\x04.")

    @classmethod
    def load(cls, folder: Path) -> Pickled:
        return cls()


def failure(root: Path, table: pa.Table, enter: Enter, overrides: Mapping[str, Any] | None = None) -> str:
    job = training_job(root, table, settings(**(overrides or {})))
    assert enter(train.main, job) == Exit.FINAL
    assert told(job) == ""
    with pytest.raises(DataError):
        Card.load(job.model / TYPE)
    return told(job, "failure")


def test_the_same_rows_and_settings_give_a_byte_identical_model(trained: Trained, tmp_path: Path, enter: Enter) -> None:
    table = read_folder(trained.prepared / "train")
    job = training_job(tmp_path, table, trained.settings)
    assert enter(train.main, job) == Exit.DONE
    assert contents(job.model) == contents(trained.model)


def test_another_seed_is_noted_and_gives_another_model_text(trained: Trained, tmp_path: Path, enter: Enter) -> None:
    chosen = settings(training={"seed": 8, "parameters": {"rounds": 10}})
    job = training_job(tmp_path, rows(400), chosen)
    assert enter(train.main, job) == Exit.DONE
    assert Card.load(job.model / TYPE).seed == 8
    assert Card.load(job.model / TYPE).settings_digest == chosen.digest != trained.settings.digest


def test_how_the_rows_are_cut_into_files_does_not_matter(tmp_path: Path, enter: Enter) -> None:
    chosen = settings(training={"parameters": {"rounds": 10}})
    one, many = (training_job(tmp_path / name, rows(400), chosen) for name in ("one", "many"))
    folder = many.channel("train")
    for path in folder.iterdir():
        path.unlink()
    for start in range(0, 400, 90):
        pq.write_table(rows(400).slice(start, 90), folder / f"part-{start:05d}.parquet")
    assert enter(train.main, one) == enter(train.main, many) == Exit.DONE
    assert contents(one.model) == contents(many.model)


@pytest.mark.parametrize("architecture", ["lightgbm", "logistic"])
def test_every_architecture_learns_and_leaves_text_only(architecture: str, tmp_path: Path, enter: Enter) -> None:
    overrides = {"training": {"architecture": architecture, "parameters": {"rounds": "!remove"}}}
    job = training_job(tmp_path, rows(600), settings(**overrides))
    assert enter(train.main, job) == Exit.DONE
    assert all(content.decode("utf-8") for content in contents(job.model).values())
    assert {Path(name).suffix for name in contents(job.model)} <= {".json", ".txt"}
    scores = Bundle.load(job.model).score(products(600))[TYPE].to_numpy()
    suitable = rows(600)["suitable"].to_numpy().astype(bool)
    assert scores[suitable].mean() > scores[~suitable].mean() + 0.2


def test_the_artefact_is_a_bundle_of_one_that_says_what_it_learned_from(trained: Trained) -> None:
    entries, left_out = read_index(trained.model)
    assert [(e.package_type, e.directory, e.model_version) for e in entries] == [(TYPE, TYPE, None)]
    assert left_out == []
    card = Card.load(trained.model / TYPE)
    suitable = read_folder(trained.prepared / "train")["suitable"].to_numpy()
    assert (card.rows, card.positives) == (len(suitable), suitable.sum())
    assert card.tuning["roc_auc"] > 0.8
    assert card.complete


def test_what_the_platform_shows_as_metrics_is_printed(
    tmp_path: Path, enter: Enter, capsys: pytest.CaptureFixture[str]
) -> None:
    job = training_job(tmp_path, rows(400), settings(training={"parameters": {"rounds": 10}}))
    enter(train.main, job)
    lines = dict(line.rstrip(";").split("=") for line in capsys.readouterr().out.splitlines())
    assert lines["train_rows"] == "400"
    assert 0.5 < float(lines["tuning_roc_auc"]) <= 1


def test_too_few_rows_say_how_many_there_are_and_how_many_are_asked_for(tmp_path: Path, enter: Enter) -> None:
    message = failure(tmp_path, rows(49), enter)
    assert message.startswith(f"DataError: Only 49 training rows for '{TYPE}', ")
    assert "training.minimum_rows asks for 50. Wait for more labels." in message


def test_the_asked_for_number_of_rows_is_enough(tmp_path: Path, enter: Enter) -> None:
    job = training_job(tmp_path, rows(50), settings(training={"parameters": {"rounds": 5}}))
    assert enter(train.main, job) == Exit.DONE


@pytest.mark.parametrize("value", [0, 1])
def test_one_class_says_which_and_leaves_no_model(value: int, tmp_path: Path, enter: Enter) -> None:
    message = failure(tmp_path, rows(100, suitable=[value] * 100), enter)
    assert f"{100 * value} suitable and {100 - 100 * value} not: a model needs both." in message
    assert message.endswith("Fix the data, then drop again.")


def test_weights_of_nothing_are_refused(tmp_path: Path, enter: Enter) -> None:
    assert "every weight is 0" in failure(tmp_path, rows(100, weight=np.zeros(100)), enter)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"architecture": "lightgmb"}, "did you mean 'lightgbm'?"),
        ({"parameters": {"round": 3}}, "training.parameters.round is not a parameter of lightgbm"),
    ],
)
def test_a_wrong_word_in_the_settings_is_named(
    overrides: dict[str, Any], words: str, tmp_path: Path, enter: Enter
) -> None:
    message = failure(tmp_path, rows(100), enter, {"training": overrides})
    assert message.startswith("SettingsError: ")
    assert words in message
    assert message.endswith("Change the settings, then drop again.")


def test_an_architecture_that_writes_anything_but_text_never_makes_a_whole_model(tmp_path: Path, enter: Enter) -> None:
    architecture = f"{__name__}:Pickled"
    message = failure(tmp_path, rows(100), enter, {"training": {"architecture": architecture, "parameters": {}}})
    assert message.startswith("InternalError: The architecture wrote 'model.pkl'")


def test_a_column_that_the_settings_ask_for_must_be_there(tmp_path: Path, enter: Enter) -> None:
    message = failure(tmp_path, rows(100).drop_columns(["title"]), enter)
    assert message.startswith("ContractError: ")
    assert "'title'" in message


@pytest.mark.parametrize("name", ["", "no-such-type"])
def test_the_definition_must_name_a_package_type(name: str, tmp_path: Path, enter: Enter) -> None:
    job = training_job(tmp_path, rows(100), settings(), PACKAGE_TYPE=name)
    assert enter(train.main, job) == Exit.FINAL
    assert ("PACKAGE_TYPE" if not name else "'no-such-type'") in told(job, "failure")
