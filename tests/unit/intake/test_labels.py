from __future__ import annotations

import datetime as dt

import pytest

from processing.intake import ColumnMapping, FileFormat, Outcome, read_labels
from rightpack.errors import ContractError, SettingsError
from rightpack.warehouse import LABEL_COLUMNS

from .conftest import Read

DAMAGED = {"labels": Outcome(unsuitable="damaged")}


def read(path, settings, **mapping) -> Read:
    return Read.of(read_labels(path, ColumnMapping(**mapping), settings))


def test_labels_are_read_with_their_defaults_in_the_order_of_the_table(csv, settings):
    path = csv(
        "product_id,package_type,suitable,observed_at", "a,carton,1,2026-09-01", "b,none,no,2026-09-02T10:30:00Z"
    )
    found = read(path, settings)
    assert list(found.rows[0]) == [name for name, _ in LABEL_COLUMNS]
    assert found.rows[1] == {
        "label_id": "b/none/2026-09-02/1",
        "product_id": "b",
        "package_type": "none",
        "package_type_version": 1,
        "suitable": 0,
        "weight": 1.0,
        "source": "upload",
        "observed_at": dt.datetime.fromisoformat("2026-09-02T10:30"),
    }


def test_unsuitable_is_turned_round_and_constants_stand_in(csv, settings):
    path = csv("id,sku,damaged,day,package_type", "l1,a,1,01.09.2026,whatever", "l2,b,0,02.09.2026,whatever")
    found = read(
        path,
        settings,
        columns={"label_id": "id", "product_id": "sku", "observed_at": "day"},
        constants={"package_type": "book-box", "source": "shop-desk", "weight": 2},
        file=FileFormat(date_format="%d.%m.%Y"),
        **DAMAGED,
    )
    assert [(r["label_id"], r["suitable"], r["weight"], r["source"]) for r in found.rows] == [
        ("l1", 0, 2.0, "shop-desk"),
        ("l2", 1, 2.0, "shop-desk"),
    ]
    assert found.rows[0]["observed_at"] == dt.datetime.fromisoformat("2026-09-01")
    assert {r["package_type"] for r in found.rows} == {"book-box"}


def test_labels_without_an_id_get_the_same_one_whenever_the_file_is_read(csv, settings):
    path = csv("product_id,package_type,suitable,observed_at", *["a,carton,1,2026-09-01"] * 3)
    first, second = read(path, settings), read(path, settings)
    assert [r["label_id"] for r in first.rows] == [f"a/carton/2026-09-01/{n}" for n in (1, 2, 3)]
    assert first == second


def test_labels_that_cannot_be_used_are_quarantined_with_the_reason(csv, settings):
    found = read(
        csv(
            "label_id,product_id,package_type,suitable,observed_at,weight,source",
            "1,a,carton,1,2026-09-01,1,desk",
            "2,a,crate,1,2026-09-01,1,desk",
            "3,a,carton,perhaps,2026-09-01,1,desk",
            "4,a,carton,,2026-09-01,1,desk",
            "5,a,carton,1,yesterday,1,desk",
            "6,a,carton,1,2026-02-30,1,desk",
            "7,a,carton,1,2026-09-01,-1,desk",
            "8,a,carton,1,2026-09-01,1,lab_test",
            "1,a,carton,1,2026-09-01,1,desk",
            "10,,carton,1,2026-09-01,1,desk",
        ),
        settings,
    )
    assert [r["label_id"] for r in found.rows] == ["1"]
    assert [(r["row"], r["column"]) for r in found.refused] == [
        (2, "package_type"),
        (3, "suitable"),
        (4, "suitable"),
        (5, "observed_at"),
        (6, "observed_at"),
        (7, "weight"),
        (8, "source"),
        (9, "label_id"),
        (10, "product_id"),
    ]
    assert found.refused[0]["reason"].startswith("is not one of none, paper-bag")
    assert found.refused[3]["reason"] == "is not a date like 2026-11-20 or 2026-11-20T08:00:00"


def test_a_constant_package_type_must_be_configured(csv, settings):
    with pytest.raises(SettingsError, match="package_type: 'crate' is not one of none"):
        read(csv("product_id,suitable,observed_at", "a,1,2026-09-01"), settings, constants={"package_type": "crate"})


def test_a_file_that_says_nothing_of_suitability_is_refused_with_the_remedy(csv, settings):
    with pytest.raises(ContractError, match=r"no column for suitable; .* unsuitable = "):
        read(csv("product_id,package_type,observed_at", "a,carton,2026-09-01"), settings)


def test_an_outcome_column_that_is_not_there_is_named(csv, settings):
    with pytest.raises(ContractError, match=r"no column 'damaged', named in \[labels\]"):
        read(csv("product_id,package_type,observed_at", "a,carton,2026-09-01"), settings, **DAMAGED)


def test_suitability_must_come_from_one_place(csv, settings):
    path = csv("product_id,package_type,damaged,ok,observed_at")
    with pytest.raises(SettingsError, match="keep \\[labels\\]"):
        read(path, settings, columns={"suitable": "ok"}, **DAMAGED)


def test_a_time_zone_that_leads_beyond_the_calendar_costs_the_row_and_not_the_file(csv, settings):
    days = ("2026-09-01", "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00")
    path = csv("product_id,package_type,suitable,observed_at", *(f"a{i},none,1,{day}" for i, day in enumerate(days)))
    found = read(path, settings)
    assert [row["product_id"] for row in found.rows] == ["a0"]
    assert {row["reason"].partition(" like")[0] for row in found.refused} == {"is not a date"}
