from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path

import pytest

from benchmarks.speed.page import kept, results_page
from benchmarks.speed.ratios import Ratio
from benchmarks.speed.running import Outcome, keep, run

GOOD = Ratio("scoring", (20.0, 22.0, 21.0), 15, at_least=True, figures={"rows": 3})
BAD = Ratio("merge", (1.5, 1.2, 1.6), 1.3, at_least=False, why="the disk")


def test_a_measurement_that_breaks_is_told_and_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> list[Ratio]:
        raise ValueError("no disk")

    outcome = run({"first": broken, "second": lambda: [GOOD, BAD]})
    assert outcome.missed == ["merge", "first"]
    assert outcome.to_dict()["failed"] == {"first": "ValueError('no disk')"}
    said = capsys.readouterr().out
    assert "[2 of 2] second" in said
    assert "met    scoring: 21 [20, 22] (at least 15)" in said
    assert "MISSED merge: 1.5 [1.2, 1.6] (at most 1.3) the disk" in said


def test_every_report_is_kept_and_the_page_shows_them_all(tmp_path: Path) -> None:
    outcome = Outcome(dt.datetime(2026, 11, 21, 9, 0, tzinfo=dt.UTC), {"cores": 2, "processor": "one", "load": 0.1})
    outcome.ratios += [GOOD, BAD]
    keep(outcome, tmp_path / "bench.json")
    page = keep(dataclasses.replace(outcome, at=outcome.at + dt.timedelta(days=2)), tmp_path / "bench.json")
    assert [path.name for path in sorted((tmp_path / "bench").iterdir())] == [
        "20261121T090000Z.json",
        "20261123T090000Z.json",
    ]
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report == kept(tmp_path / "bench")[-1]
    assert report["ratios"]["merge"] == {
        "value": 1.5, "goal": 1.3, "met": False, "bound": "at most", "runs": [1.5, 1.2, 1.6], "figures": {},
        "why": "the disk",
    }  # fmt: skip
    html = page.read_text()
    assert "1 of 2 goals missed" in html
    assert html.count("over time</title>") == 2
    assert "1.5, from 1.2 to 1.6; at most 1.3" in html


def test_what_could_not_be_compared_is_missed_and_told_without_a_figure(tmp_path: Path) -> None:
    none = Ratio("peers", (), 1, at_least=False, why="not run: one")
    outcome = run({"first": lambda: [GOOD, none]})
    assert outcome.missed == ["peers"]
    page = keep(outcome, tmp_path / "bench.json").read_text()
    assert json.loads((tmp_path / "bench.json").read_text())["ratios"]["peers"]["value"] is None
    assert "not run: one" in page


def test_the_page_takes_each_ratio_from_the_last_report_that_has_it() -> None:
    machine = {"cores": 2, "processor": "one", "load": 0.1}
    early = {"at": "2026-11-20T00:00:00+00:00", "machine": machine, "ratios": {"merge": BAD.to_dict()}}
    late = {"at": "2026-11-21T00:00:00+00:00", "machine": machine, "ratios": {"scoring": GOOD.to_dict()}}
    html = results_page([early, late])
    assert "2026-11-20: the disk" in html
    assert "Last measured 2026-11-21" in html
