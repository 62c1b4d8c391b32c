"""A measured value with its interval against a limit, as a bar that fits into a table's cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from processing.reports.svg import Axis, rect, stroke

GAUGE_WIDTH: Final = 160
GAUGE_HEIGHT: Final = 24
MIDDLE: Final = GAUGE_HEIGHT / 2


@dataclass(frozen=True, slots=True)
class Gauge:
    """Value, interval and limit; `floor` says on which side of it is good, `passed` is None where nobody judges."""

    value: float
    low: float
    high: float
    limit: float | None = None
    floor: bool = True
    passed: bool | None = True


def gauge(words: str, one: Gauge, axis: Axis | None = None) -> Markup:
    """The interval as a bar, the value as a dot, the limit as a line with the good side shaded.

    `words` say the same to those who do not see it. Gauges of one table that are to be compared share an `axis`.
    """
    axis = axis or around([one])

    def at(value: float) -> float:
        return 4 + min(max(axis.share(value), 0.0), 1.0) * (GAUGE_WIDTH - 8)

    parts = [stroke("grid", (4, MIDDLE), (GAUGE_WIDTH - 4, MIDDLE))]
    if one.limit is not None and one.passed is not None:
        start, end = (at(one.limit), GAUGE_WIDTH) if one.floor else (0, at(one.limit))
        parts.insert(0, rect("zone", (start, 2), (end - start, GAUGE_HEIGHT - 4)))
    if one.limit is not None:
        parts.append(stroke("limit", (at(one.limit), 0), (at(one.limit), GAUGE_HEIGHT)))
    style = {True: "good", False: "bad", None: "plain"}[one.passed]
    parts.append(rect(f"span {style}", (at(one.low), MIDDLE - 4), (max(at(one.high) - at(one.low), 1.0), 8)))
    dot = Markup('<circle class="{s}" cx="{x:.1f}" cy="{y}" r="5"/>').format(
        s=f"dot {style}", x=at(one.value), y=MIDDLE
    )
    opening = Markup('<svg class="gauge" viewBox="0 0 {w} {h}" role="img" aria-label="{t}">{body}</svg>')
    return opening.format(w=GAUGE_WIDTH, h=GAUGE_HEIGHT, t=words, body=Markup("").join(parts) + dot)


def around(gauges: Sequence[Gauge]) -> Axis:
    """An axis that all of these fit on."""
    ends = [end for one in gauges for end in (one.low, one.high, one.value)]
    ends += [one.limit for one in gauges if one.limit is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.15 * (high - low) or 0.15 * abs(high) or 1.0
    return Axis("", low - room, high + room)
