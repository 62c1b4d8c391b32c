"""docs/scale.md, made of measured figures: `python -m benchmarks.speed.scale_page [--take FILE] [--check]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, Final

from benchmarks.speed import scale_model
from benchmarks.speed.scale_model import GIB, KINDS, MACHINES, SCORING, STEPS, Model, Plan
from rightpack.costs import Prices
from rightpack.settings import Settings

HERE: Final = Path(__file__).parent
FIGURES: Final = HERE / "scale.json"
TEMPLATE: Final = HERE / "scale.md"
PAGE: Final = HERE.parents[1] / "docs" / "scale.md"
MONTHLY: Final = 300_000_000
DAILY: Final = 1_000_000
DAYS: Final = 30
SMALL: Final = 10_000_000  # below that, millions have a digit after the point
NAMES: Final = {"pass": "whole pass", "prepare": "Prepare", "score": "Score", "recommend": "Recommend"}


def page(report: Mapping[str, Any]) -> str:
    """The page's text."""
    model = Model(report, Settings.load("dev"), Prices.load())
    monthly, daily = model.plan(MONTHLY), model.plan(DAILY)
    return Template(TEMPLATE.read_text()).substitute(
        machine=_machine(report["machine"]),
        measured=_measured(report),
        lines=_lines(model),
        checks=_checks(model),
        monthly=_plan(monthly),
        daily=_plan(daily),
        yearly=f"{12 * monthly.dollars + 12 * DAYS * daily.dollars:,.0f}",
        drops=monthly.drops,
        drop_rows=_millions(model.drop_rows),
        most_rows=_millions(model.settings.defence.most_rows),
        memory=_memory(model),
        bytes=_bytes(model),
        scoring=SCORING,
        score_rows=f"{MACHINES[SCORING][0] / model.line('score', 'cpu_seconds').each:,.0f}",
        assumptions=_assumptions(model),
    )


def _machine(machine: Mapping[str, Any]) -> str:
    return f"{machine['cores']} cores ({machine['processor']}), load {machine['load']} at the beginning"


def _measured(report: Mapping[str, Any]) -> str:
    rows = [
        (
            _millions(size["rows"]),
            NAMES[stage],
            f"{found['cpu_seconds']:.0f}",
            f"{found['seconds']:.0f}",
            f"{found['peak'] / GIB:.2f}",
        )
        for size in report["sizes"]
        for stage, found in size["stages"].items()
    ]
    return _table(("products", "stage", "core-seconds", "seconds", "peak GiB"), rows)


def _lines(model: Model) -> str:
    rows = []
    for stage, name in NAMES.items():
        time, peak = model.line(stage, "cpu_seconds"), model.line(stage, "peak")
        fixed, each = f"{time.fixed:.1f}", f"{1e6 * time.each:.1f}"
        rows.append((name, fixed, each, f"{peak.fixed / GIB:.2f}", f"{peak.each:,.0f}"))
    return _table(("stage", "core-seconds fixed", "and per million", "GiB fixed", "bytes per product"), rows)


def _checks(model: Model) -> str:
    """Sizes beyond the two that the lines go through: what the line says over what was measured."""
    rows = []
    for stage, name in NAMES.items():
        times, peaks = (model.points(stage, key)[2:] for key in ("cpu_seconds", "peak"))
        for (size, time), (_, peak) in zip(times, peaks, strict=True):
            said = model.line(stage, "cpu_seconds").at(size) / time, model.line(stage, "peak").at(size) / peak
            rows.append((_millions(size), name, *(f"{one:.2f}" for one in said)))
    if not rows:
        return "No other size has been measured yet, so nothing checks the lines; `--rows` names more."
    return _table(("products", "stage", "time, line over measured", "memory, line over measured"), rows)


def _plan(plan: Plan) -> str:
    rows = [
        (NAMES[job.step], f"{job.runs} × {job.instances} {job.machine}", f"{job.hours:.2f}", f"{job.dollars:.2f}")
        for job in plan.jobs
    ]
    hours, dollars = f"{plan.warehouse_hours:.2f}", f"{plan.warehouse_dollars:.2f}"
    rows.append(("Unload, Load", f"{scale_model.RPUS} RPUs", hours, dollars))
    rows.append(("all, in turn", "", f"{plan.hours_in_turn:.2f}", f"{plan.dollars:.2f}"))
    sizes = ", ".join(f"{what} {size:,.1f} GB" for what, size in plan.gigabytes.items())
    table = _table(("stage", "machines", "hours", "dollars"), rows)
    return f"{table}\n\n{plan.files_to_score:,} files to score; {sizes}."


def _memory(model: Model) -> str:
    rows = [
        (name, *(_millions(model.most_rows(step, name)) for step in STEPS if KINDS[step] == "Processing"))
        for name in MACHINES
    ]
    return _table(("machine", "Prepare", "Recommend"), rows)


def _bytes(model: Model) -> str:
    return ", ".join(f"{what} {each:.0f}" for what, each in model.bytes_each().items())


def _assumptions(model: Model) -> str:
    stated = f"{model.report['statements']['copy']['rows']:,}"
    cores, price = scale_model.MEASURED_CORES, scale_model.RPU_HOUR
    warehouse = f"the embedded warehouse does on {cores} cores, at {price} dollars an hour"
    wanted = (
        f"A step may fill {100 * scale_model.MEMORY_SHARE:.0f} % of its machine's memory.",
        f"{scale_model.BILLED_STARTS:.0f} seconds of every job are paid for beside its work (image, files).",
        "Prepare and Recommend are counted as if they used one core; a vCPU does what a core here does.",
        f"One RPU does what {warehouse}; nobody has compared the two.",
        f"UNLOAD, COPY and MERGE were measured at {stated} rows, and grow with them.",
        f"Machines cost what config/prices.toml says of {model.prices.as_of}. Storage, requests and logs are left out.",
    )
    return "\n".join(f"- {one}" for one in wanted)


def _millions(rows: float) -> str:
    return f"{rows / 1e6:,.1f} M" if rows < SMALL else f"{rows / 1e6:,.0f} M"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or with `--check` say whether it is what it would be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.scale_page", description=__doc__)
    parser.add_argument("--take", type=Path, help="figures to keep from now on")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if options.take:
        FIGURES.write_text(options.take.read_text())
    text = page(json.loads(FIGURES.read_text()))
    if options.check:
        return int(PAGE.read_text() != text)
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
