"""`rightpack compare`: two recorded runs side by side, and in which settings they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from processing.comparing import Compared, Judged
from processing.comparing import compare as compare_judged
from processing.reports.comparison import Sides, comparison_page, metric_lines
from rightpack.cli import output
from rightpack.cli.config import Json, StageName, flattened, written
from rightpack.cli.experiments import FOLDER, Experiments, interval
from rightpack.cli.lookup import recorded
from rightpack.cli.records import RunRecord
from rightpack.errors import DataError
from rightpack.settings import Settings

Named = Annotated[
    str, typer.Argument(help="Experiment or run id; a run that is not recorded is looked up in the account.")
]


def compare(
    first: Named,
    second: Named,
    experiments: Experiments = FOLDER,
    page: Annotated[Path, typer.Option(help="Folder for the HTML page.")] = Path("out/compare"),
    stage: StageName = "dev",
    json: Json = "",
) -> None:
    """Show two runs side by side: metrics with intervals, paired differences, settings, plots."""
    output.leave_stdout_to([json])
    one, two = (_whole(recorded(name, experiments, stage), name) for name in (first, second))
    names = [name for name in one if name in two]
    if not names:
        raise DataError(f"{first} is of {', '.join(one)} and {second} of {', '.join(two)}: nothing in common.")
    sides = Sides(first, second, differing(one[names[0]].settings, two[names[0]].settings))
    found = {name: compare_judged(_judged(one[name]), _judged(two[name]), name) for name in names}
    file = page / f"{Path(first).name}-{Path(second).name}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(comparison_page(sides, found))
    if json:
        output.write_json(_facts(sides, found, file), json)
    if json != "-":
        _show(sides, found, file)


def _whole(found: Mapping[str, RunRecord], name: str) -> Mapping[str, RunRecord]:
    """Runs that were judged; DataError where none was."""
    judged = {kind: record for kind, record in found.items() if record.evaluation}
    if not judged:
        reasons = "; ".join(str(record.facts["reason"]) for record in found.values())
        raise DataError(f"{name} has no run that was judged. {reasons}")
    return judged


def _judged(record: RunRecord) -> Judged:
    return Judged(record.table("Prepare", "labels"), record.table("ScoreValidation"))


def differing(first: Settings, second: Settings) -> list[dict[str, str]]:
    """Settings that are not the same: key, first, second."""
    one, two = dict(flattened(first)), dict(flattened(second))
    keys = [*one, *(key for key in two if key not in one)]
    return [
        {"key": key, "first": written(one.get(key, "")), "second": written(two.get(key, ""))}
        for key in keys
        if one.get(key) != two.get(key)
    ]


def _facts(sides: Sides, found: Mapping[str, Compared], file: Path) -> dict[str, Any]:
    metrics = {
        name: {"rows": c.rows, "differences": {m: asdict(e) for m, e in c.differences.items()}}
        | {side: {m: asdict(e) for m, e in estimates.items()} for side, estimates in c.metrics.items()}
        for name, c in found.items()
    }
    return {"settings": sides.settings, "package_types": metrics, "page": file}


def _show(sides: Sides, found: Mapping[str, Compared], file: Path) -> None:
    output.table(
        "Settings that differ", ("setting", sides.first, sides.second), ([*row.values()] for row in sides.settings)
    )
    for name, compared in found.items():
        rows = [
            (
                line["name"],
                interval(asdict(line["first"])),
                interval(asdict(line["second"])),
                interval(asdict(line["difference"])),
                "" if line["certain"] else "may be chance",
            )
            for line in metric_lines(compared)
        ]
        title = f"{name}: {compared.rows} rows that both judged"
        output.table(title, ("metric", sides.first, sides.second, "difference", ""), rows)
    output.console.print(f"Page: {file}")
