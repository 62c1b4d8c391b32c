"""The joint damage model: what it learns from counts, how it sees products, and that it survives being saved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from processing.architectures.ordinal.counts import Counts
from processing.architectures.ordinal.likelihood import Reports
from processing.architectures.ordinal.parting import PartedTrees
from processing.architectures.ordinal.policy import LearnedPolicy
from processing.architectures.ordinal.sight import Sight
from processing.architectures.ordinal.trees import ROWS_PER_THREAD, DamageTrees, Matrix, Recipe
from processing.decisions import Policy, Trust, Worth
from processing.features.factors import Factors
from processing.features.raw import RawColumns
from rightpack.errors import InternalError, SettingsError
from rightpack.settings import Settings
from tests.unit.processing.world import products

SETTINGS = Settings.load("dev")
TITLES = ["soft cotton socks", "warm cotton socks", "soft warm scarf", "glass vase", "clear glass bowl"] * 20


def recipe(types: int, **parameters: object) -> Recipe:
    return Recipe.of(parameters, types=types, seed=7, threads=1)


def counts(rows: int = 4000, seed: int = 1) -> tuple[Matrix, Counts, np.ndarray]:
    """Products that are fragile or not, shipped in a weak and a strong type, some of them tested; and their rates."""
    rng = np.random.default_rng(seed)
    fragile = rng.integers(0, 2, rows)
    truth = np.array([0.2, 0.02])[None, :] * np.where(fragile, 2.0, 0.5)[:, None]
    shipped = rng.poisson(30, (rows, 2)).astype(float)
    bad = rng.binomial(shipped.astype(int), truth * 0.6 + 0.002).astype(float)
    tested = np.where(rng.random((rows, 1)) < 0.1, 5.0, 0.0) * np.ones((1, 2))
    failed = rng.binomial(tested.astype(int), np.minimum(6 * truth, 0.98)).astype(float)
    matrix = Matrix(np.stack([fragile, rng.random(rows)], axis=1).astype(np.float32), ())
    return matrix, Counts(shipped, bad, tested, failed), truth


@pytest.fixture(scope="module")
def seen() -> Reports:
    return Reports.of(counts()[1], SETTINGS.labels)


@pytest.fixture(scope="module")
def trees() -> DamageTrees:
    matrix, given, _ = counts()
    return DamageTrees.fit(matrix, Reports.of(given, SETTINGS.labels), recipe(2), rounds=60)


def test_words_of_the_same_company_lie_close_together() -> None:
    factors = Factors.learn(pa.array(TITLES), 3)
    one, other, far = factors.of(pa.array(["cotton scarf", "warm socks", "clear vase"]))
    assert one @ other > 0.8
    assert abs(one @ far) < 0.2
    np.testing.assert_array_equal(factors.of(pa.array(["unheard of", None])), np.zeros((2, 3)))


def test_factors_do_not_depend_on_the_order_of_titles() -> None:
    one, other = Factors.learn(pa.array(TITLES), 3), Factors.learn(pa.array(TITLES[::-1]), 3)
    assert one.words == other.words
    np.testing.assert_array_equal(one.coordinates, other.coordinates)


@pytest.mark.parametrize("titles", [TITLES, ["once", None, ""]])
def test_factors_survive_being_written(titles: list[str | None]) -> None:
    factors = Factors.learn(pa.array(titles, pa.string()), 3)
    read = Factors.from_dict(json.loads(json.dumps(factors.to_dict())))
    np.testing.assert_array_equal(read.of(pa.array(TITLES)), factors.of(pa.array(TITLES)))


def test_factors_that_do_not_hold_together_are_refused() -> None:
    with pytest.raises(ValueError, match="2 words"):
        Factors.from_dict({"words": ["a", "b"], "coordinates": [[0.5]]})


def test_counts_come_into_the_order_of_products_and_types() -> None:
    table = pa.table(
        {
            "product_id": ["b", "a", "a", "stranger"],
            "package_type": ["box", "bag", "tube", "bag"],
            "shipped": [5, 7, 9, 1],
            "bad": [1, 0, 9, 1],
            "tested": [0, 3, 9, 1],
            "failed": [0, 2, 9, 1],
        }
    )
    found = Counts.of(table, pa.array(["a", "b"]), ["bag", "box"])
    assert found.shipped.tolist() == [[7, 0], [0, 5]]
    assert found.failed.tolist() == [[2, 0], [0, 0]]
    assert found.take([1]).bad.tolist() == [[0, 1]]


def test_the_gradient_is_the_slope_of_the_deviance_where_the_slope_is_free(seen: Reports) -> None:
    rng = np.random.default_rng(0)
    margin = rng.normal(-5, 1, len(seen.row))
    free = (seen.exposure * np.exp(margin) < seen.most * 0.9) & (seen.exposure > 0)
    some, margin = seen.take(free), margin[free]
    slope, curvature = some.gradient(margin, None)
    step, total = 1e-3, some.weight.astype(float).sum()
    direction = rng.normal(size=len(margin))
    up, down = (some.deviance(margin + sign * step * direction, None)[1] for sign in (1, -1))
    numeric = (up - down) / (2 * step) * total
    assert numeric == pytest.approx(float(slope.astype(float) @ direction), rel=0.05)
    assert (curvature > 0).all()


def test_deviance_is_nothing_where_the_mean_is_what_was_seen_and_more_elsewhere(seen: Reports) -> None:
    shipments = seen.take((seen.test == 0) & (seen.bad > 1))
    exact = ((shipments.bad - shipments.noise) / shipments.exposure).astype(np.float64)
    np.testing.assert_allclose(shipments.unit_deviance(exact), 0, atol=1e-4)
    assert (shipments.unit_deviance(exact * 3.0) > 0).all()
    assert (shipments.unit_deviance(exact / 3.0) > 0).all()


def test_rates_by_type_never_rise_with_protection(seen: Reports) -> None:
    rates = seen.rates(2)
    assert (np.diff(rates) <= 0).all()
    assert (rates > 0).all()


def test_damage_is_learned_from_counts_alone(trees: DamageTrees) -> None:
    matrix, _, truth = counts()
    found = trees.predict(matrix.values)
    for kind in (0, 1):
        rows = matrix.values[:, 0] == kind
        np.testing.assert_allclose(found[rows].mean(axis=0), truth[rows].mean(axis=0), rtol=0.15)


def test_tests_weigh_more_than_shipments_of_robust_products() -> None:
    """Weak packs were tried on strong products only; tests know better, and damage is predicted as they find it."""
    rng = np.random.default_rng(2)
    rows = 4000
    strong = rng.random(rows) < 0.5
    truth = np.where(strong, 0.005, 0.1)[:, None]
    shipped = np.where(strong[:, None], 30.0, 0.0)
    units = np.where(rng.random(rows) < 0.2, 5.0, 0.0)[:, None]
    bad = rng.binomial(shipped.astype(int), truth * 0.6 + 0.002).astype(float)
    failed = rng.binomial(units.astype(int), 6 * truth).astype(float)
    heard = Reports.of(Counts(shipped, bad, units, failed), SETTINGS.labels)
    matrix = Matrix(rng.random((rows, 2)).astype(np.float32), ())
    found = DamageTrees.fit(matrix, heard, recipe(1), rounds=60).predict(matrix.values)
    assert found.mean() == pytest.approx(truth.mean(), rel=0.2)


def test_tuning_stops_where_held_out_products_gain_no_more() -> None:
    matrix, given, _ = counts(2000)
    heard = Reports.of(given, SETTINGS.labels)
    out = heard.row % 5 == 0
    _, history = DamageTrees.tune(matrix, heard.take(~out), heard.take(out), recipe(2, patience=5))
    assert int(np.argmin(history)) + 1 == len(history) - 5
    assert min(history) < history[0]


def test_trees_that_are_parted_say_what_the_whole_booster_says(trees: DamageTrees) -> None:
    values = counts()[0].values[:50]
    parted = PartedTrees(trees.text, 2)
    assert parted._by_product is not None
    assert parted._by_type is not None
    for place in (0, 1):
        rows = np.concatenate([values, np.tile(np.array([place, 1], np.float32), (50, 1))], axis=1)
        np.testing.assert_allclose(
            parted.margins(values, [(place, 1.0)])[0], trees._booster.predict(rows, raw_score=True), rtol=1e-12
        )


def test_a_product_scores_alone_as_it_does_in_company(trees: DamageTrees) -> None:
    values = counts()[0].values[:20]
    together = trees.predict(values)
    np.testing.assert_array_equal(np.concatenate([trees.predict(values[i : i + 1]) for i in range(20)]), together)
    assert trees.predict(values[:0]).shape == (0, 2)


def test_fewer_rounds_are_those_of_a_shorter_training(trees: DamageTrees) -> None:
    matrix, given, _ = counts()
    short = DamageTrees.fit(matrix, Reports.of(given, SETTINGS.labels), recipe(2), rounds=10)
    np.testing.assert_allclose(trees.predict(matrix.values, rounds=10), short.predict(matrix.values), rtol=1e-9)


def test_the_model_text_is_the_same_for_the_same_counts_on_any_number_of_threads() -> None:
    matrix, given, _ = counts(20_000)
    heard = Reports.of(given, SETTINGS.labels)
    assert len(heard.row) >= 2 * ROWS_PER_THREAD
    one, other = (DamageTrees.fit(matrix, heard, replace(recipe(2), threads=n), rounds=10) for n in (1, 2))
    assert one.text == other.text


def test_trees_survive_being_saved(trees: DamageTrees, tmp_path: Path) -> None:
    trees.save(tmp_path)
    values = counts()[0].values[:50]
    np.testing.assert_array_equal(DamageTrees.load(tmp_path).predict(values), trees.predict(values))
    (tmp_path / "levels.json").unlink()
    with pytest.raises(InternalError, match="no damage model"):
        DamageTrees.load(tmp_path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rounds": 3}, r"damage_model.parameters.rounds is not a parameter"),
        ({"patience": "long"}, r"damage_model.parameters.patience must be int"),
        ({"folds": 1}, r"damage_model.parameters.folds is 1"),
    ],
)
def test_a_wrong_parameter_is_named(given: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        recipe(2, **given)


def test_products_are_seen_with_texts_as_factors(tmp_path: Path) -> None:
    raw = RawColumns(products(200), "a test")
    sight = Sight.learn(raw, SETTINGS.features, 4)
    matrix = sight.matrix(raw)
    own = len(SETTINGS.features.numeric) + len(SETTINGS.features.derived) + len(SETTINGS.features.categorical)
    assert matrix.values.shape == (200, own + 4)
    assert matrix.categories == (own - 2, own - 1)
    sight.save(tmp_path)
    np.testing.assert_array_equal(Sight.load(tmp_path).matrix(raw).values, matrix.values)


def test_a_policy_survives_being_saved(tmp_path: Path) -> None:
    trust = Trust(Policy(caution=1.5, trusted=False), Worth(0.1, np.inf, 1), ())
    policy = LearnedPolicy.of(trust, SETTINGS.package_types)
    policy.save(tmp_path)
    assert LearnedPolicy.load(tmp_path) == policy
    assert policy.error is None
    assert list(policy.versions) == [t.name for t in sorted(SETTINGS.package_types, key=lambda t: t.rank)]
    (tmp_path / "policy.json").write_text("{}")
    with pytest.raises(InternalError, match="policy"):
        LearnedPolicy.load(tmp_path)
