"""Bins are made once of all rows; what is learned from them does not depend on who else learns from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from processing.architectures import lightgbm as lightgbm_module
from processing.architectures.base import Examples, Options
from processing.architectures.binning import Bins
from processing.architectures.lightgbm import DEFAULTS, FOR_MANY, LightGBM, lgb
from processing.architectures.resuming import Place
from processing.checkpoints import Checkpoints
from processing.features.encoder import Encoded
from processing.scoring.trees import MOST_LEAVES
from tests.unit.processing.test_architectures import auc, examples

OPTIONS = Options({"rounds": 20, "rounds_without_tuning": 10}, 7, 1)


def labelled(encoded: Encoded, seed: int, weights: float) -> Examples:
    """Other labels of the same rows."""
    draw = np.random.default_rng(seed)
    labels = (encoded.matrix[:, seed % 2] + draw.normal(size=encoded.rows) > 0.5).astype(np.float64)
    return Examples(encoded, labels, np.full(encoded.rows, weights))


def test_labels_that_share_their_rows_give_the_models_of_separate_trainings() -> None:
    shared = examples().encoded
    for seed, weights in ((0, 1.0), (1, 0.4), (2, 1.0), (3, 2.0)):
        alone = Encoded(shared.matrix.copy(), shared.columns, shared.categories)
        one, other = (LightGBM.fit(labelled(rows, seed, weights), None, OPTIONS) for rows in (shared, alone))
        assert one.text == other.text


def test_tuned_parts_that_share_their_rows_give_the_models_of_separate_trainings() -> None:
    shared, side = examples().encoded, np.arange(600) % 5 == 0
    for seed, weights in ((0, 0.3), (1, 1.0), (2, 0.5)):
        alone = Encoded(shared.matrix.copy(), shared.columns, shared.categories)
        texts = []
        for rows in (shared, alone):
            known = labelled(rows, seed, weights)
            first = LightGBM.fit(known.take(~side), known.take(side), OPTIONS)
            texts.append((first.text, first.refit(known, OPTIONS).text))
        assert texts[0] == texts[1]


def test_rows_are_binned_once_for_tuning_and_for_the_last_training(monkeypatch: pytest.MonkeyPatch) -> None:
    binned: list[int] = []
    dataset = lgb.Dataset

    def counted(data: object, *given: object, **more: object) -> object:
        binned.extend([1] if data is not None else [])
        return dataset(data, *given, **more)

    monkeypatch.setattr(lgb, "Dataset", counted)
    known, side = examples(), np.arange(600) % 5 == 0
    LightGBM.fit(known.take(~side), known.take(side), OPTIONS).refit(known, OPTIONS)
    assert binned == [1]


def test_rows_that_occur_twice_and_rows_out_of_order_teach_what_they_say() -> None:
    known = examples()
    for order in (np.repeat(np.arange(300), 2), np.arange(600)[::-1]):
        model = LightGBM.fit(known.take(order), None, OPTIONS)
        assert auc(known.labels, model.predict(known.encoded)) > 0.83


def test_a_part_and_its_values_are_the_same_to_lightgbm() -> None:
    known = examples().take(np.repeat(np.arange(300), 2))
    bins = Bins.of(known, DEFAULTS, 1)
    settings = {"objective": "binary", "verbosity": -1, "deterministic": True, "force_col_wise": True}
    texts = [lgb.train(settings, bins.dataset(known, raw=raw), 10).model_to_string() for raw in (False, True)]
    assert texts[0] == texts[1]


def test_a_checkpoint_belongs_to_all_rows_that_the_bins_come_from(tmp_path: Path) -> None:
    known, keeping = examples(), replace(OPTIONS, checkpoints=Checkpoints(tmp_path, 5))
    other = Examples(Encoded(known.encoded.matrix.copy(), known.encoded.columns, {3: 4}), known.labels, known.weights)
    other.encoded.matrix[599, 0] += 1
    places = [Place.of(keeping, {"bagging_freq": 0}, some.take(np.arange(500))) for some in (known, known, other)]
    first, again, third = (place.belongs for place in places if place)
    assert first == again != third


def test_many_rows_are_learned_from_in_larger_steps_unless_the_settings_say_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, side = examples(), np.arange(600) % 5 == 0
    usual = LightGBM.fit(known, None, OPTIONS).text
    given = Options({**OPTIONS.parameters, **{name: DEFAULTS[name] for name in FOR_MANY}}, 7, 1)
    monkeypatch.setattr(lightgbm_module, "MANY", 600)
    first = LightGBM.fit(known.take(~side), known.take(side), OPTIONS)
    assert first.refit(known, OPTIONS).text != usual
    assert "shrinkage=0.25" in first.text, "the rows set aside count"
    assert LightGBM.fit(known, None, given).text == usual


def test_trees_of_many_rows_are_what_the_scoring_engine_covers() -> None:
    assert FOR_MANY["num_leaves"] <= MOST_LEAVES
