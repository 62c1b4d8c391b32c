"""Every statement that the product sends runs here as it would on Redshift."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from rightpack import warehouse as sql
from rightpack.overrides import Kind, Override
from rightpack.settings import Settings
from tests.unit.local_cloud.redshift.conftest import BUCKET, MemoryObjects, Warehouse

ROLE = "arn:aws:iam::123456789012:role/rightpack-dev-warehouse"
DAY = dt.date(2024, 3, 1)
SCHEMA = "packaging"
_ARROW = {
    "VARCHAR": pa.string(),
    "DOUBLE": pa.float64(),
    "INTEGER": pa.int32(),
    "SMALLINT": pa.int16(),
    "TIMESTAMP": pa.timestamp("us"),
}
_VALUES = {"VARCHAR": "x", "DOUBLE": 1.5, "INTEGER": 40, "SMALLINT": 1, "TIMESTAMP": dt.datetime(2024, 1, 1)}  # noqa: DTZ001


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings.load("dev")


@pytest.fixture
def deployed(warehouse: Warehouse, settings: Settings) -> Warehouse:
    warehouse.run(*sql.schema_statements(settings))
    return warehouse


def put(objects: MemoryObjects, table: sql.Table, rows: list[dict[str, Any]]) -> str:
    """Files of a table with these values and plain ones in every other column; returns their manifest's URI."""
    kinds = {name: kind.split("(")[0].split()[0] for name, kind in table.columns}
    columns = {
        name: pa.array([row.get(name, _VALUES[kind]) for row in rows], _ARROW[kind]) for name, kind in kinds.items()
    }
    length = objects.put_parquet(f"load/{table.name}", columns)
    objects.put_manifest(f"load/{table.name}.manifest", {f"load/{table.name}": length})
    return f"s3://{BUCKET}/load/{table.name}.manifest"


def load(warehouse: Warehouse, objects: MemoryObjects, table: sql.Table, rows: list[dict[str, Any]]) -> None:
    statements = sql.copy_rows(table, put(objects, table, rows), schema=SCHEMA, role=ROLE)
    answer = warehouse.batch(*statements) if len(statements) > 1 else warehouse.submit(statements[0])
    assert answer["Status"] == "FINISHED", answer


def test_the_schema_can_be_created_again(deployed: Warehouse, settings: Settings) -> None:
    before = deployed.rows("SELECT package_type, protection_rank FROM packaging.package_types ORDER BY 1")
    deployed.run(*sql.schema_statements(settings))
    assert deployed.rows("SELECT package_type, protection_rank FROM packaging.package_types ORDER BY 1") == before
    assert len(before) == len(settings.package_types)


def test_feedback_becomes_labels_and_a_drop(deployed: Warehouse, objects: MemoryObjects, settings: Settings) -> None:
    kind = settings.trained_types[0].name
    load(deployed, objects, sql.table_named("products", settings), [{"product_id": "p1"}, {"product_id": "p2"}])
    feedback = [
        {
            "feedback_id": f"f{at}",
            "product_id": product,
            "package_type": kind,
            "source": "feedback",
            "n_bad": bad,
            "package_type_version": 1,
        }
        for at, (product, bad) in enumerate([("p1", 0), ("p2", 40), ("p2", 40)])
    ]
    load(deployed, objects, sql.table_named("feedback", settings), feedback)
    statements = [
        *sql.derive_labels(kind, DAY, settings),
        sql.unload(sql.training_rows(kind, DAY, settings.features, schema=SCHEMA), f"s3://{BUCKET}/d/part_", ROLE),
    ]
    answer = deployed.batch(*statements)
    assert answer["Status"] == "FINISHED", answer
    assert answer["ResultRows"] == 2
    (part,) = objects.json("d/part_manifest")["entries"]
    rows = objects.parquet(part["url"].removeprefix(f"s3://{BUCKET}/")).to_pylist()
    assert {row["product_id"]: row["suitable"] for row in rows} == {"p1": 1, "p2": 0}


def test_feedback_becomes_evidence_on_damage(deployed: Warehouse, objects: MemoryObjects, settings: Settings) -> None:
    """Corrections replace, the newest test counts, other versions and later days do not, andons have no units."""
    load(deployed, objects, sql.table_named("products", settings), [{"product_id": "p1"}, {"product_id": "p2"}])
    early, late, after = (dt.datetime(2024, month, 1) for month in (1, 3, 4))  # noqa: DTZ001
    events = [
        ("f1", "p1", "carton", "return", 40, 3, early, 1),
        ("f2", "p1", "carton", "review", 10, 1, late, 1),
        ("f3", "p1", "carton", "lab_test", 5, 4, early, 1),
        ("f4", "p1", "carton", "lab_test", 5, 1, late, 1),
        ("f5", "p1", "carton", "return", 90, 90, early, 2),  # of a version that is not made
        ("f6", "p1", "carton", "return", 90, 90, after, 1),  # nobody knows of it yet
        ("f7", "p1", "carton", "andon", 0, 1, early, 1),
        ("f8", "p2", "none", "return", 20, 2, early, 1),
    ]
    names = ("feedback_id", "product_id", "package_type", "source", "n_units", "n_bad", "observed_at")
    feedback = [
        {**dict(zip(names, event, strict=False)), "ingested_at": event[6], "package_type_version": event[7]}
        for event in events
    ]
    corrected = {**feedback[0], "source": "retraction", "n_bad": 1, "ingested_at": late}
    # what was filed as a return turned out to be a test: no shipment, although "return" comes after "lab_test"
    mistaken = [
        {**feedback[7], "feedback_id": "f9", "n_units": 5, "source": source} for source in ("return", "lab_test")
    ]
    mistaken[1] |= {"ingested_at": late}
    load(deployed, objects, sql.table_named("feedback", settings), [*feedback, corrected, feedback[7], *mistaken])
    found = deployed.rows(
        "SELECT product_id, package_type, shipped, bad, tested, failed, recent_units, recent_bad "
        f"FROM ({sql.damage_rows(DAY, settings)}) ORDER BY 1"
    )
    assert found == [("p1", "carton", 50, 2, 5, 1, 10, 1), ("p2", "none", 20, 2, 5, 2, 0, 0)]


def test_products_are_replaced_by_key(deployed: Warehouse, objects: MemoryObjects, settings: Settings) -> None:
    table = sql.table_named("products", settings)
    load(deployed, objects, table, [{"product_id": "p1", "price": 1.0}, {"product_id": "p2", "price": 2.0}])
    load(deployed, objects, table, [{"product_id": "p2", "price": 3.0}, {"product_id": "p3", "price": 4.0}])
    found = deployed.rows("SELECT product_id, price FROM packaging.products ORDER BY 1")
    assert found == [("p1", 1.0), ("p2", 3.0), ("p3", 4.0)]


@pytest.mark.parametrize("mode", ["daily", "monthly"])
def test_products_are_dropped_for_inference(
    deployed: Warehouse, objects: MemoryObjects, settings: Settings, mode: str
) -> None:
    load(deployed, objects, sql.table_named("products", settings), [{"product_id": "p1"}, {"product_id": "p2"}])
    query = sql.inference_rows(mode, DAY, settings.features, schema=SCHEMA)
    assert deployed.run(sql.unload(query, f"s3://{BUCKET}/i/part_", ROLE))["ResultRows"] == 2
    names = [element["name"] for element in objects.json("i/part_manifest")["schema"]["elements"]]
    assert names == ["product_id", *sql.scored_columns(settings.features), "previous_type", "overrides"]


@pytest.mark.parametrize("name", ["row_counts", "order_violations", "recommendation_mix"])
def test_the_questions_of_the_command_line_have_answers(deployed: Warehouse, name: str) -> None:
    for statement in sql.statements(name, schema=SCHEMA):
        deployed.rows(statement)


def decided(product: str, kind: Kind, name: str = "carton", expires: dt.date | None = None) -> str:
    override = Override(product, name, kind, "it's heavy; truly", expires)
    return sql.add_override(override, schema=SCHEMA, decided_by="arn:aws:iam::123456789012:user/packer")


def dropped(deployed: Warehouse, settings: Settings, mode: str) -> dict[str, str | None]:
    """Products of an inference drop, with what it says of overrides."""
    query = sql.inference_rows(mode, DAY, settings.features, schema=SCHEMA)
    return dict(deployed.rows(f"SELECT product_id, overrides FROM ({query}) AS dropped ORDER BY 1"))


def recommended(deployed: Warehouse, product: str, rule: str, decided_at: str) -> None:
    deployed.run(
        "INSERT INTO packaging.packaging_recommendations (product_id, package_type, est_grams, rule, reason, run_id,"
        f" business_date, decided_at) VALUES ('{product}', 'none', 0, '{rule}', 'r', 'run', '{decided_at}',"
        f" '{decided_at}')"
    )


def test_what_people_decide_travels_in_the_drop_until_it_expires_or_is_lifted(
    deployed: Warehouse, objects: MemoryObjects, settings: Settings
) -> None:
    load(
        deployed, objects, sql.table_named("products", settings), [{"product_id": p} for p in ("p1", "p2", "p3", "p4")]
    )
    deployed.run(decided("p1", Kind.FORCE))
    deployed.run(decided("p1", Kind.FORBID, "none", DAY))
    deployed.run(decided("p2", Kind.FORCE, expires=DAY - dt.timedelta(1)))
    deployed.run(decided("p3", Kind.FORCE))
    deployed.run(decided("p3", Kind.LIFT))
    found = dropped(deployed, settings, "monthly")
    assert found["p1"] == "force|carton||it's heavy; truly\nforbid|none|2024-03-01|it's heavy; truly"
    assert [found[p] for p in ("p2", "p3", "p4")] == [None, None, None]


def test_nothing_is_filed_for_a_product_that_is_not_there(deployed: Warehouse) -> None:
    deployed.run(decided("absent", Kind.FORCE))
    assert deployed.rows("SELECT * FROM packaging.packaging_overrides") == []
    assert deployed.rows(sql.known_product("absent", schema=SCHEMA)) == []


def test_a_daily_drop_takes_products_about_which_people_have_decided_otherwise(
    deployed: Warehouse, objects: MemoryObjects, settings: Settings
) -> None:
    load(
        deployed, objects, sql.table_named("products", settings), [{"product_id": p} for p in ("p1", "p2", "p3", "p4")]
    )
    recommended(deployed, "p1", "expected-cost", "2024-02-29")
    recommended(deployed, "p2", "expected-cost", "2024-02-29")
    recommended(deployed, "p3", "override-force", "2024-02-29")
    deployed.run(decided("p2", Kind.FORBID))
    assert set(dropped(deployed, settings, "daily")) == {"p2", "p3", "p4"}, "decided on, taken back, new"
