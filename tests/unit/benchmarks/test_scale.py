from __future__ import annotations

import json
import math
from typing import Any

import pytest

from benchmarks.speed import scale_page
from benchmarks.speed.scale_model import Line, Model
from rightpack.costs import Prices
from rightpack.settings import Settings


def report(**changed: float) -> dict[str, Any]:
    """Two sizes of which everything is known: a core-second and a kilobyte for a thousand products in each step."""

    def stage(rows: int) -> dict[str, float]:
        return {"seconds": rows / 500, "cpu_seconds": 1 + rows / 1000, "peak": 2**28 + 1000.0 * rows}

    def size(rows: int) -> dict[str, Any]:
        own = {"out_bytes": 100 * rows, "predictions_out_bytes": 30 * rows, "recommendations_out_bytes": 20 * rows}
        stages = {name: {**stage(rows), **own} for name in ("pass", "prepare", "score", "recommend")}
        return {"rows": rows, "in_bytes": 80 * rows, "stages": stages}

    statements = {name: {"rows": 1000, "seconds": 1.0} for name in ("unload", "copy", "merge")}
    machine = {"cores": 2, "processor": "one", "load": 0.0}
    return {"machine": machine, "sizes": [size(1000), size(2000), size(5000)], "statements": statements, **changed}


@pytest.fixture
def model() -> Model:
    return Model(report(), Settings.load("dev"), Prices.load())


def test_docs_scale_is_what_the_figures_and_prices_make_of_it() -> None:
    text = scale_page.page(json.loads(scale_page.FIGURES.read_text()))
    assert scale_page.PAGE.read_text() == text, "run python -m benchmarks.speed.scale_page"


def test_a_line_goes_through_both_points_and_begins_at_nothing_at_least() -> None:
    line = Line.through((10, 7), (20, 12))
    assert (line.fixed, line.each, line.at(30), line.rows(17)) == (2, 0.5, 17, 30)
    assert Line.through((10, 4), (20, 12)).at(0) == 0
    assert Line.through((10, 4), (20, 3)) == Line(4, 0)
    assert Line(4, 0).rows(9) == math.inf


def test_a_catalogue_comes_in_as_few_drops_as_the_largest_machine_holds(model: Model) -> None:
    held = model.most_rows("prepare", "ml.m5.4xlarge")
    assert held == pytest.approx((0.8 * 64 * 2**30 - 2**28) / 1000)
    assert model.drop_rows == 50_000_000 < held
    assert model.plan(300_000_000).drops == 6
    assert model.plan(300_000_001).drops == 7


def test_each_drop_pays_for_its_start_and_its_work(model: Model) -> None:
    prepare, score, _ = model.plan(1_000_000).jobs
    price = model.prices.of("us-east-1", "Processing", "ml.m5.xlarge")
    assert prepare.machine == "ml.m5.xlarge"
    assert prepare.hours == pytest.approx((120 + 1 + 1000) / 3600)
    assert prepare.dollars == pytest.approx(prepare.hours * price)
    assert score.hours == pytest.approx((120 + 1001 / 4) / 3600)
    assert model.plan(1_000_000).warehouse_hours == pytest.approx(1e3 * (1 + 7 * 2) / 8 / 3600)


def test_the_page_says_how_far_lines_are_off_where_more_was_measured(model: Model) -> None:
    assert "| 0.0 M | Prepare | 1.00 | 1.00 |" in scale_page.page(report())
    assert "nothing checks the lines" in scale_page.page({**report(), "sizes": report()["sizes"][:2]})
