"""The benchmark's own parts: what it learns from must be what the product learns from, and its model must be right."""

from __future__ import annotations

import datetime as dt
import logging

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import sqlglot

from benchmarks.decisions.contest import Arena, Size, contest
from benchmarks.decisions.goals import Goal, Mean, goals
from benchmarks.decisions.labels import suitable, training_table
from benchmarks.decisions.shop import Shop, add_up
from processing.architectures.ordinal.counts import Counts
from processing.decisions import Policy, baseline_types, decide, fits, material
from processing.generator import Catalogue
from rightpack import warehouse
from rightpack.settings import Settings

SETTINGS = Settings.load("dev")
SEED, ROWS = 5, 1500


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop.of(SEED, ROWS, SETTINGS.package_types)


@pytest.fixture(scope="module")
def database():
    """A warehouse with the shop's first week in it."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    catalogue = Catalogue(SEED, ROWS, SETTINGS.package_types)
    database = duckdb.connect()
    _run(database, warehouse.schema_statements(SETTINGS))
    for name, batches in (("products", catalogue.products(0)), ("packaging_feedback", catalogue.feedback(0))):
        database.register("rows", pa.Table.from_batches(list(batches)))
        database.execute(f"INSERT INTO packaging.{name} BY NAME SELECT * FROM rows")
    return database


@pytest.fixture(scope="module")
def sql(database):
    """Labels by the product's own SQL: {(product, type): suitable}, where tests or shipments decide."""
    for kind in SETTINGS.package_types:
        _run(database, warehouse.derive_labels(kind.name, dt.date(2030, 1, 1), SETTINGS))
    query = "SELECT product_id, package_type, suitable FROM packaging.packaging_labels"
    rows = database.execute(query + " WHERE source IN ('lab_test', 'feedback')").fetchall()
    return {(product, kind): label for product, kind, label in rows}


def _run(database, statements):
    for statement in statements:
        for translated in sqlglot.transpile(statement, read="redshift", write="duckdb"):
            database.execute(translated)


def test_labels_are_those_of_the_products_sql(shop, sql):
    labels = suitable(shop.counts, SETTINGS.labels)
    known = np.argwhere(~np.isnan(labels))
    ids, names = shop.table["product_id"].to_pylist(), [t.name for t in shop.types]
    assert {(ids[row], names[place]): int(labels[row, place]) for row, place in known} == sql
    assert len(sql) > ROWS


def test_counts_are_those_of_the_products_sql(shop, database):
    (query,) = sqlglot.transpile(warehouse.damage_rows(dt.date(2030, 1, 1), SETTINGS), read="redshift", write="duckdb")
    rows = database.execute(query).to_arrow_table()
    found = Counts.of(rows, shop.table["product_id"].combine_chunks(), [t.name for t in shop.types])
    for name in ("shipped", "bad", "tested", "failed"):
        np.testing.assert_array_equal(getattr(found, name), getattr(shop.counts, name), err_msg=name)
    assert found.tested.sum() > 1000


def test_of_several_versions_of_an_event_the_last_counts():
    moment = dt.datetime(2026, 9, 7)  # noqa: DTZ001 (the warehouse's times have no zone)
    rows = [("f1", 5, moment), ("f1", 2, moment + dt.timedelta(1)), ("f2", 1, moment)]
    feedback = pa.table(
        {
            "feedback_id": [f for f, _, _ in rows],
            "product_id": ["p"] * 3,
            "package_type": ["box"] * 3,
            "source": ["return", "retraction", "return"],
            "n_units": [10] * 3,
            "n_bad": [bad for _, bad, _ in rows],
            "ingested_at": [when for _, _, when in rows],
        }
    )
    counts = add_up(feedback, pa.array(["other", "p"]), ["bag", "box"])
    assert counts.bad.tolist() == [[0, 0], [0, 3]]
    assert counts.shipped.tolist() == [[0, 0], [0, 20]]


def test_the_decision_layer_fits_and_prices_as_the_generator_does(shop):
    truth = pa.Table.from_batches(list(Catalogue(SEED, ROWS, SETTINGS.package_types).truth(0)))
    shape = (ROWS, len(shop.types))
    np.testing.assert_array_equal(
        fits(shop.products, shop.types), truth["fits"].to_numpy(zero_copy_only=False).reshape(shape)
    )
    for made, name in zip(material(shop.products, shop.types), ("pack_cost", "pack_grams"), strict=True):
        np.testing.assert_allclose(made, truth[name].to_numpy().reshape(shape), rtol=1e-9)


def test_a_training_table_holds_what_prepare_would_write(shop):
    table = training_table(shop, 4, SETTINGS.labels)
    assert {"product_id", "suitable", "weight", *SETTINGS.features.raw} <= set(table.column_names)
    assert set(table["suitable"].to_pylist()) == {0, 1}


def test_always_box_and_the_oracles_are_in_order(shop):
    found = Arena.of(shop).references(0.02)
    assert found["least"].cost <= found["oracle"].cost
    assert found["least"].cost < found["always_box"].cost


def test_a_small_contest_runs_through_and_keeps_the_order():
    size = Size(products=3000, labelled=(300, 600, 1500), asked=1000)
    lines = []
    found = contest(3, size, SETTINGS, threads=1, say=lines.append)
    assert [r["labelled"] for r in found["rounds"]] == [300, 600, 1500]
    assert all(r["order_violations"] == 0 for r in found["rounds"])
    assert found["references"]["least"]["cost"] <= min(
        p["cost"] for r in found["rounds"] for p in r["policies"].values()
    )
    assert len(lines) == 4
    names = [goal.name for goal in goals([found], decide_seconds=1.0)]
    assert len(set(names)) == 10


def test_the_same_seed_gives_the_same_figures():
    size = Size(products=2000, labelled=(300, 400, 500), asked=500)
    one, other = (contest(4, size, SETTINGS, threads=1, say=lambda _: None) for _ in range(2))
    assert one["rounds"] == other["rounds"]


def test_a_goal_is_met_up_to_its_bound():
    assert Goal("g", 1.0, 1.0).met
    assert not Goal("g", 1.0001, 1.0).met


def test_an_interval_is_students():
    found = Mean.of([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.high == pytest.approx(2 + 4.303 / np.sqrt(3))
    assert Mean.of([1.0]) == Mean(1.0, 1.0, 1.0)


def test_the_baseline_is_always_the_box_where_it_fits(shop):
    offer = shop.offer()
    chosen = baseline_types(offer, Policy())
    box = [t.name for t in shop.types].index("carton")
    assert (chosen[offer.fits[:, box]] == box).all()
    np.testing.assert_array_equal(decide(offer, Policy(trusted=False)).chosen, chosen)
