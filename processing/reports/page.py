"""Render a page from its template; everything is escaped, nothing is loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES: Final = Path(__file__).parent / "templates"
NOTHING: Final = "–"


def render(template: str, *, beside: Path = TEMPLATES, **content: Any) -> str:
    """The page `template`, ours or one of the folder `beside`; a name that it needs and nobody gave is an error."""
    environment = Environment(
        loader=FileSystemLoader([beside, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "share": share, "count": count}
    return environment.get_template(template).render(**content)


def number(value: float | None, digits: int = 3) -> str:
    """A number for people; a dash for none."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """A share as per cent."""
    return NOTHING if value is None else f"{100 * value:.1f} %"


def count(value: int | None) -> str:
    """A count with groups of three digits."""
    return NOTHING if value is None else f"{value:,}"
