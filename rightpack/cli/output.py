"""What people read: tables and one-line verdicts. What machines read: the same facts as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rightpack.cli.trainings import figures, rules

console = Console()
GOOD = {"Completed", "Approved", "Succeeded"}
BAD = {"Failed", "Rejected", "Refused", "Stopped", "ALARM"}


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a title; states are coloured."""
    found = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        found.add_column(column, overflow="fold")
    for row in rows:
        found.add_row(*map(_cell, row))
    console.print(found)


def _cell(value: object) -> str:
    text = "" if value is None else f"{value:,.3f}" if isinstance(value, float) else str(value)
    colour = "green" if text in GOOD else "red" if text in BAD else ""
    return f"[{colour}]{text}[/{colour}]" if colour else text


def runs_table(runs: Iterable[Mapping[str, Any]]) -> None:
    """Runs with their seconds and, where they failed, the reason."""
    columns = ("run", "what for", "date", "state", "seconds", "reason")
    table(
        "Runs",
        columns,
        ((r["id"], _what_for(r), r["business_date"], r["status"], r["seconds"], r["reason"]) for r in runs),
    )


def run_page(run: Mapping[str, Any]) -> None:
    """One run: how it stands, its steps, and where to find what it has left behind."""
    runs_table([run])
    table("Steps", ("step", "state", "seconds", "reason"), (
        (s["name"], f"{s['status']}, cached" if s["cached"] else s["status"], s["seconds"], s["reason"])
        for s in run["steps"]
    ))  # fmt: skip
    for title, columns, rows in (
        ("Figures", ("step", "figure", "last value"), [*figures(run)]),
        ("Rules", ("step", "rule", "state", "details"), [*rules(run)]),
    ):
        if rows:
            table(title, columns, rows)
    table("Artefacts", ("what", "where"), run["artefacts"].items())
    if run["rows_quarantined"]:
        console.print(f"{run['rows_quarantined']:,} rows of its drop could not be used; the quarantine lists them.")


def trends_tables(found: Mapping[str, Any]) -> None:
    """Trends by pipeline, cause and week."""
    columns = ("pipeline", "runs", "completed", "failed", "failure rate", "open", "median s", "p90 s", "waited s")
    rows = (
        (p["pipeline"], p["runs"], p["completed"], p["failed"], p["failure_rate"], p["open"],
         *((p["seconds"] or {}).get(key) for key in ("median", "p90")), (p["waited"] or {}).get("median"))
        for p in found["pipelines"]
    )  # fmt: skip
    table("Runs", columns, rows)
    table("Causes", ("cause", "tried again", "failures"), ([*cause.values()] for cause in found["causes"]))
    weeks = ((w["week"], w["runs"], w["failed"], w["instance_seconds"]) for w in found["weeks"])
    table("Weeks", ("week", "runs", "failed", "instance-seconds"), weeks)


def _what_for(run: Mapping[str, Any]) -> str:
    """What was trained, in which mode it was scored, or what a person did with which model."""
    if run["pipeline"] == "registry":
        return f"{run['mode']} {run['package_type']}"
    return str(run["package_type"] or run["mode"])


def models_table(models: Iterable[Mapping[str, Any]]) -> None:
    """Model versions with their verdicts, who gave them and why."""
    columns = ("group", "version", "date", "state", "serving", "by", "reason")
    table(
        "Models",
        columns,
        (
            (
                m["group"],
                m["version"],
                m["business_date"],
                m["status"],
                "yes" if m["serving"] else "",
                m["who"].rpartition("/")[2],
                m["reason"],
            )
            for m in models
        ),
    )


def rows_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of a query."""
    table(title, list(rows[0]) if rows else ["(no rows)"], ([*row.values()] for row in rows))


def leave_stdout_to(targets: Sequence[str] | None) -> None:
    """Talk to people on standard error where standard output is wanted for JSON."""
    console.stderr = "-" in (targets or ())


def present(facts: dict[str, Any], targets: Sequence[str] | None, show: Callable[[dict[str, Any]], None]) -> None:
    """Show facts to people unless they go to standard output, and write them to every target."""
    if "-" not in (targets or ()):
        show(facts)
    for target in targets or ():
        write_json(facts, target)


def write_json(facts: object, target: str) -> None:
    """Write facts to a file, or to standard output for `-`."""
    text = json.dumps(facts, indent=1, default=str) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(text)
