"""The page of results: what the last measurements say against their goals, and how each came there over time."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from processing.reports.gauges import Gauge, gauge
from processing.reports.page import render
from processing.reports.svg import Axis, Line, chart

TEMPLATES: Final = Path(__file__).parent
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Result:
    """One ratio as it was measured at some time, on some machine."""

    at: dt.datetime
    ratio: Mapping[str, Any]


def kept(folder: Path) -> list[dict[str, Any]]:
    """All reports of the folder, oldest first."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def results_page(reports: Sequence[Mapping[str, Any]]) -> str:
    """HTML of reports that are given oldest first, at least one."""
    lines = [_line(name, results) for name, results in _by_name(reports).items()]
    last = reports[-1]
    return render(
        "results.html",
        beside=TEMPLATES,
        lines=lines,
        missed=sum(not line["met"] for line in lines),
        reports=len(reports),
        at=last["at"],
        machine=last["machine"],
        failed={**last.get("failed", {}), **_without_value(last)},
        seconds=last.get("seconds", {}),
    )


def _without_value(report: Mapping[str, Any]) -> dict[str, str]:
    """Why ratios of a report have no value."""
    return {name: ratio["why"] for name, ratio in report["ratios"].items() if ratio["value"] is None}


def _by_name(reports: Sequence[Mapping[str, Any]]) -> dict[str, list[Result]]:
    """Results of each ratio that have a value, oldest first; a report need not have all of them."""
    found: dict[str, list[Result]] = {}
    for report in reports:
        at = dt.datetime.fromisoformat(report["at"])
        measured = {name: ratio for name, ratio in report["ratios"].items() if ratio["value"] is not None}
        for name, ratio in measured.items():
            found.setdefault(name, []).append(Result(at, ratio))
    return found


def _line(name: str, results: Sequence[Result]) -> dict[str, Any]:
    last = results[-1]
    ratio = last.ratio
    low, high = min(ratio["runs"]), max(ratio["runs"])
    words = f"{ratio['value']:.3g}, from {low:.3g} to {high:.3g}; {ratio['bound']} {ratio['goal']:g}"
    shown = Gauge(ratio["value"], low, high, ratio["goal"], floor=ratio["bound"] == "at least", passed=ratio["met"])
    return {
        **{key: ratio[key] for key in ("value", "goal", "bound", "met")},
        "name": name,
        "low": low,
        "high": high,
        "runs": len(ratio["runs"]),
        "why": ratio.get("why", ""),
        "at": last.at.date().isoformat(),
        "picture": gauge(words, shown),
        "chart": _chart(name, results),
    }


def _chart(name: str, results: Sequence[Result]) -> Markup:
    """Medians and goals over the days since the first result."""
    first = results[0].at
    days = [(result.at - first).total_seconds() / DAY for result in results]
    medians = [(day, float(result.ratio["value"])) for day, result in zip(days, results, strict=True)]
    goals = [(day, float(result.ratio["goal"])) for day, result in zip(days, results, strict=True)]
    values = [value for _, value in (*medians, *goals)]
    return chart(
        f"{name} over time",
        [Line("median", medians, "one", dots=True), Line("goal", goals, "ideal", dots=len(goals) == 1)],
        Axis.around(f"days since {first:%Y-%m-%d}", [*days, 0.0]),
        Axis.around(name, [0.0, *values]),
    )
