"""Charts of decisions: what less damage would cost, and how the mix of package types has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from processing.reports.svg import WIDTH, Axis, Line, chart, figure, rect, text

RULES: Final = {"expected-cost": "by expected cost", "threshold": "by threshold of suitability"}
AMOUNTS: Final = {
    "pack_cost": "material cost per shipment",
    "cost": "material and damage cost per shipment",
    "grams": "material per shipment, grams",
}
CHOSEN: Final = "this run"
MIX_STEP: Final = 58


def frontier_chart(
    points: Sequence[Mapping[str, Any]], *, amount: str = "cost", chosen: Mapping[str, float] | None = None
) -> Markup:
    """Damage rate (across) against `amount` (up), a line per rule; `chosen` is the policy of this run, ringed.

    Points have `by`, `setting`, `damage` and the amounts; `chosen` has `damage` and `amount`. KeyError names another.
    """
    marked = [] if chosen is None else [_at(chosen, amount)]
    rules = dict.fromkeys(str(point["by"]) for point in points)
    styles = zip(rules, ("one", "two", "ideal"), strict=False)
    lines = [
        Line(RULES.get(rule, rule), sorted(_at(p, amount) for p in points if str(p["by"]) == rule), style, dots=True)
        for rule, style in styles
    ]
    spots = [spot for line in lines for spot in line.points] + marked
    x, y = (Axis.around(label, values) for label, values in zip(_labels(amount), _columns(spots), strict=True))
    words = f"Damage rate against {AMOUNTS[amount]}, for {len(points)} policies"
    return chart(words, lines, x, y, [(CHOSEN, spot) for spot in marked])


def mix_chart(before: Mapping[str, int], now: Mapping[str, int]) -> Markup:
    """Share of products by package type, last time (upper bar) and now; types in the order of `now`, then the gone."""
    names = list(dict.fromkeys([*now, *before]))
    shares = [(name, _share(before, name), _share(now, name)) for name in names]
    longest = max((max(old, new) for _, old, new in shares), default=0.0) or 1.0
    rows = [_pair(index, name, old=old, new=new, longest=longest) for index, (name, old, new) in enumerate(shares)]
    said = "; ".join(f"{name} {old:.0%} to {new:.0%}" for name, old, new in shares)
    return figure(f"Mix of package types, before and now: {said}", MIX_STEP * len(rows) + 4, Markup("").join(rows))


def _pair(index: int, name: str, *, old: float, new: float, longest: float) -> Markup:
    down = MIX_STEP * index
    words = f"{100 * old:.1f} % → {100 * new:.1f} % ({100 * (new - old):+.1f})"
    title = text((0, down + 15), name, "start", "label") + text((WIDTH, down + 15), words, "end")
    upper = rect("bar before", (0, down + 22), (WIDTH * old / longest, 10))
    return title + upper + rect("bar", (0, down + 35), (WIDTH * new / longest, 10))


def _share(mix: Mapping[str, int], name: str) -> float:
    return mix.get(name, 0) / max(sum(mix.values()), 1)


def _at(point: Mapping[str, Any], amount: str) -> tuple[float, float]:
    return 100 * float(point["damage"]), float(point[amount])


def _labels(amount: str) -> tuple[str, str]:
    return "damaged shipments, %", AMOUNTS[amount]


def _columns(spots: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [across for across, _ in spots], [up for _, up in spots]
