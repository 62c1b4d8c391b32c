from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing import evaluate
from processing.architectures.base import Architecture, Examples, Explains, Options
from processing.architectures.calibration import log_odds, sigmoid
from processing.architectures.lightgbm import LightGBM
from processing.architectures.logistic import Logistic
from processing.artefact import pack
from processing.explaining.contributions import Method, contributions, features_of, rows_for
from processing.explaining.directions import Direction, push
from processing.explaining.shapley import Sampling, shapley
from processing.explanations import EXAMPLES, Way, explain_candidate, explanation
from processing.features.encoder import Encoded, Encoder
from processing.features.expressions import FloatArray
from processing.features.raw import Matrix, RawColumns
from processing.scoring.bundle import Scorer
from processing.tables import read_folder
from rightpack.errors import InternalError
from tests.unit.processing.conftest import Trained
from tests.unit.processing.world import GROUP, TYPE, Desk, labelled, products
from tests.unit.processing.world import settings as quick

EXACT = 1e-6
OPTIONS = {"lightgbm": {"rounds": 30, "rounds_without_tuning": 30}, "logistic": {}}
TABLE = labelled(900, seed=5)
ENCODER = Encoder.learn(RawColumns(TABLE, "test"), quick().features)


def learned(kind: type[Architecture], name: str) -> Architecture:
    encoded = ENCODER.encode(RawColumns(TABLE, "test"))
    labels = TABLE["suitable"].to_numpy().astype(np.float64)
    examples = Examples(encoded, labels, np.ones(len(labels)))
    return kind.fit(examples, None, Options(OPTIONS[name], 3, 1))


MODELS: dict[str, Architecture] = {"lightgbm": learned(LightGBM, "lightgbm"), "logistic": learned(Logistic, "logistic")}


class Silent:
    """A plug-in without `explain`: a product of two columns, so that they share what neither has alone."""

    @classmethod
    def fit(cls, learning: Examples, tuning: Examples | None, options: Options) -> Self:
        return cls()

    def refit(self, examples: Examples, options: Options) -> Self:
        return self

    def predict(self, encoded: Encoded) -> FloatArray:
        first, second = np.nan_to_num(encoded.matrix[:, :2].astype(np.float64)).T
        return sigmoid(np.tanh(first) * np.tanh(second) + 0.5 * np.tanh(first))

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls()


def shop(count: int, seed: int, **changes: Any) -> Encoded:
    table = products(count, seed)
    for name, values in changes.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return ENCODER.encode(RawColumns(table, "test"))


numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=32))


@pytest.mark.parametrize("name", sorted(MODELS))
@settings(deadline=None, max_examples=40)
@given(
    weights=st.lists(numbers, min_size=6, max_size=6),
    categories=st.lists(
        st.one_of(st.none(), st.sampled_from(["kitchen", "books", "never seen", ""])), min_size=6, max_size=6
    ),
    titles=st.lists(st.one_of(st.none(), st.text(max_size=20)), min_size=6, max_size=6),
)
def test_a_row_adds_up_to_its_raw_score_whatever_is_missing_or_unseen(
    name: str, weights: list[float | None], categories: list[str | None], titles: list[str | None]
) -> None:
    encoded = shop(
        6,
        2,
        weight_g=pa.array(weights, pa.float64()),
        category=pa.array(categories, pa.string()),
        title=pa.array(titles, pa.string()),
    )
    model = MODELS[name]
    assert isinstance(model, Explains)
    given_ = model.explain(encoded)
    assert given_.shape == (6, len(encoded.columns) + 1)
    raw = np.log(model.predict(encoded)) - np.log1p(-model.predict(encoded))
    np.testing.assert_allclose(given_.sum(axis=1), raw, atol=EXACT, rtol=0)
    np.testing.assert_allclose(contributions(model, encoded, seed=1).raw, raw, atol=EXACT, rtol=0)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_row_is_explained_alike_alone_and_among_others(name: str) -> None:
    encoded, model = shop(50, 3), MODELS[name]
    assert isinstance(model, Explains)
    np.testing.assert_array_equal(model.explain(encoded)[7], model.explain(encoded.take([7]))[0])


@pytest.mark.parametrize("name", sorted(MODELS))
def test_no_rows_have_no_explanation(name: str) -> None:
    encoded, model = shop(3, 3).take([]), MODELS[name]
    assert contributions(model, encoded, seed=1).values.shape == (0, len(features_of(encoded.columns)))


def test_buckets_of_a_text_are_one_feature_and_other_names_are_left_alone() -> None:
    assert features_of(["a", "title#0", "title#1", "b#x", "#", "note#0"]) == {
        "a": [0], "title": [1, 2], "b#x": [3], "#": [4], "note": [5],
    }  # fmt: skip
    found = contributions(MODELS["logistic"], shop(4, 1), seed=1)
    assert found.features == (
        *quick().features.numeric,
        *sorted(quick().features.derived),
        "category",
        "primary_pack",
        "title",
    )


def test_logistic_contributions_are_linear_and_one_category_is_one_feature() -> None:
    model = MODELS["logistic"]
    assert isinstance(model, Logistic)
    kitchen, books = (shop(1, 4, category=pa.array([c])) for c in ("kitchen", "books"))
    apart = model.explain(kitchen) - model.explain(books)
    column = kitchen.columns.index("category")
    assert apart[0, column] != 0
    assert np.count_nonzero(apart) == 1


def test_an_architecture_without_explain_is_sampled_and_still_adds_up() -> None:
    encoded, model = shop(40, 6), Silent()
    found = contributions(model, encoded, seed=9)
    assert found.method is Method.SAMPLED
    np.testing.assert_allclose(found.raw, log_odds(model.predict(encoded)), atol=EXACT, rtol=0)
    assert np.abs(found.values[:, 2:]).max() == 0, "columns that the model does not look at contribute nothing"
    assert np.abs(found.values[:, :2]).max() > 0


def test_sampling_is_bounded_and_repeats_with_its_seed() -> None:
    model, encoded = Silent(), shop(20, 6)
    once, twice, other = (contributions(model, encoded, seed=seed).values for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, twice)
    assert not np.array_equal(once, other)
    assert rows_for(model, 1000) == 200
    assert rows_for(MODELS["logistic"], 1000) == 1000
    asked = []

    def score(matrix: Matrix) -> FloatArray:
        asked.append(len(matrix))
        return matrix[:, 0].astype(np.float64)

    shapley(score, encoded.matrix, encoded.matrix, groups=[[0], [1], [2]], sampling=Sampling(pairs=5))
    assert sum(asked) == 2 * 5 * (3 + 1) * 20


def test_sampled_values_are_the_true_shapley_values_where_pairs_of_orders_are_enough() -> None:
    """Of two features one order and its reverse are all there are."""
    rows, background = np.array([[2.0, 3.0]], np.float32), np.array([[1.0, 1.0]], np.float32)
    found = shapley(
        lambda m: (m[:, 0] * m[:, 1]).astype(np.float64),
        rows, background, groups=[[0], [1]], sampling=Sampling(pairs=1),
    )  # fmt: skip
    assert found.tolist() == [[2.0, 3.0, 1.0]]


def test_trees_and_sampling_agree_on_what_matters() -> None:
    class Hidden(Silent):
        def predict(self, encoded: Encoded) -> FloatArray:
            return MODELS["lightgbm"].predict(encoded)

    encoded = shop(150, 8)
    exact, sampled = (contributions(m, encoded, seed=1) for m in (MODELS["lightgbm"], Hidden()))
    tops = [np.array(c.features)[np.argsort(-np.abs(c.values).mean(axis=0))[:2]].tolist() for c in (exact, sampled)]
    assert tops[0] == tops[1]


def test_an_explanation_of_another_shape_is_the_architectures_fault() -> None:
    class Wrong(Silent):
        def explain(self, encoded: Encoded) -> FloatArray:
            return np.zeros((len(encoded.matrix), 3))

    with pytest.raises(InternalError, match=r"explain\(\) of Wrong gave an array of shape \(5, 3\)"):
        contributions(Wrong(), shop(5, 1), seed=1)


def test_directions_are_said_in_words() -> None:
    rising = np.arange(20.0)
    assert push("weight_g", rising, -rising, ENCODER).direction is Direction.DOWN
    assert push("weight_g", rising, rising, ENCODER).words == "the higher, the more suitable"
    assert push("weight_g", rising, np.ones(20), ENCODER).direction is Direction.MIXED
    assert push("weight_g", np.full(20, np.nan), rising, ENCODER).direction is Direction.MIXED
    assert push("is_fragile", rising % 2, -(rising % 2), ENCODER).words == "where it is so, less suitable"
    assert "words" in push("title", rising, rising, ENCODER).words
    codes = np.repeat([0.0, 1.0, np.nan], [10, 6, 4])
    names = ENCODER.vocabularies["category"]
    assert push("category", codes, -codes, ENCODER).words == f"most suitable: {names[0]}; least: {names[1]}"


@pytest.fixture(scope="module")
def found(trained: Trained) -> dict[str, Any]:
    validation = read_folder(trained.prepared / "validation")
    scores = read_folder(trained.scores)[TYPE].to_numpy()
    scorer = Scorer.load(trained.model / TYPE)
    return explanation(Way.single(scorer, 7), validation, scores, seed=7)


def test_the_content_has_the_shape_of_clarify(found: dict[str, Any]) -> None:
    label = found["explanations"]["kernel_shap"]["suitable"]
    assert found["version"] == "1.0"
    assert set(label) == {"global_shap_values", "expected_value"}
    assert set(label["global_shap_values"]) == {f["feature"] for f in found["features"]}
    assert all(value >= 0 for value in label["global_shap_values"].values())
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_makes_the_labels_is_what_drives_the_score(found: dict[str, Any]) -> None:
    top = [f["feature"] for f in found["features"][:2]]
    assert top == ["weight_g", "title"]
    assert found["features"][0]["words"] == "the higher, the less suitable"
    assert sum(f["share"] for f in found["features"]) == pytest.approx(1)
    assert found["method"] == "exact"


def test_examples_are_the_surest_products_and_add_up(found: dict[str, Any], trained: Trained) -> None:
    scores = read_folder(trained.scores)[TYPE].to_numpy()
    unsuitable, suitable = found["examples"]["unsuitable"], found["examples"]["suitable"]
    assert len(unsuitable) == len(suitable) == EXAMPLES
    assert unsuitable[0]["suitability"] == scores.min()
    assert suitable[0]["suitability"] == scores.max()
    assert len({e["product_id"] for e in unsuitable}) == EXAMPLES
    for example in (*unsuitable, *suitable):
        total = example["base"] + sum(r["contribution"] for r in example["reasons"])
        assert total == pytest.approx(example["raw_score"], abs=EXACT)


def test_the_models_artefact_is_explained_and_without_it_nothing_is(trained: Trained, tmp_path: Path) -> None:
    validation = read_folder(trained.prepared / "validation")
    scores = read_folder(trained.scores)[TYPE].to_numpy()
    (tmp_path / "model").mkdir()
    pack(trained.model, tmp_path / "model" / "model.tar.gz")
    desk = Desk(tmp_path, trained.settings)
    whole = explain_candidate(desk.job("with", {"model": tmp_path / "model"}), validation, scores, seed=7)
    assert whole["features"][0]["feature"] == "weight_g"
    assert explain_candidate(desk.job("without"), validation, scores, seed=7)["explanations"] == {}


def test_evaluate_writes_the_explanation_beside_its_verdict_and_shows_it(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    pack(trained.model, tmp_path / "model" / "model.tar.gz")
    desk = Desk(tmp_path, trained.settings, trained.cloud)
    inputs = {name: trained.prepared / name for name in ("validation", "labels", "profile")}
    inputs |= {"scores": trained.scores, "model": tmp_path / "model"}
    arguments = evaluate.Arguments(TYPE, "2026-11-20", GROUP, "training-2026-11-20-abc")
    folder = desk.do("evaluate", lambda job: evaluate.run(job, arguments), inputs) / "evaluation"
    written = json.loads((folder / "explanation.json").read_text())
    assert written["features"][0]["feature"] == "weight_g"
    page = (folder / "report.html").read_text()
    assert "What drives its scores" in page
    assert written["examples"]["unsuitable"][0]["product_id"] in page
