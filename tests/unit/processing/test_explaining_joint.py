from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from processing.architectures.ordinal.model import DamageScorer
from processing.explaining import joint
from processing.explaining.joint import joint_contributions, reader, seen
from processing.features.raw import RawColumns
from rightpack.packaging import EVERY_TYPE
from tests.unit.processing.test_damage_target import NAMES, SETTINGS, evidence, judged, made
from tests.unit.processing.world import Desk

EXACT = 1e-6
Made = tuple[Path, Path, Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(Desk(tmp_path_factory.mktemp("joint"), SETTINGS), evidence())


@pytest.fixture(scope="module")
def explained(trained: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = judged(Desk(tmp_path_factory.mktemp("judged"), SETTINGS), *trained)
    return {"page": (found["folder"] / "report.html").read_text()} | dict(
        json.loads((found["folder"] / "explanation.json").read_text())
    )


def test_every_product_adds_up_to_its_raw_score_in_every_package_type(trained: Made) -> None:
    scorer = DamageScorer.load(trained[1] / EVERY_TYPE)
    rows = pq.read_table(trained[0] / "validation").slice(0, 40)
    raw = RawColumns(rows, "test")
    given = joint_contributions(scorer, seen(scorer, raw), seed=1)
    wanted = -np.log(scorer.damage(raw))
    np.testing.assert_allclose(given.base + given.values.sum(axis=1), wanted, atol=EXACT, rtol=0)
    np.testing.assert_allclose(given.mean.raw, wanted.mean(axis=1), atol=EXACT, rtol=0)
    for place, name in enumerate(NAMES):
        np.testing.assert_allclose(given.by_type[name].raw, wanted[:, place], atol=EXACT, rtol=0)


def test_coordinates_of_a_text_are_one_feature_and_categories_keep_their_names(trained: Made) -> None:
    scorer = DamageScorer.load(trained[1] / EVERY_TYPE)
    encoded = seen(scorer, RawColumns(pq.read_table(trained[0] / "validation").slice(0, 5), "test"))
    features = joint_contributions(scorer, encoded, seed=1).features
    assert encoded.matrix.shape[1] == len(encoded.columns)
    assert set(features) == {*scorer.sight.encoder.columns, *SETTINGS.features.text}
    assert reader(scorer).features.text == SETTINGS.features.text


def test_the_report_has_clarifys_shape_with_a_label_for_each_package_type(explained: dict[str, Any]) -> None:
    labels = explained["explanations"]["kernel_shap"]
    assert set(labels) == set(NAMES)
    for own in labels.values():
        assert set(own) == {"global_shap_values", "expected_value"}
        assert set(own["global_shap_values"]) == {one["feature"] for one in explained["features"]}
    assert sum(one["share"] for one in explained["features"]) == pytest.approx(1)
    assert explained["method"] == "sampled"


def test_examples_add_up_and_the_report_shows_them(explained: dict[str, Any]) -> None:
    for group in explained["examples"].values():
        for one in group:
            total = one["base"] + sum(reason["contribution"] for reason in one["reasons"])
            assert total == pytest.approx(one["raw_score"], abs=EXACT)
            assert 0 <= one["suitability"] <= 1
    assert "minus log damage rate" in explained["page"]
    assert "whole, on average over the package types" in explained["page"]


def test_the_trees_are_asked_a_bounded_number_of_times(trained: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = DamageScorer.load(trained[1] / EVERY_TYPE)
    encoded = seen(scorer, RawColumns(pq.read_table(trained[0] / "validation").slice(0, 5), "test"))
    asked: list[int] = []
    plain = type(scorer.trees).predict

    def counted(trees: Any, values: Any, **options: Any) -> Any:
        asked.append(len(values))
        return plain(trees, values, **options)

    monkeypatch.setattr(type(scorer.trees), "predict", counted)
    features = len(joint_contributions(scorer, encoded, seed=1).features)
    assert sum(asked) == 2 * joint.PAIRS * (features + 1) * 5
