from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.reports.decisions import frontier_chart, mix_chart
from processing.reports.gauges import GAUGE_WIDTH, Gauge, around, gauge
from processing.reports.svg import WIDTH, Axis, Line, bars, chart
from tests.unit.processing.test_reports import HOSTILE, read

PARTS = {"svg", "title", "text", "line", "polyline", "rect", "circle"}
numbers = st.floats(-1e6, 1e6)


def point(by: str, setting: float, damage: float, cost: float) -> dict[str, Any]:
    return {"by": by, "setting": setting, "damage": damage, "pack_cost": cost, "grams": 100 * cost, "cost": cost}


FRONTIER = [
    point("expected-cost", 2.0, 0.006, 0.9),
    point("expected-cost", 0.5, 0.012, 0.6),
    point("threshold", 0.9, 0.008, 0.95),
]


def numbers_of(drawn: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf'\b{name}="(-?[\d.]+)"', drawn)]


def test_charts_escape_names_and_survive_having_nothing_to_show() -> None:
    hostile = {HOSTILE: 3}
    for piece in (
        chart(HOSTILE, [Line(HOSTILE, [(0, 0), (1, 1)], "one", dots=True)], Axis(HOSTILE), Axis("y", 1, 1)),
        chart("t", [], Axis(""), Axis("")),
        bars(HOSTILE, [(HOSTILE, 0.0, HOSTILE)]),
        bars("t", []),
        frontier_chart([point(HOSTILE, 1.0, 0.1, 0.1)], chosen=point("", 1, 0.1, 0.1)),
        frontier_chart([]),
        mix_chart(hostile, hostile),
        mix_chart({}, {}),
        mix_chart({}, {"carton": 0}),
        gauge(HOSTILE, Gauge(0, 0, 0)),
    ):
        assert read(piece).tags <= PARTS
        assert "nan" not in piece
        assert "inf" not in piece.replace("inference", "")


def test_the_frontier_has_a_line_per_rule_from_less_to_more_damage() -> None:
    drawn = frontier_chart(FRONTIER)
    assert "by expected cost" in drawn
    assert "by threshold of suitability" in drawn
    assert "damaged shipments, %" in drawn
    first = re.findall(r'points="([^"]+)"', drawn)[0].split()
    assert [float(p.split(",")[0]) for p in first] == sorted(float(p.split(",")[0]) for p in first)
    assert float(first[0].split(",")[1]) < float(first[1].split(",")[1]), "less damage costs more, so it lies higher"


def test_the_chosen_policy_is_ringed_where_it_lies() -> None:
    chosen = {"damage": 0.006, "cost": 0.9}
    drawn = frontier_chart(FRONTIER, chosen=chosen)
    ring = re.search(r'<circle class="mark" cx="([\d.]+)" cy="([\d.]+)"', drawn)
    assert ring
    assert f'<circle class="one" cx="{ring[1]}" cy="{ring[2]}"' in drawn
    assert "this run" in drawn
    assert 'class="mark"' not in frontier_chart(FRONTIER)


@pytest.mark.parametrize(("amount", "label"), [("pack_cost", "material cost"), ("grams", "grams"), ("cost", "damage")])
def test_the_frontier_can_show_each_amount(amount: str, label: str) -> None:
    assert label in frontier_chart(FRONTIER, amount=amount, chosen=FRONTIER[0])


def test_an_unknown_amount_is_an_error() -> None:
    with pytest.raises(KeyError, match="weight"):
        frontier_chart(FRONTIER, amount="weight")


def test_the_mix_shows_each_type_before_and_now_also_new_and_gone_ones() -> None:
    drawn = mix_chart({"carton": 75, "paper-bag": 25}, {"none": 10, "carton": 90})
    assert "10.0 % (+10.0)" in drawn
    assert "75.0 % → 90.0 % (+15.0)" in drawn
    assert "25.0 % → 0.0 % (-25.0)" in drawn
    assert "carton 75% to 90%" in drawn, "said to those who do not see it"
    widths = numbers_of(drawn, "width")
    assert max(widths) == WIDTH
    assert len(widths) == 6


def test_a_gauge_shows_the_interval_on_the_good_or_bad_side_of_its_limit() -> None:
    drawn = gauge("too low", Gauge(0.5, 0.48, 0.52, limit=0.6, passed=False))
    (limit,) = [float(x) for x in re.findall(r'class="limit" x1="([\d.]+)"', drawn)]
    (dot,) = numbers_of(drawn, "cx")
    assert dot < limit
    assert 'class="span bad"' in drawn
    assert 'aria-label="too low"' in drawn
    zone = re.search(r'class="zone" x="([\d.]+)"', drawn)
    assert zone
    assert float(zone[1]) == limit, "from a floor on it is good"
    ceiling = gauge("w", Gauge(0.5, 0.48, 0.52, limit=0.6, floor=False))
    assert 'class="zone" x="0.0"' in ceiling


def test_without_a_verdict_no_side_is_good() -> None:
    drawn = gauge("w", Gauge(0.1, 0.0, 0.2, limit=0.0, passed=None))
    assert "zone" not in drawn
    assert "plain" in drawn


@given(value=numbers, below=st.floats(0, 1e6), above=st.floats(0, 1e6), limit=st.one_of(st.none(), numbers))
def test_nothing_of_a_gauge_leaves_it(value: float, below: float, above: float, limit: float | None) -> None:
    one = Gauge(value, value - below, value + above, limit)
    drawn = gauge("w", one, around([one]))
    assert all(0 <= x <= GAUGE_WIDTH for name in ("x", "x1", "x2", "cx") for x in numbers_of(drawn, name))
    assert all(width >= 0 for width in numbers_of(drawn, "width"))


@given(values=st.lists(st.floats(0, 1e6), max_size=5))
def test_an_axis_around_values_holds_them_and_does_not_pass_zero(values: list[float]) -> None:
    axis = Axis.around("", values)
    assert all(-1e-9 <= axis.share(value) <= 1 + 1e-9 for value in values)
    assert axis.low >= 0
    assert 2 <= len(axis.ticks) <= 8
