"""Small charts as inline SVG; colours and fonts come from the page's style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 460
HEIGHT: Final = 300
LEFT: Final = 52
BOTTOM: Final = 44
TOP: Final = 12
RIGHT: Final = 14
TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)

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
    """What an axis shows, and from where to where."""

    label: str
    low: float = 0.0
    high: float = 1.0

    def share(self, value: float) -> float:
        """Position of `value` along the axis, from 0 to 1."""
        span = self.high - self.low
        return (value - self.low) / span if span > 0 else 0.5


def chart(title: str, lines: Sequence[Line], x: Axis, y: Axis) -> Markup:
    """Line chart with a legend; `title` is read out by screen readers."""
    body = [_grid(x, y)]
    body += [_line(line, x, y) for line in lines if line.points]
    body += [_legend(index, line) for index, line in enumerate(lines) if line.name and line.points]
    return _figure(title, HEIGHT, Markup("").join(body))


def bars(title: str, values: Sequence[tuple[str, float, str]]) -> Markup:
    """Horizontal bars: name, value of at least 0, text behind the bar."""
    longest = max((value for _, value, _ in values), default=0.0) or 1.0
    rows = [_bar(index, bar, longest) for index, bar in enumerate(values)]
    return _figure(title, 30 * len(values) + 10, Markup("").join(rows))


def _figure(title: str, height: int, body: Markup) -> Markup:
    opening = Markup('<svg viewBox="0 0 {w} {h}" role="img" aria-label="{title}"><title>{title}</title>{body}</svg>')
    return opening.format(w=WIDTH, h=height, title=title, body=body)


def _at(point: Point, x: Axis, y: Axis) -> tuple[str, str]:
    across = LEFT + x.share(point[0]) * (WIDTH - LEFT - RIGHT)
    down = HEIGHT - BOTTOM - y.share(point[1]) * (HEIGHT - BOTTOM - TOP)
    return f"{across:.1f}", f"{down:.1f}"


def _grid(x: Axis, y: Axis) -> Markup:
    ruler = Markup('<line class="grid" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')
    parts = []
    for tick in TICKS:
        column, row = x.low + tick * (x.high - x.low), y.low + tick * (y.high - y.low)
        (x1, y1), (x2, y2) = _at((x.low, row), x, y), _at((x.high, row), x, y)
        parts.append(ruler.format(x1=x1, y1=y1, x2=x2, y2=y2))
        parts.append(_text((float(x1) - 6, float(y1) + 4), f"{row:.3g}", "end"))
        across = float(_at((column, y.low), x, y)[0])
        parts.append(_text((across, HEIGHT - BOTTOM + 16), f"{column:.3g}", "middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_text((middle, HEIGHT - 8), x.label, "middle"))
    turned = Markup(
        '<text class="tick" text-anchor="middle" transform="translate(13 {down:.1f}) rotate(-90)">{t}</text>'
    )
    parts.append(turned.format(down=(HEIGHT - BOTTOM + TOP) / 2, t=y.label))
    return Markup("").join(parts)


def _text(at: Point, text: str, anchor: str) -> Markup:
    return Markup('<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{a}">{t}</text>').format(
        x=at[0], y=at[1], a=anchor, t=escape(text)
    )


def _line(line: Line, x: Axis, y: Axis) -> Markup:
    places = [_at(point, x, y) for point in line.points]
    joined = " ".join(f"{across},{down}" for across, down in places)
    drawn = Markup('<polyline class="{style}" points="{joined}"/>').format(style=line.style, joined=joined)
    if not line.dots:
        return drawn
    dot = Markup('<circle class="{style}" cx="{x}" cy="{y}" r="3.5"/>')
    return drawn + Markup("").join(dot.format(style=line.style, x=across, y=down) for across, down in places)


def _legend(index: int, line: Line) -> Markup:
    down = TOP + 14 + 18 * index
    key = Markup('<line class="{style}" x1="{x1}" y1="{y}" x2="{x2}" y2="{y}"/>')
    drawn = key.format(style=line.style, x1=LEFT + 12, x2=LEFT + 36, y=down - 4)
    return drawn + _text((LEFT + 42, down), line.name, "start")


def _bar(index: int, bar: tuple[str, float, str], longest: float) -> Markup:
    name, value, text = bar
    down, start, room = 30 * index + 6, 140, WIDTH - 140 - 90
    length = room * value / longest
    drawn = Markup('<rect class="bar" x="{x}" y="{y}" width="{w:.1f}" height="20" rx="3"/>').format(
        x=start, y=down, w=max(length, 1.0 if value else 0.0)
    )
    label = _text((start - 8, down + 15), name, "end")
    return label + drawn + _text((start + length + 8, down + 15), text, "start")
