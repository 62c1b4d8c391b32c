"""The page that shows two runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from processing.comparing import FIRST, SECOND, Compared
from processing.reports.page import render
from processing.reports.svg import Axis, Line, chart

MEANINGS: Final = {
    "roc_auc": "chance that a suitable product scores above an unsuitable one; .5 is guessing",
    "pr_auc_unsuitable": "how well unsuitable products are found; compare with their share",
    "brier": "mean squared error of the probability; lower is better",
    "log_loss": "how surprising the labels are; lower is better",
    "calibration_error": "how far probabilities are off; lower is better",
}
STYLES: Final = {FIRST: "one", SECOND: "two"}


@dataclass(frozen=True, slots=True)
class Sides:
    """Names of the two runs, and the settings in which they differ: rows of key, first, second."""

    first: str
    second: str
    settings: Sequence[Mapping[str, str]]

    def named(self, side: str) -> str:
        """Name of `first` or `second`."""
        return self.first if side == FIRST else self.second


def comparison_page(sides: Sides, compared: Mapping[str, Compared]) -> str:
    """HTML of two runs; `compared` is by package type."""
    return render("comparison.html", sides=sides, types=[_type(name, one, sides) for name, one in compared.items()])


def metric_lines(compared: Compared) -> list[dict[str, Any]]:
    """One line per metric: both values with intervals, the paired difference, and whether chance explains it."""
    return [
        {
            "name": name,
            "first": compared.metrics[FIRST][name],
            "second": compared.metrics[SECOND][name],
            "difference": difference,
            "certain": difference.low > 0 or difference.high < 0,
            "meaning": MEANINGS.get(name, ""),
        }
        for name, difference in compared.differences.items()
    ]


def _type(name: str, compared: Compared, sides: Sides) -> dict[str, Any]:
    lines = {kind: _lines(kind, compared, sides) for kind in ("reliability", "precision_recall")}
    ideal = Line("", [(0.0, 0.0), (1.0, 1.0)], "ideal")
    calibration = chart(
        f"Calibration of {name}", [ideal, *lines["reliability"]], Axis("Score"), Axis("Share that was suitable")
    )
    found = Axis("Share of unsuitable products found"), Axis("Share of those found that are right")
    return {
        "name": name,
        "rows": compared.rows,
        "metrics": metric_lines(compared),
        "charts": [calibration, chart(f"Unsuitable products of {name}", lines["precision_recall"], *found)],
        "intervals": _intervals(name, compared, sides),
    }


def _lines(kind: str, compared: Compared, sides: Sides) -> list[Line]:
    dots = kind == "reliability"
    return [Line(sides.named(s), curves[kind], STYLES[s], dots=dots) for s, curves in compared.curves.items()]


def _intervals(name: str, compared: Compared, sides: Sides) -> Markup:
    """Both ROC-AUCs as points on their intervals, one above the other."""
    if not compared.metrics:
        return Markup("")
    drawn, values = [], []
    for height, side in ((0.67, FIRST), (0.33, SECOND)):
        found = compared.metrics[side]["roc_auc"]
        values += [found.low, found.high]
        drawn.append(Line(sides.named(side), [(found.low, height), (found.high, height)], STYLES[side]))
        drawn.append(Line("", [(found.value, height)], STYLES[side], dots=True))
    margin = 0.15 * (max(values) - min(values)) or 0.01
    return chart(f"ROC-AUC of {name}", drawn, Axis("ROC-AUC", min(values) - margin, max(values) + margin), Axis(""))
