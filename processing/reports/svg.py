"""Small charts as inline SVG; colours and fonts come from the page's style sheet.

Drawn 360 units wide, so that their text is still read on a phone. `title` is what screen readers say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

WIDTH: Final = 360
HEIGHT: Final = 270
LEFT: Final = 40
BOTTOM: Final = 42
TOP: Final = 30
RIGHT: Final = 16
KEY_HEIGHT: Final = 18
STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
MOST_STEPS: Final = 5
SMALLEST_STEP: Final = 1e-9  # by the largest value: finer ones cannot be told apart
BAR_STEP: Final = 42

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """Points in data units; `style` is a class of the style sheet, `dots` marks every point."""

    name: str
    points: Sequence[Point]
    style: str
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows, from where to where, and into how many steps it is divided."""

    label: str
    low: float = 0.0
    high: float = 1.0
    steps: int = 4

    def share(self, value: float) -> float:
        """Position of `value` along the axis, from 0 to 1."""
        span = self.high - self.low
        return (value - self.low) / span if span > 0 else 0.5

    @classmethod
    def around(cls, label: str, values: Sequence[float]) -> Axis:
        """An axis from one round number to another that holds all `values`."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        least = max((high - low or abs(high) or 1.0) / (MOST_STEPS - 1), SMALLEST_STEP * max(abs(high), 1.0))
        size = 10.0 ** math.floor(math.log10(least))
        step = next(size * factor for factor in STEPS if size * factor >= least)
        first = math.floor(low / step)
        steps = max(math.ceil(high / step) - first, 1)
        return cls(label, first * step, (first + steps) * step, steps)

    @property
    def ticks(self) -> list[float]:
        """Values that are marked, from low to high."""
        return [self.low + (self.high - self.low) * number / self.steps for number in range(self.steps + 1)]


def chart(title: str, lines: Sequence[Line], x: Axis, y: Axis, marks: Sequence[tuple[str, Point]] = ()) -> Markup:
    """Line chart with its key above; each mark is a ringed point with its name."""
    named = [line for line in lines if line.name and line.points]
    plot = _Plot(x, y, TOP + KEY_HEIGHT * len(named))
    body = [_key(index, line) for index, line in enumerate(named)]
    body += [_grid(plot)]
    body += [_line(line, plot) for line in lines if line.points]
    body += [_mark(name, point, plot) for name, point in marks]
    return figure(title, plot.top + HEIGHT - TOP, Markup("").join(body))


def bars(title: str, values: Sequence[tuple[str, float, str]]) -> Markup:
    """Horizontal bars, each below its words: name, value of at least 0, text at the right."""
    longest = max((value for _, value, _ in values), default=0.0) or 1.0
    rows = [_bar(index, bar, longest) for index, bar in enumerate(values)]
    return figure(title, BAR_STEP * len(values) + 4, Markup("").join(rows))


def figure(title: str, height: float, body: Markup) -> Markup:
    """An SVG of this height that says `title` to those who do not see it."""
    opening = Markup(
        '<svg viewBox="0 0 {w} {h:.0f}" role="img" aria-label="{title}"><title>{title}</title>{body}</svg>'
    )
    return opening.format(w=WIDTH, h=height, title=title, body=body)


def text(at: Point, words: str, anchor: str, style: str = "tick") -> Markup:
    """Words that start, end or have their middle (`anchor`) at a point."""
    return Markup('<text class="{s}" x="{x:.1f}" y="{y:.1f}" text-anchor="{a}">{t}</text>').format(
        s=style, x=at[0], y=at[1], a=anchor, t=words
    )


def rect(style: str, at: Point, size: Point) -> Markup:
    """A rectangle with slightly round corners."""
    return Markup('<rect class="{s}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="2"/>').format(
        s=style, x=at[0], y=at[1], w=size[0], h=size[1]
    )


def stroke(style: str, start: Point, end: Point) -> Markup:
    """A straight line."""
    return Markup('<line class="{s}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>').format(
        s=style, x1=start[0], y1=start[1], x2=end[0], y2=end[1]
    )


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where data units lie on the paper; the plot begins `top` below its upper edge."""

    x: Axis
    y: Axis
    top: float

    @property
    def floor(self) -> float:
        return self.top + HEIGHT - TOP - BOTTOM

    def at(self, point: Point) -> Point:
        across = LEFT + self.x.share(point[0]) * (WIDTH - LEFT - RIGHT)
        return across, self.floor - self.y.share(point[1]) * (self.floor - self.top)


def _grid(plot: _Plot) -> Markup:
    parts = [text((0, plot.top - 12), plot.y.label, "start")]
    for row in plot.y.ticks:
        left, right = plot.at((plot.x.low, row)), plot.at((plot.x.high, row))
        parts.append(stroke("grid", left, right))
        parts.append(text((left[0] - 6, left[1] + 4), f"{row:.3g}", "end"))
    for column in plot.x.ticks:
        parts.append(text((plot.at((column, plot.y.low))[0], plot.floor + 16), f"{column:.3g}", "middle"))
    parts.append(text((WIDTH - RIGHT, plot.floor + 35), plot.x.label, "end"))
    return Markup("").join(parts)


def _line(line: Line, plot: _Plot) -> Markup:
    places = [plot.at(point) for point in line.points]
    joined = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
    drawn = Markup('<polyline class="{style}" points="{joined}"/>').format(style=line.style, joined=joined)
    if not line.dots:
        return drawn
    dot = Markup('<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
    return drawn + Markup("").join(dot.format(style=line.style, x=across, y=down) for across, down in places)


def _mark(name: str, point: Point, plot: _Plot) -> Markup:
    across, down = plot.at(point)
    ring = Markup('<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="7"/>').format(x=across, y=down)
    tight = across > WIDTH - 80
    return ring + text((across + (-10 if tight else 10), down - 10), name, "end" if tight else "start", "label")


def _key(index: int, line: Line) -> Markup:
    down = 10 + KEY_HEIGHT * index
    drawn = stroke(line.style, (LEFT, down), (LEFT + 24, down))
    return drawn + text((LEFT + 32, down + 4), line.name, "start")


def _bar(index: int, bar: tuple[str, float, str], longest: float) -> Markup:
    name, value, words = bar
    down, length = BAR_STEP * index, WIDTH * value / longest
    drawn = rect("bar", (0, down + 22), (max(length, 1.0 if value else 0.0), 12))
    return text((0, down + 15), name, "start", "label") + text((WIDTH, down + 15), words, "end") + drawn
