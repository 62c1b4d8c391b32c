"""Weeks of the generated shop: made, written as Parquet and loaded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from processing.generator import Catalogue, Drift
from processing.intake import write_parts
from rightpack.cli.stage import Stage
from rightpack.cli.upload import load_parts
from rightpack.settings import Settings
from rightpack.warehouse import table_named

Paths = dict[str, list[Path]]


def catalogue(settings: Settings, *, seed: int, products: int, drift: Drift | None = None) -> Catalogue:
    """The generated shop of a stage's package types."""
    return Catalogue(seed, products, settings.package_types, drift=drift or Drift())


def last_day(shop: Catalogue, week: int) -> dt.date:
    """Sunday of a week: the business date of its drops."""
    return shop.start + dt.timedelta(days=7 * week + 6)


def write_week(shop: Catalogue, week: int, folder: Path, settings: Settings) -> Paths:
    """Write one week's new products and feedback as Parquet below `folder`; return the files by table."""
    batches = {"products": shop.products(week), "feedback": shop.feedback(week)}
    return {
        name: [
            part.path
            for part in write_parts(rows, table_named(name, settings).columns, folder / f"week-{week:03d}" / name)
        ]
        for name, rows in batches.items()
    }


def load_week(stage: Stage, paths: Paths) -> dict[str, int]:
    """Load what `write_week` wrote; return rows by table."""
    return {name: load_parts(stage, name, parts) for name, parts in paths.items()}
