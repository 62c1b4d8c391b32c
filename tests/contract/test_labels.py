"""How feedback becomes labels: each rule by itself on the Redshift stand-in, then all of them against plain Python."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from typing import Any

import pyarrow as pa
import pytest

from local_cloud.redshift.service import RedshiftData
from rightpack import warehouse as sql
from rightpack.packaging import UNBOUNDED, PackageType
from rightpack.settings import Settings
from tests.unit.local_cloud.redshift.conftest import BUCKET, FakeHost, MemoryObjects, Warehouse

ROLE = "arn:aws:iam::123456789012:role/rightpack-dev-warehouse"
SCHEMA = "packaging"
START = dt.datetime(2026, 3, 1)  # noqa: DTZ001
NONE, BAG, MAILER, BOOK, CARTON = "none", "paper-bag", "padded-mailer", "book-box", "carton"
TABLES = ("products", "products_history", "packaging_feedback", "packaging_labels")
SHIPMENTS = ("return", "review", "audit")
Row = dict[str, Any]


def at(day: float) -> dt.datetime:
    return START + dt.timedelta(days=day)


@dataclass(frozen=True)
class Event:
    """One row of feedback; times are days since the start."""

    id: str
    product: str
    source: str
    units: int
    bad: int
    observed: float
    ingested: float
    package: str = MAILER
    version: int | None = 1


_ids = count()


def heard(product: str, source: str, units: int, bad: int, day: float = 1.0, **fields: Any) -> Event:
    """An event that came in when it was observed, unless `fields` say otherwise."""
    own: dict[str, Any] = {"id": f"f{next(_ids)}", "ingested": day} | fields
    return Event(product=product, source=source, units=units, bad=bad, observed=day, **own)


def shipped(units: int, bad: int = 0, day: float = 1.0, *, product: str = "p", **fields: Any) -> Event:
    return heard(product, "return", units, bad, day, **fields)


def lab(bad: int, day: float = 1.0, *, product: str = "p", **fields: Any) -> Event:
    return heard(product, "lab_test", 5, bad, day, **fields)


def cord(day: float = 1.0, *, product: str = "p", **fields: Any) -> Event:
    return heard(product, "andon", 1, 1, day, **fields)


def product(name: str = "p", day: float = 0.0, **fields: Any) -> Row:
    """A paperback's size, which fits every type."""
    known = {"product_id": name, "length_cm": 20.0, "width_cm": 13.0, "height_cm": 3.0, "weight_g": 300.0}
    times = {"first_seen_at": at(0), "updated_at": at(day), "is_active": 1}
    return known | {"price": 10.0, "is_liquid": 0.0, "category": "books"} | times | fields


def configured(**labels: Any) -> Settings:
    rule = {"propagated_weight": 0.0, "max_propensity_weight": 1.0} | labels
    return Settings.load("dev", [{"labels": rule}])


class Shop:
    """A warehouse with the product's own statements."""

    def __init__(self, warehouse: Warehouse, objects: MemoryObjects) -> None:
        self.warehouse, self.objects = warehouse, objects
        self.settings = configured()

    def empty(self) -> None:
        self.settings = configured()
        types = [s for t in self.settings.package_types for s in sql._package_type(SCHEMA, t)]
        self.warehouse.batch(*(f"DELETE FROM {SCHEMA}.{name}" for name in TABLES), *types)

    def made_anew(self, name: str) -> None:
        """The next version of a package type is in use."""
        changed = replace(self.settings.package_type(name), version=2)
        self.warehouse.run(*sql._package_type(SCHEMA, changed))

    def hears(self, *events: Event) -> Shop:
        columns = [name for name, _ in sql.FEEDBACK_COLUMNS]
        rows = [
            (e.id, e.product, e.package, e.version, e.source, e.units, e.bad, at(e.observed), at(e.ingested))
            for e in events
        ]
        return self._insert("packaging_feedback", columns, rows)

    def sells(self, *products: Row) -> Shop:
        return self._insert("products", list(products[0]), [tuple(p.values()) for p in products])

    def is_told(self, suitable: int, day: float = 1.0, **fields: Any) -> Shop:
        """A label that people loaded."""
        known = {"label_id": f"l{next(_ids)}", "product_id": "p", "package_type": MAILER, "package_type_version": 1}
        row = known | {"suitable": suitable, "weight": 1.0, "source": "upload", "observed_at": at(day)} | fields
        return self._insert("packaging_labels", list(row), [tuple(row.values())])

    def loads_products(self, *products: Row) -> Shop:
        """As `rightpack` loads them, which keeps the versions that they replace."""
        table = sql.table_named("products", self.settings)
        kinds = {
            "VARCHAR": pa.string(),
            "DOUBLE": pa.float64(),
            "SMALLINT": pa.int16(),
            "TIMESTAMP": pa.timestamp("us"),
        }
        columns = {
            name: pa.array([p.get(name) for p in products], kinds[kind.split("(")[0].split()[0]])
            for name, kind in table.columns
        }
        self.objects.put_manifest("products.manifest", {"products": self.objects.put_parquet("products", columns)})
        answer = self.warehouse.batch(
            *sql.copy_rows(table, f"s3://{BUCKET}/products.manifest", schema=SCHEMA, role=ROLE)
        )
        assert answer["Status"] == "FINISHED", answer
        return self

    def labels(self, as_of: int = 28, package: str = MAILER, **rule: Any) -> dict[str, Row]:
        """Derived labels of a package type, by product."""
        settings = configured(**rule)
        answer = self.warehouse.batch(*sql.derive_labels(package, at(as_of).date(), settings))
        assert answer["Status"] == "FINISHED", answer
        columns = ("product_id", "suitable", "source", "observed_at", "weight", "propensity", "package_type_version")
        derived = ", ".join(f"'{source}'" for source in sql.DERIVED_SOURCES)
        query = f"SELECT {', '.join(columns)} FROM {SCHEMA}.packaging_labels WHERE package_type = '{package}'"
        rows = self.warehouse.rows(f"{query} AND source IN ({derived})")
        found = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
        assert len(found) == len(rows), "a product has two derived labels"
        return found

    def verdict(self, as_of: int = 28, package: str = MAILER, **rule: Any) -> tuple[int, str] | None:
        """Label and source of the product `p`."""
        found = self.labels(as_of, package, **rule).get("p")
        return (found["suitable"], found["source"]) if found else None

    def training(self, as_of: int = 28, package: str = MAILER) -> list[Row]:
        """What the training drop would hold."""
        query = sql.training_rows(package, at(as_of).date(), self.settings.features, schema=SCHEMA)
        result = self.warehouse.result(query)
        names = [column["name"] for column in result["ColumnMetadata"]]
        rows = self.warehouse.rows(query)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _insert(self, table: str, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> Shop:
        values = ", ".join(f"({', '.join(_literal(value) for value in row)})" for row in rows)
        self.warehouse.run(f"INSERT INTO {SCHEMA}.{table} ({', '.join(columns)}) VALUES {values}")
        return self


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, str | dt.datetime) else repr(value)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    host = FakeHost(tmp_path_factory.mktemp("redshift"))
    service = RedshiftData(host)
    shop = Shop(Warehouse(service), host.objects)
    shop.warehouse.run(*sql.schema_statements(shop.settings))
    yield shop
    service.close()


@pytest.fixture
def shop(opened: Shop) -> Shop:
    opened.empty()
    return opened


# --- shipments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("units", "bad", "suitable"), [(100, 1, 1), (100, 2, 0), (250, 3, 1), (249, 3, 0), (8, 0, 1)])
def test_a_type_suits_while_the_posterior_damage_is_at_most_the_limit(
    shop: Shop, units: int, bad: int, suitable: int
) -> None:
    assert (bad / 0.6 + 0.3) / (units + 15) <= 0.02 or not suitable
    assert shop.hears(shipped(units, bad)).verdict() == (suitable, "feedback")


def test_the_limit_and_the_reporting_rate_are_settings(shop: Shop) -> None:
    shop.hears(shipped(100, 2))
    assert shop.verdict(damage_limit=0.04) == (1, "feedback")
    assert shop.verdict(damage_limit=0.02, reporting_rate=1.0) == (1, "feedback")  # 2.3 / 115 is .02
    assert shop.verdict(damage_limit=0.02, reporting_rate=0.99) == (0, "feedback")


def test_too_few_shipments_are_no_label(shop: Shop) -> None:
    shop.hears(shipped(7))
    assert shop.verdict() is None
    assert shop.verdict(minimum_shipped=7) == (1, "feedback")


def test_shipments_of_all_sources_add_up(shop: Shop) -> None:
    shop.hears(heard("p", "return", 4, 0, 1), heard("p", "review", 3, 0, 2), heard("p", "audit", 1, 0, 3))
    assert shop.verdict() == (1, "feedback")
    assert shop.labels()["p"]["observed_at"] == str(at(3))


def test_every_product_and_type_is_judged_by_its_own_feedback(shop: Shop) -> None:
    shop.hears(shipped(50, product="a"), shipped(50, 9, product="b"), shipped(50, 9, product="a", package=CARTON))
    assert {name: row["suitable"] for name, row in shop.labels().items()} == {"a": 1, "b": 0}
    assert {name: row["suitable"] for name, row in shop.labels(package=CARTON).items()} == {"a": 0}


# --- the laboratory ---------------------------------------------------------------------------------------------------


def test_a_failed_test_decides_whatever_was_shipped(shop: Shop) -> None:
    shop.hears(lab(1, 1), shipped(10_000, 0, 5))
    assert shop.verdict() == (0, "lab_test")
    assert shop.labels()["p"]["observed_at"] == str(at(1))


def test_a_passed_test_overrules_shipments(shop: Shop) -> None:
    assert shop.hears(lab(0, 1), shipped(100, 50, 5)).verdict() == (1, "lab_test")


@pytest.mark.parametrize(("first", "second", "suitable"), [(3, 0, 1), (0, 3, 0)])
def test_the_newest_test_counts_in_whatever_order_they_come_in(
    shop: Shop, first: int, second: int, suitable: int
) -> None:
    shop.hears(lab(second, 9, ingested=9), lab(first, 2, ingested=12))
    assert shop.verdict() == (suitable, "lab_test")
    assert shop.labels()["p"]["observed_at"] == str(at(9))


def test_units_of_tests_are_no_shipments(shop: Shop) -> None:
    shop.hears(*(lab(0, day) for day in range(4)), cord(5), shipped(7, 0, 6))
    assert shop.verdict() == (0, "andon")
    rows = shop.sells(product()).training()
    assert [row["earlier_units"] for row in rows] == [7]


# --- duplicates, corrections, retractions -----------------------------------------------------------------------------


def test_an_event_that_came_twice_counts_once(shop: Shop) -> None:
    once = shipped(4)
    assert shop.hears(once, replace(once, ingested=2), replace(once, ingested=2)).verdict() is None


def test_of_a_corrected_event_the_last_ingested_version_counts(shop: Shop) -> None:
    first = shipped(100, 9)
    shop.hears(replace(first, bad=0, ingested=6), first)
    assert shop.verdict() == (1, "feedback")
    assert shop.verdict(as_of=5) == (0, "feedback")


def test_an_event_whose_kind_was_corrected_counts_as_the_new_kind(shop: Shop) -> None:
    first = shipped(100, 1)
    assert shop.hears(first, replace(first, source="lab_test", ingested=2)).verdict() == (0, "lab_test")


def test_a_retraction_replaces_the_counts_of_its_event(shop: Shop) -> None:
    wrong = shipped(100, 9)
    shop.hears(wrong, replace(wrong, source="retraction", bad=1, ingested=4))
    assert shop.verdict() == (1, "feedback")


@pytest.mark.parametrize("wrong", [lab(5, 2), cord(2)])
def test_what_was_withdrawn_gives_way_to_the_rest(shop: Shop, wrong: Event) -> None:
    shop.hears(shipped(100), wrong, replace(wrong, source="retraction", units=0, bad=0, ingested=4))
    assert shop.verdict(as_of=3) == (0, wrong.source)
    assert shop.verdict() == (1, "feedback")


def test_a_corrected_test_stays_a_test(shop: Shop) -> None:
    wrong = lab(5)
    assert shop.hears(wrong, replace(wrong, source="retraction", bad=0, ingested=4)).verdict() == (1, "lab_test")


def test_a_corrected_test_is_still_no_shipment(shop: Shop) -> None:
    wrong = lab(5)
    shop.sells(product()).hears(shipped(20), wrong, replace(wrong, source="retraction", bad=1, ingested=4)).labels()
    assert [(row["earlier_units"], row["earlier_bad"]) for row in shop.training()] == [(20, 0)]


def test_shipments_that_turn_out_to_be_a_test_leave_the_counts(shop: Shop) -> None:
    wrong = shipped(5, 1)
    shop.sells(product()).hears(shipped(20), wrong, replace(wrong, source="lab_test", ingested=4)).labels()
    assert [(row["earlier_units"], row["earlier_bad"]) for row in shop.training()] == [(20, 0)]


def test_a_withdrawn_test_brings_the_one_before_it_back(shop: Shop) -> None:
    wrong = lab(5, 6)
    shop.hears(lab(0, 2), wrong, replace(wrong, source="retraction", units=0, bad=0, ingested=8))
    assert shop.verdict() == (1, "lab_test")
    assert shop.labels()["p"]["observed_at"] == str(at(2))


# --- what was known when ----------------------------------------------------------------------------------------------


def test_what_came_in_late_counts_from_then_on(shop: Shop) -> None:
    shop.hears(shipped(100), shipped(100, 30, 2, ingested=10))
    assert [shop.verdict(as_of=day) for day in (9, 10)] == [(1, "feedback"), (0, "feedback")]
    assert shop.verdict(as_of=9) == (1, "feedback"), "an earlier day must give the same labels again"


def test_the_day_counts_to_its_end_and_not_beyond(shop: Shop) -> None:
    shop.hears(lab(0, 3 + 86_399 / 86_400), lab(5, 4))
    assert [shop.verdict(as_of=day) for day in (2, 3, 4)] == [None, (1, "lab_test"), (0, "lab_test")]


def test_nothing_observed_after_the_day_counts_though_it_is_there(shop: Shop) -> None:
    shop.hears(shipped(20), lab(5, 20, ingested=3), shipped(100, 50, 21, ingested=3)).sells(product())
    assert shop.verdict(as_of=10) == (1, "feedback")
    (row,) = shop.training(as_of=10)
    assert (row["earlier_units"] + row["recent_units"], row["earlier_bad"] + row["recent_bad"]) == (20, 0)


def test_labels_that_people_dated_later_are_left_out_of_training(shop: Shop) -> None:
    shop.sells(product()).is_told(1, 20)
    assert [len(shop.training(as_of=day)) for day in (19, 20)] == [0, 1]


def test_deriving_again_replaces_labels_and_leaves_those_of_people(shop: Shop) -> None:
    shop.sells(product()).hears(shipped(20), shipped(20, package=CARTON)).is_told(0)
    shop.labels(package=CARTON)
    first = shop.labels()
    assert shop.labels() == first
    sources = f"SELECT package_type, source FROM {SCHEMA}.packaging_labels ORDER BY 1, 2"
    assert shop.warehouse.rows(sources) == [(CARTON, "feedback"), (MAILER, "feedback"), (MAILER, "upload")]


# --- the cord ---------------------------------------------------------------------------------------------------------


def test_a_cord_pulled_since_the_passed_test_overrules_it(shop: Shop) -> None:
    shop.hears(lab(0, 2), shipped(1000, 0, 3), cord(4))
    assert shop.verdict(as_of=3) == (1, "lab_test")
    assert shop.verdict() == (0, "andon")
    assert shop.labels()["p"]["observed_at"] == str(at(4))


def test_a_cord_pulled_at_the_moment_of_the_test_overrules_it(shop: Shop) -> None:
    assert shop.hears(lab(0, 4), cord(4)).verdict() == (0, "andon")


def test_a_test_passed_after_the_cord_was_pulled_lets_the_type_back_in(shop: Shop) -> None:
    assert shop.hears(cord(2), lab(0, 4)).verdict() == (1, "lab_test")


def test_a_cord_overrules_shipments_before_and_after(shop: Shop) -> None:
    assert shop.hears(shipped(1000, 0, 1), cord(4), shipped(1000, 0, 9)).verdict() == (0, "andon")


def test_a_failed_test_counts_before_the_cord(shop: Shop) -> None:
    assert shop.hears(lab(2, 2), cord(4)).verdict() == (0, "lab_test")


# --- versions of package types and products ---------------------------------------------------------------------------


def test_a_type_made_anew_starts_without_labels(shop: Shop) -> None:
    shop.sells(product()).hears(lab(0), shipped(100)).is_told(1)
    assert shop.verdict() == (1, "lab_test")
    assert len(shop.training()) == 2
    shop.made_anew(MAILER)
    assert shop.training() == [], "labels of the old version must not train, even before they are derived again"
    assert shop.verdict() is None
    shop.hears(shipped(100, 30, 5, version=2))
    assert shop.verdict() == (0, "feedback")
    assert shop.labels()["p"]["package_type_version"] == 2
    assert [row["earlier_units"] + row["recent_units"] for row in shop.training()] == [100]


def test_a_version_that_nobody_named_is_the_first(shop: Shop) -> None:
    shop.hears(shipped(100, version=None))
    assert shop.verdict() == (1, "feedback")
    shop.made_anew(MAILER)
    assert shop.verdict() is None


def test_features_are_those_of_the_moment_of_the_observation(shop: Shop) -> None:
    shop.loads_products(*(product(name, weight_g=100.0) for name in "abc"))
    shop.loads_products(*(product(name, 10, weight_g=900.0) for name in "abc"))
    shop.loads_products(*(product(name, 20, weight_g=1700.0) for name in "abc"))
    shop.hears(*(lab(0, day, product=name) for name, day in (("a", 5), ("b", 10), ("c", 15)))).labels()
    assert {row["product_id"]: row["weight_g"] for row in shop.training()} == {"a": 100.0, "b": 900.0, "c": 900.0}


def test_one_product_labelled_at_two_times_has_the_features_of_both(shop: Shop) -> None:
    shop.loads_products(product(price=1.0))
    shop.loads_products(product(day=10, price=2.0))
    shop.is_told(1, 5).is_told(0, 15)
    assert sorted((row["suitable"], row["price"]) for row in shop.training()) == [(0, 2.0), (1, 1.0)]


def test_a_label_older_than_the_product_has_its_first_features(shop: Shop) -> None:
    shop.loads_products(product(day=3, price=1.0))
    shop.loads_products(product(day=10, price=2.0))
    shop.hears(lab(0, 1)).labels()
    assert [row["price"] for row in shop.training()] == [1.0]


def test_counts_of_damage_tell_the_last_days_from_before(shop: Shop) -> None:
    shop.sells(product()).hears(shipped(30, 1, 5), shipped(20, 2, 14.9), shipped(10, 3, 15), lab(0, 15))
    shop.labels(as_of=28)
    (row,) = shop.training(as_of=28)  # fourteen days: from the 15th to the 28th
    assert [row[name] for name in ("earlier_units", "earlier_bad", "recent_units", "recent_bad")] == [50, 3, 10, 3]


# --- what other types tell --------------------------------------------------------------------------------------------

QUARTER: dict[str, Any] = {"propagated_weight": 0.25}


def test_what_suits_suits_in_every_stronger_type_with_less_weight(shop: Shop) -> None:
    shop.sells(product()).hears(lab(0, 7))
    found = shop.labels(package=CARTON, **QUARTER)["p"]
    assert (found["suitable"], found["source"], found["weight"]) == (1, "propagated", 0.25)
    assert found["observed_at"] == str(at(7))
    assert shop.verdict(package=BOOK, **QUARTER) == (1, "propagated")
    assert shop.verdict(package=BAG, **QUARTER) is None


def test_what_does_not_suit_does_not_suit_in_any_weaker_type(shop: Shop) -> None:
    shop.sells(product()).hears(shipped(50, 9))
    found = [shop.verdict(package=name, **QUARTER) for name in (NONE, BAG, BOOK, CARTON)]
    assert found == [(0, "propagated"), (0, "propagated"), None, None]


def test_a_label_of_its_own_is_never_replaced(shop: Shop) -> None:
    shop.sells(product()).hears(lab(0), shipped(50, 9, package=CARTON))
    assert shop.verdict(package=CARTON, **QUARTER) == (0, "feedback")
    assert shop.verdict(package=MAILER, **QUARTER) == (1, "lab_test")


def test_nothing_follows_from_types_that_contradict_each_other(shop: Shop) -> None:
    shop.sells(product()).hears(lab(0), lab(5, package=CARTON))
    assert shop.verdict(package=BOOK, **QUARTER) is None


@pytest.mark.parametrize("limits", [{"length_cm": 37.0}, {"weight_g": 5001.0}, {"height_cm": None}, {"weight_g": 0.0}])
def test_nothing_follows_for_a_type_that_the_product_does_not_fit(shop: Shop, limits: Row) -> None:
    shop.sells(product(**limits)).hears(lab(0, package=NONE))
    assert shop.verdict(package=BOOK, **QUARTER) is None


def test_sides_turn_to_fit(shop: Shop) -> None:
    shop.sells(product(length_cm=9.0, width_cm=36.0, height_cm=28.0)).hears(lab(0, package=NONE))
    assert shop.verdict(package=BOOK, **QUARTER) == (1, "propagated")


def test_a_liquid_follows_only_into_types_that_take_it(shop: Shop) -> None:
    shop.sells(product(is_liquid=1.0), product("q")).hears(*(lab(0, product=name) for name in "pq"))
    assert shop.verdict(package=BOOK, **QUARTER) == (1, "propagated")
    dry = replace(shop.settings.package_type(BOOK), allows_liquid=False)
    shop.warehouse.run(*sql._package_type(SCHEMA, dry))
    assert set(shop.labels(package=BOOK, **QUARTER)) == {"q"}


def test_nothing_follows_where_it_is_switched_off(shop: Shop) -> None:
    shop.sells(product()).hears(lab(0))
    assert shop.verdict(package=CARTON, propagated_weight=0.0) is None


def test_labels_of_people_reach_other_types_and_stand_before_what_follows(shop: Shop) -> None:
    shop.sells(product()).is_told(1)
    assert shop.verdict(package=CARTON, **QUARTER) == (1, "propagated")
    shop.is_told(0, package_type=CARTON)
    assert shop.verdict(package=CARTON, **QUARTER) is None


def test_nothing_follows_from_a_type_as_it_was_made_before(shop: Shop) -> None:
    shop.sells(product()).hears(lab(0, package=BAG)).is_told(1)
    shop.made_anew(MAILER)
    shop.made_anew(BAG)
    assert shop.verdict(package=CARTON, **QUARTER) is None


# --- what was never tried ---------------------------------------------------------------------------------------------


def sells_two_kinds(shop: Shop) -> Shop:
    """Of forty books and forty vases all books and four vases were tried: a share of 11/20, of 1 and of 1/10."""
    shop.sells(*(product(f"{kind}{n}", category=kind) for kind in ("books", "vases") for n in range(40)))
    tried = [f"books{n}" for n in range(40)] + [f"vases{n}" for n in range(4)]
    return shop.hears(*(shipped(20, product=name) for name in tried))


def test_propensity_is_the_share_tried_leaning_on_the_share_of_all(shop: Shop) -> None:
    found = sells_two_kinds(shop).labels()
    assert found["books0"]["propensity"] == pytest.approx((40 + 20 * 0.55) / 60)
    assert found["vases0"]["propensity"] == pytest.approx((4 + 20 * 0.55) / 60)
    assert shop.labels(propensity_prior=0.0001)["vases0"]["propensity"] == pytest.approx(0.1, rel=1e-4)


def test_labels_of_what_is_seldom_tried_weigh_more_up_to_the_cap(shop: Shop) -> None:
    found = sells_two_kinds(shop).labels(max_propensity_weight=10.0)
    assert found["books0"]["weight"] == pytest.approx(0.55 / 0.85)
    assert found["vases0"]["weight"] == pytest.approx(0.55 / 0.25)
    capped = shop.labels(max_propensity_weight=1.25)
    assert (capped["books0"]["weight"], capped["vases0"]["weight"]) == pytest.approx((0.8, 1.25))


def test_weights_are_one_where_the_correction_is_off(shop: Shop) -> None:
    assert {row["weight"] for row in sells_two_kinds(shop).labels().values()} == {1.0}


def test_weight_bands_are_cells_of_their_own(shop: Shop) -> None:
    shop.sells(*(product(f"{g}-{n}", weight_g=float(g)) for g in (100, 3000) for n in range(20)))
    shop.hears(*(shipped(20, product=f"100-{n}") for n in range(20)), shipped(20, product="3000-0"))
    found = shop.labels(max_propensity_weight=10.0)
    assert found["3000-0"]["weight"] > 1 > found["100-0"]["weight"]


def test_products_that_do_not_fit_do_not_count_as_never_tried(shop: Shop) -> None:
    sells_two_kinds(shop).sells(*(product(f"long{n}", length_cm=150.0) for n in range(40)))
    assert shop.labels()["books0"]["propensity"] == pytest.approx((40 + 20 * 0.55) / 60)


# --- all rules at once ------------------------------------------------------------------------------------------------


def judged(events: list[Event], as_of: int, types: dict[str, PackageType], settings: Settings) -> dict[str, Row]:
    """The rule as people say it, for all products and types: {product/type: label}; slow and with no SQL in mind."""
    rule, end = settings.labels, as_of + 1
    versions: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.ingested < end and event.observed < end:
            versions[event.id].append(event)
    cells: dict[str, list[Event]] = defaultdict(list)
    for story in versions.values():
        story.sort(key=lambda e: (-e.ingested, e.bad, e.units))
        kinds = [e.source for e in story if e.source != "retraction"]
        event = replace(story[0], source=kinds[0] if kinds else "retraction")
        if (event.units or event.bad) and (event.version or 1) == types[event.package].version:
            cells[f"{event.product}/{event.package}"].append(event)
    found = {}
    for key, group in cells.items():
        tests = sorted((e for e in group if e.source == "lab_test"), key=lambda e: (e.observed, e.ingested, e.bad))
        cords = [e.observed for e in group if e.source == "andon" and e.bad]
        rest = [e for e in group if e.source not in ("lab_test", "andon")]
        units, bad = sum(e.units for e in rest), sum(e.bad for e in rest)
        rate, prior, limit = (Fraction(str(x)) for x in (rule.reporting_rate, rule.prior_bad, rule.damage_limit))
        fine = (bad / rate + prior) / (units + Fraction(str(rule.prior_shipped))) <= limit
        label: tuple[int, str, float] | None = None
        if tests and tests[-1].bad:
            label = 0, "lab_test", tests[-1].observed
        elif cords and (not tests or max(cords) >= tests[-1].observed):
            label = 0, "andon", max(cords)
        elif tests:
            label = 1, "lab_test", tests[-1].observed
        elif units >= rule.minimum_shipped:
            label = int(fine), "feedback", max(e.observed for e in rest)
        found[key] = {"label": label}
    return found


def goes_in(row: Row, package: PackageType) -> bool:
    limits = sorted(package.max_sides_cm)
    sides = [row["length_cm"], row["width_cm"], row["height_cm"]]
    known = all(side is not None and side > 0 for side in sides)
    for number, limit in enumerate(limits):
        if limit < UNBOUNDED and not (known and sorted(sides)[number] <= limit):
            return False
    weight = row["weight_g"]
    light = package.max_weight_g >= UNBOUNDED or (weight is not None and 0 < weight <= package.max_weight_g)
    return light and (package.allows_liquid or row["is_liquid"] == 0)


def cell_of(row: Row, settings: Settings) -> tuple[str, int]:
    weight = row["weight_g"]
    band = -1 if weight is None else sum(weight >= edge for edge in settings.gate.slicing.weight_edges)
    return row["category"] or "", band


def expected(
    products: list[Row], events: list[Event], kind: str, as_of: int, types: dict[str, PackageType], settings: Settings
) -> dict[str, tuple[Any, ...]]:
    """Labels of one type: suitable, source, time, weight, propensity."""
    rule, package = settings.labels, types[kind]
    evidence = judged(events, as_of, types, settings)
    fitting = [p for p in products if goes_in(p, package)]
    tried: dict[Any, list[bool]] = defaultdict(list)
    for p in fitting:
        tried[cell_of(p, settings)].append(f"{p['product_id']}/{kind}" in evidence)
    every = [was for group in tried.values() for was in group]
    share = sum(every) / len(every) if every else 0.0
    found: dict[str, tuple[Any, ...]] = {}
    for p in products:
        name, fits = p["product_id"], p in fitting
        own: Row = {t: evidence.get(f"{name}/{t}", {}).get("label") for t in types}
        group = tried[cell_of(p, settings)]
        prior = rule.propensity_prior
        chance = (sum(group) + prior * share) / (len(group) + prior) if fits else None
        if own[kind]:
            most = rule.max_propensity_weight
            weight = min(max(share / chance, 1 / most), most) if chance else 1.0
            found[name] = (*own[kind], weight, chance)
        elif fits and rule.propagated_weight:
            below = {t: v for t, v in own.items() if v and v[0] and types[t].rank < package.rank}
            above = {t: v for t, v in own.items() if v and not v[0] and types[t].rank > package.rank}
            if bool(below) != bool(above):
                day = max(v[2] for v in (below or above).values())
                found[name] = int(bool(below)), "propagated", day, rule.propagated_weight, chance
    return found


def random_products(rng: random.Random) -> list[Row]:
    def one(name: str) -> Row:
        sides = [round(rng.uniform(1, 60) ** rng.uniform(0.5, 1), 1) for _ in range(3)]
        sides[rng.randrange(3)] = rng.choice([sides[0], sides[0], 0.0, None])
        values = dict(zip(("length_cm", "width_cm", "height_cm"), sides, strict=True))
        values |= {"weight_g": rng.choice([None, 0.0, *(rng.uniform(20, 6000) for _ in range(10))])}
        values |= {"category": rng.choice(["books", "vases", None]), "is_liquid": rng.choice([0.0, 0.0, 1.0, None])}
        return product(name, **values)

    return [one(f"p{n}") for n in range(60)]


def random_events(rng: random.Random, products: list[Row], types: dict[str, PackageType]) -> Iterator[Event]:
    """Moments are half days, so that many of them coincide."""
    for number in range(300):
        source = rng.choice([*SHIPMENTS, *SHIPMENTS, "lab_test", "andon"])
        units = rng.choice([0, 1, 5, 8, 40, 250])
        observed = rng.randrange(60) / 2
        event = Event(
            id=f"e{number}",
            product=rng.choice(products)["product_id"],
            source=source,
            units=units,
            bad=min(units, rng.choice([0, 0, 0, 1, 3])),
            observed=observed,
            ingested=observed + rng.choice([0, 0, 0.5, 3, 9, -2]),
            package=rng.choice(list(types)),
            version=rng.choice([1, 1, 1, 2, None]),
        )
        yield event
        while rng.random() < 0.3:
            later = rng.choice([0, 0.5, 4])
            kind = rng.choice(["retraction", event.source, rng.choice(SHIPMENTS)])
            event = replace(event, source=kind, ingested=event.ingested + later)
            if later:  # of versions that come in together only the counts may differ
                event = replace(event, bad=rng.choice([0, event.bad]), units=rng.choice([0, event.units]))
            else:
                event = replace(event, bad=event.bad + 1)
            yield event


@pytest.mark.parametrize("seed", range(8))
def test_labels_of_any_feedback_are_those_of_the_rule_as_people_say_it(shop: Shop, seed: int) -> None:
    rng = random.Random(seed)
    types = {t.name: replace(t, version=rng.choice([1, 1, 2])) for t in shop.settings.package_types}
    types = {name: replace(t, allows_liquid=rng.random() < 0.7) for name, t in types.items()}
    shop.warehouse.run(*(s for t in types.values() for s in sql._package_type(SCHEMA, t)))
    products = random_products(rng)
    events = list(random_events(rng, products, types))
    shop.sells(*products).hears(*events)
    rule = {"propagated_weight": rng.choice([0.0, 0.25]), "max_propensity_weight": rng.choice([1.0, 2.0])}
    for kind in (BAG, MAILER, CARTON):
        as_of = rng.randrange(5, 35)
        wanted = expected(products, events, kind, as_of, types, configured(**rule))
        found = shop.labels(as_of, kind, **rule)
        seen = {n: (r["suitable"], r["source"], r["observed_at"], r["weight"]) for n, r in found.items()}
        assert seen == {n: (s, k, str(at(day)), pytest.approx(w)) for n, (s, k, day, w, _) in wanted.items()}
        assert {n: r["propensity"] for n, r in found.items()} == {n: pytest.approx(w[4]) for n, w in wanted.items()}
