from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.features.expressions import parse_expression
from rightpack.errors import SettingsError
from rightpack.settings import Settings


def value(text: str, **columns: float) -> float:
    arrays = {name: np.array([number]) for name, number in columns.items()}
    return float(parse_expression(text, columns, "x").evaluate(arrays, 1)[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", 8.0),
        ("(a + b) * 2", 10.0),
        ("a - b / 2", 0.5),
        ("a ** b", 8.0),
        ("-a + +b", 1.0),
        ("max(a, b, 2.5)", 3.0),
        ("min(a, b)", 2.0),
        ("log(a) + sqrt(b) + abs(-1)", math.log(2) + math.sqrt(3) + 1),
        ("7", 7.0),
    ],
)
def test_arithmetic_means_what_it_says(text: str, expected: float) -> None:
    assert value(text, a=2.0, b=3.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["a / b", "log(b)", "sqrt(0 - a)", "a + c", "max(a, c)", "min(c, a)", "9 ** 9999", "1e999"]
)
def test_what_has_no_value_is_missing(text: str) -> None:
    assert math.isnan(value(text, a=1.0, b=0.0, c=float("nan")))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.real",
        "a[0]",
        "(lambda: a)()",
        "[a for a in b]",
        "a if b else a",
        "a == b",
        "a and b",
        "not a",
        "'text'",
        "True",
        "f'{a}'",
        "a // b",
        "a @ b",
        "pow(a, b)",
        "log(a, b)",
        "max()",
        "max(a, key=b)",
        "a := 1",
        "",
        "a +",
        "a\nb",
        "~a",
        "1j",
    ],
)
def test_anything_but_arithmetic_is_refused_with_the_columns_name(text: str) -> None:
    with pytest.raises(SettingsError, match=r"features\.derived\.x"):
        parse_expression(text, ["a", "b"], "x")


def test_a_column_that_is_not_numeric_is_named_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"uses 'title'.*there are: a, b"):
        parse_expression("a * title", ["a", "b"], "x")


@pytest.mark.parametrize("text", ["(" * 300 + "a" + ")" * 300, "-" * 5000 + "a", "a" + "+a" * 10_000])
def test_nesting_without_end_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"features\.derived\.x"):
        parse_expression(text, ["a"], "x")


def test_an_expression_of_the_longest_kind_is_evaluated() -> None:
    assert value("-" * 498 + "a", a=1.0) == 1.0


@given(st.floats(1, 100), st.floats(1, 100), st.floats(1, 100), st.floats(1, 10_000))
def test_the_configured_derived_columns_are_what_their_names_say(a: float, b: float, c: float, grams: float) -> None:
    features = Settings.load("dev").features
    columns = {"length_cm": a, "width_cm": b, "height_cm": c, "weight_g": grams, "price": 3.0}
    columns |= dict.fromkeys(set(features.numeric) - set(columns), 0.0)
    found = {name: value(text, **columns) for name, text in features.derived.items()}
    assert found["volume_cm3"] == pytest.approx(a * b * c)
    assert found["density"] == pytest.approx(grams / (a * b * c))
    assert found["flatness"] == pytest.approx(max(a, b, c) / min(a, b, c))
