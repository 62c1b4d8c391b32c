from __future__ import annotations

import datetime as dt

import pytest

from processing.intake import ColumnMapping, FileFormat, read_products
from rightpack.errors import ContractError, SettingsError
from rightpack.warehouse import product_columns

from .conftest import HEADER, Read

FIRST = dt.date(2026, 9, 7)


def read(path, settings, **mapping) -> Read:
    return Read.of(read_products(path, ColumnMapping(**mapping), settings, first_seen=FIRST))


def test_a_file_with_our_names_needs_no_mapping(csv, settings):
    found = read(csv(HEADER, "a, Blue vase ,kitchen,10,20.5,3,1200,2", "b,,,,,,,"), settings)
    assert found.refused == []
    first, second = found.rows
    assert first["title"] == "Blue vase"
    assert (first["width_cm"], first["weight_g"], first["photos"]) == (20.5, 1200.0, 2.0)
    assert first["first_seen_at"] == first["updated_at"] == dt.datetime.fromisoformat("2026-09-07")
    assert first["is_active"] == 1
    assert [second[name] for name in ("title", "category", "length_cm", "photos", "price")] == [None] * 5


def test_columns_come_in_the_order_of_the_table(csv, settings):
    found = read(csv(HEADER, "a,t,c,1,2,3,4,5"), settings)
    assert list(found.rows[0]) == [name for name, _ in product_columns(settings.features)]


def test_columns_of_another_order_can_be_asked_for(csv, settings):
    columns = [("weight_g", "DOUBLE PRECISION"), ("product_id", "VARCHAR(4)")]
    path = csv(HEADER, "a,t,c,1,2,3,4,5", "too-long,t,c,1,2,3,4,5")
    found = Read.of(read_products(path, ColumnMapping(), settings, first_seen=FIRST, columns=columns))
    assert found.rows == [{"weight_g": 4.0, "product_id": "a"}]
    assert found.refused[0]["reason"] == "is longer than 4 bytes"


def test_names_units_and_constants_are_mapped(csv, settings):
    path = csv("sku;name;l;w;h;kg;n", "a;Mug;10;5;4;0,5;1", "b;Mug;1,5;5;4;0,5;1")
    found = read(
        path,
        settings,
        columns={"product_id": "sku", "title": "name", "length_cm": "l", "width_cm": "w", "height_cm": "h"}
        | {"weight_g": "kg", "photos": "n"},
        constants={"category": "kitchen", "first_seen_at": dt.date(2025, 1, 2)},
        units={"weight_g": 1000.0, "length_cm": 2.54},
        file=FileFormat(delimiter=";", decimal=","),
    )
    assert found.refused == []
    assert [row["weight_g"] for row in found.rows] == [500.0, 500.0]
    assert [row["length_cm"] for row in found.rows] == pytest.approx([25.4, 3.81])
    assert {row["category"] for row in found.rows} == {"kitchen"}
    assert {row["first_seen_at"] for row in found.rows} == {dt.datetime.fromisoformat("2025-01-02")}


def test_rows_that_cannot_be_used_are_quarantined_with_row_column_value_and_reason(csv, settings):
    found = read(
        csv(
            HEADER,
            "a,t,c,1,2,3,4,5",
            ",t,c,1,2,3,4,5",
            "c,t,c,wide,2,3,4,5",
            "d,t,c,1,2,3,-4,5",
            "a,t,c,1,2,3,4,5",
            "e,t,c,1,2,3,inf,5",
        ),
        settings,
    )
    assert [row["product_id"] for row in found.rows] == ["a"]
    assert [(r["row"], r["column"], r["value"], r["reason"]) for r in found.refused] == [
        (2, "product_id", None, "is empty"),
        (3, "length_cm", "wide", "is not a number"),
        (4, "weight_g", "-4", "is not a finite number from 0 on"),
        (5, "product_id", "a", "was in an earlier row already"),
        (6, "weight_g", "inf", "is not a finite number from 0 on"),
    ]
    assert '"length_cm": "wide"' in found.refused[1]["content"]


def test_a_refused_row_does_not_reserve_its_id(csv, settings):
    found = read(csv(HEADER, "a,t,c,wide,2,3,4,5", "a,t,c,1,2,3,4,5"), settings)
    assert [row["product_id"] for row in found.rows] == ["a"]
    assert [r["row"] for r in found.refused] == [1]


def test_a_weight_of_zero_means_that_nobody_weighed(csv, settings):
    found = read(csv(HEADER, "a,t,c,1,2,3,0,0"), settings)
    assert found.rows[0]["weight_g"] is None
    assert found.rows[0]["photos"] == 0.0
    assert found.changed == {"weight_g": 1}


def test_a_long_title_is_cut_between_characters_and_counted_but_a_long_category_is_refused(csv, settings):
    title, category = "ü" * 1001, "k" * 129
    found = read(csv(HEADER, f"a,x{title},c,1,2,3,4,5", f"b,t,{category},1,2,3,4,5"), settings)
    assert found.rows[0]["title"] == "x" + "ü" * 999
    assert found.changed == {"title": 1}
    assert found.refused[0]["reason"] == "is longer than 128 bytes"


@pytest.mark.parametrize("spelling", ["NA", "nan", "null", "None", ""])
def test_the_usual_spellings_of_nothing_are_missing_numbers(csv, settings, spelling):
    assert read(csv(HEADER, f"a,t,c,1,2,3,{spelling},5"), settings).rows[0]["weight_g"] is None


def test_yes_and_no_are_understood_for_flags(csv, settings):
    path = csv(
        HEADER + ",is_liquid,is_active", "a,t,c,1,2,3,4,5,Yes,0", "b,t,c,1,2,3,4,5,false,", "c,t,c,1,2,3,4,5,maybe,1"
    )
    found = read(path, settings)
    assert [(row["is_liquid"], row["is_active"]) for row in found.rows] == [(1.0, 0), (0.0, 1)]
    assert found.refused[0]["reason"] == "is neither yes (1) nor no (0)"


def test_a_missing_feature_column_is_named_with_what_can_be_done(csv, settings):
    with pytest.raises(ContractError) as caught:
        read(csv("product_id,title", "a,t"), settings)
    assert "mine.csv has no column for length_cm; it has product_id, title." in str(caught.value)
    assert '[columns] length_cm = "..."' in str(caught.value)
    assert "take length_cm out of [features]" in str(caught.value)


def test_a_missing_product_id_cannot_be_configured_away(csv, settings):
    with pytest.raises(ContractError, match="no column for product_id") as caught:
        read(csv("sku", "a"), settings)
    assert "[features]" not in str(caught.value)


def test_a_mapped_column_that_is_not_there_is_answered_with_the_nearest(csv, settings):
    with pytest.raises(
        ContractError, match="no column 'skuu', which the mapping gives for product_id; did you mean 'sku'"
    ):
        read(csv("sku,title", "a,t"), settings, columns={"product_id": "skuu"})


def test_a_mapping_for_a_column_that_the_table_lacks_is_refused(csv, settings):
    with pytest.raises(SettingsError, match=r"\[columns\] names 'colour'"):
        read(csv(HEADER), settings, columns={"colour": "c"})


def test_a_constant_of_the_wrong_kind_is_refused_before_anything_is_read(csv, settings):
    with pytest.raises(SettingsError, match="weight_g: 'heavy' is not a number"):
        read(csv(HEADER, "a,t,c,1,2,3,4,5"), settings, constants={"weight_g": "heavy"})
