"""Drift of a real marketplace: `python -m benchmarks.drift_olist PRODUCTS FEEDBACK [--json FILE]`.

Orders of the first half of 2017 are the baseline, each later half-year is compared with it through the profiles,
statistics and decision of the product. The freight tariff and the category mix of this shop really changed, price and
density did not; the exit code is 0 when the monitor says just that.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from processing.columns import Column, Kind, conform
from processing.profiling import summarise
from processing.statistics.drift import compare
from rightpack.drift import Evidence, decide
from rightpack.settings import Settings

BASELINE: Final = "2017H1"
NUMBERS: Final = ("freight", "price", "weight_g", "volume", "density")
COLUMNS: Final = (*(Column(name, Kind.NUMBER) for name in NUMBERS), Column("category", Kind.CATEGORY))
MUST_DRIFT: Final = frozenset({"freight", "category"})
MUST_NOT: Final = frozenset({"price", "density"})


def orders(products: Path, feedback: Path) -> pd.DataFrame:
    """One row per order with its product, and the `half` of the year that it was reviewed in."""
    joined = pd.read_csv(feedback).merge(pd.read_csv(products), on="product_id", how="left")
    moment = pd.to_datetime(joined["observed_at"].str[:10])
    joined["half"] = moment.dt.year.astype(str) + "H" + ((moment.dt.month + 5) // 6).astype(str)
    joined["volume"] = joined["length_cm"] * joined["width_cm"] * joined["height_cm"]
    joined["density"] = joined["weight_g"] / joined["volume"].where(joined["volume"] > 0)
    return joined


def measure(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Statistics and verdict of every half-year after the baseline."""
    limits = Settings.load("dev").drift
    summaries = {str(half): _summaries(rows) for half, rows in table.groupby("half") if str(half) >= BASELINE}
    baseline, found = summaries.pop(BASELINE), {}
    for half, current in sorted(summaries.items()):
        evidence = compare(baseline, current)
        verdict = decide(evidence, limits)
        found[half] = {"rows": current["price"]["rows"], "columns": _plain(evidence), **verdict.to_dict()}
    return found


def _summaries(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    table = pa.Table.from_pandas(rows, preserve_index=False)
    return summarise(conform(table, COLUMNS, "the orders"), COLUMNS)


def _plain(evidence: Evidence) -> dict[str, dict[str, float | None]]:
    names = ("psi", "jensen_shannon", "chi_square_p", "null_share", "unseen_share")
    return {shift.column: {name: getattr(shift, name) for name in names} for shift in evidence.shifts}


def holds(found: dict[str, dict[str, Any]]) -> bool:
    """Whether every half-year alarms on freight and category, and none on price or density."""
    drifted = [set(half["drifted"]) for half in found.values()]
    return bool(drifted) and all(each >= MUST_DRIFT and not each & MUST_NOT for each in drifted)


def lines(found: dict[str, dict[str, Any]]) -> list[str]:
    """A table for people: PSI by column and half-year, drifted ones with a star."""
    text = [f"PSI against {BASELINE}".ljust(20) + "".join(half.rjust(10) for half in found)]
    for name in (*NUMBERS, "category"):
        cells = [
            f"{half['columns'][name]['psi']:.3f}{'*' if name in half['drifted'] else ' '}" for half in found.values()
        ]
        text.append(name.ljust(20) + "".join(cell.rjust(10) for cell in cells))
    return [*text, "rows".ljust(20) + "".join(f"{half['rows']:,} ".rjust(10) for half in found.values())]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; exit code 0 when the monitor finds what really changed and nothing else."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift_olist", description=__doc__)
    parser.add_argument("products", type=Path, help="CSV of products")
    parser.add_argument("feedback", type=Path, help="CSV of orders with their reviews")
    parser.add_argument("--json", type=Path, help="write the facts to this file")
    given = parser.parse_args(arguments)
    found = measure(orders(given.products, given.feedback))
    sys.stdout.write("\n".join(lines(found)) + "\n")
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps({"baseline": BASELINE, "holds": holds(found), "halves": found}, indent=1))
    sys.stdout.write("as it should be\n" if holds(found) else "NOT as it should be\n")
    return 0 if holds(found) else 1


if __name__ == "__main__":
    sys.exit(main())
