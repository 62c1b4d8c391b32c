from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from processing.decisions import Overrides
from rightpack.errors import DataError, SettingsError
from rightpack.overrides import Kind, Override

IDS = pa.array(["a", "b", "c"])
NAMES = ["bag", "box"]
TODAY = dt.date(2026, 9, 14)


def resolve(*overrides):
    return Overrides.resolve(overrides, IDS, NAMES, today=TODAY)


def test_overrides_find_their_product_and_type():
    found = resolve(Override("b", "box", Kind.FORCE, "broke twice"), Override("c", "bag", Kind.FORBID, "sharp edges"))
    assert found.forced.tolist() == [-1, 1, -1]
    assert found.forbidden.tolist() == [[False, False], [False, False], [True, False]]
    assert [found.words[i] if i >= 0 else None for i in found.note] == [
        None,
        "force box: broke twice",
        "forbid bag: sharp edges",
    ]


@pytest.mark.parametrize(("expires", "holds"), [(TODAY, True), (TODAY - dt.timedelta(1), False), (None, True)])
def test_an_override_holds_up_to_and_including_its_last_day(expires, holds):
    found = resolve(Override("a", "box", Kind.FORCE, "test", expires))
    assert bool(found.forced[0] == 1) is holds


def test_the_words_say_until_when():
    assert Override("a", "box", Kind.FORCE, "why", TODAY).words == "force box until 2026-09-14: why"


def test_of_two_forces_the_later_counts_and_force_counts_more_than_forbid():
    found = resolve(
        Override("a", "bag", Kind.FORCE, "first"),
        Override("a", "box", Kind.FORCE, "second"),
        Override("a", "box", Kind.FORBID, "third"),
    )
    assert found.forced[0] == 1
    assert found.words[found.note[0]] == "force box: second"


def test_products_that_are_not_decided_about_are_counted():
    assert resolve(Override("z", "box", Kind.FORCE, "gone")).unmatched == 1


def test_an_unknown_type_is_refused_by_name():
    with pytest.raises(DataError, match="product 'a' names package type 'crate'; there are bag, box"):
        resolve(Override("a", "crate", Kind.FORBID, "?"))


def test_an_expired_override_of_an_unknown_type_does_no_harm():
    resolve(Override("a", "crate", Kind.FORBID, "?", TODAY - dt.timedelta(1)))


def test_a_product_cannot_be_forbidden_everything():
    with pytest.raises(DataError, match="forbid product 'a' every package type"):
        resolve(Override("a", "bag", Kind.FORBID, "no"), Override("a", "box", Kind.FORBID, "no"))


def test_no_override_is_no_override():
    found = Overrides.none(2, 3)
    assert np.array_equal(found.forced, [-1, -1])
    assert not found.forbidden.any()


@pytest.mark.parametrize("why", ["", "  ", "a|b", "two\nlines", "x" * 201])
def test_a_reason_that_does_not_fit_on_a_line_is_refused(why):
    with pytest.raises(SettingsError):
        Override("a", "box", Kind.FORCE, why)


@pytest.mark.parametrize("line", ["force|box", "press|box||why", "force|box|tomorrow|why", "force|box||"])
def test_a_line_of_a_drop_that_is_no_override_names_product_and_line(line):
    with pytest.raises(DataError, match="of product 'a' cannot be read"):
        Override.parse("a", line)


def test_a_line_of_a_drop_is_read_with_its_last_day():
    assert Override.parse("a", "forbid|box|2026-09-14|edges") == Override("a", "box", Kind.FORBID, "edges", TODAY)
