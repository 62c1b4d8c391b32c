from __future__ import annotations

import datetime as dt
import re
from importlib.resources import files
from importlib.resources.abc import Traversable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightpack import warehouse
from rightpack.errors import SettingsError
from rightpack.settings import Settings

SETTINGS = Settings.load("dev")
DATE = dt.date(2026, 11, 20)


@given(st.text(alphabet=st.characters(blacklist_characters="\\\0", blacklist_categories=["Cs"])))
def test_a_quoted_text_is_one_literal(text: str) -> None:
    literal = warehouse.quoted(text)
    assert literal[0] == literal[-1] == "'"
    assert literal[1:-1].replace("''", "") == text.replace("'", "")
    assert literal[1:-1].count("'") % 2 == 0


@pytest.mark.parametrize("name", ["", "a b", "x;drop", 'a"b', "ä", "1a", "A"])
def test_a_name_that_needs_quotes_is_refused(name: str) -> None:
    with pytest.raises(SettingsError):
        warehouse.identifier(name)


def test_backslash_and_nul_never_reach_sql() -> None:
    for text in ("a\\", "a\0b"):
        with pytest.raises(SettingsError):
            warehouse.quoted(text)


def test_every_placeholder_of_every_statement_is_filled() -> None:
    found = [
        *warehouse.schema_statements(SETTINGS),
        *warehouse.derive_labels("carton", DATE, SETTINGS),
        warehouse.training_rows("carton", DATE, SETTINGS.features, schema="packaging"),
        warehouse.damage_rows(DATE, SETTINGS),
        warehouse.inference_rows("daily", DATE, SETTINGS.features, schema="packaging"),
        warehouse.inference_rows("monthly", DATE, SETTINGS.features, schema="packaging"),
    ]
    assert all("$" not in statement and not statement.endswith(";") for statement in found)


def test_products_hold_every_column_that_models_need() -> None:
    columns = dict(warehouse.product_columns(SETTINGS.features))
    assert set(SETTINGS.features.raw) <= set(columns)
    assert next(iter(columns)) == "product_id"


def test_an_inference_drop_carries_what_the_fit_filter_needs() -> None:
    assert {"length_cm", "width_cm", "height_cm", "weight_g", "price"} <= set(
        warehouse.scored_columns(SETTINGS.features)
    )


def test_unload_doubles_the_quotes_of_its_query() -> None:
    text = warehouse.unload("SELECT 'x'", "s3://b/p/part_", "arn:aws:iam::1:role/r")
    assert "UNLOAD ('SELECT ''x''')" in text
    assert "MANIFEST VERBOSE" in text


def test_a_statement_ends_only_at_a_semicolon_outside_texts_names_and_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
-- It's not the end;
SELECT 'a;
b', 'it''s;
-- no comment', "odd;
name"; -- why;
/* Nor here;
'*/ SELECT ${two}; SELECT 3 -- the last one;
"""
    monkeypatch.setattr(warehouse, "_template", lambda _name: text)
    first, second, third = warehouse.statements("any", two=warehouse.quoted("x;\ny"))
    assert first == "-- It's not the end;\nSELECT 'a;\nb', 'it''s;\n-- no comment', \"odd;\nname\""
    assert second == "-- why;\n/* Nor here;\n'*/ SELECT 'x;\ny'"
    assert third == "SELECT 3 -- the last one;"


@pytest.mark.parametrize(
    "text", ["", ";\n", "SELECT 1;", "SELECT 1;\n-- the end;\n", "-- only;\n/* words; */;\nSELECT 1"]
)
def test_what_holds_only_comments_is_no_statement(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(warehouse, "_template", lambda _name: text)
    found = [s.splitlines()[-1] for s in warehouse.statements("any")]
    assert found == (["SELECT 1"] if "SELECT" in text else [])


@pytest.mark.parametrize("path", sorted(files("rightpack").joinpath("sql").iterdir(), key=str), ids=lambda p: p.name)
def test_every_statement_begins_with_a_verb_or_a_comment_before_it(path: Traversable) -> None:
    text = re.sub(r"\$\{(history)\}", "", path.read_text())
    verbs = ("ALTER", "COPY", "CREATE", "DELETE", "INSERT", "LOCK", "MERGE", "SELECT", "UNLOAD", "UPDATE", "WITH")
    for statement in warehouse._split(text):
        assert re.sub(r"--[^\n]*", "", statement).split()[0].upper() in verbs, statement
