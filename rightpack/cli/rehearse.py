"""`rightpack rehearse`: models of all package types from files of yours, in this process, to try settings out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from processing.artefact import ARCHIVE, Entry, pack, write_index
from processing.features.rows import Rows
from processing.intake import ColumnMapping, Sifted, read_labels, read_products
from processing.rehearsal import Rehearsal, Rehearsed
from rightpack.cli import output
from rightpack.cli.config import Chosen, Files, Json, Sets, StageName
from rightpack.cli.experiments import interval
from rightpack.cli.stage import today
from rightpack.errors import DataError
from rightpack.settings import Settings

SHOWN = ("roc_auc", "brier")
CONFIDENCE = 0.95


def rehearse(
    products: Annotated[Path, typer.Argument(help="Products, CSV or Parquet.")],
    labels: Annotated[Path, typer.Argument(help="Labels of any package types, CSV or Parquet.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML: your column names, constants and units.")] = None,
    package_type: Annotated[list[str] | None, typer.Option(help="Only these package types.")] = None,
    to: Annotated[Path | None, typer.Option(help="Folder for the models, as `rightpack score` takes them.")] = None,
    stage: StageName = "dev",
    config: Files = None,
    set_: Sets = None,
    json: Json = "",
) -> None:
    """Learn and judge a model of each package type from your files, without a pipeline: seconds to try settings out."""
    output.leave_stdout_to([json])
    began, settings = time.monotonic(), Chosen.of(stage, config, set_).settings
    columns = ColumnMapping.from_toml(mapping) if mapping else ColumnMapping()
    known = _whole(read_products(products, columns, settings, first_seen=today()), products)
    rehearsal = Rehearsal.of(Rows.of(known), _whole(read_labels(labels, columns, settings), labels), settings)
    wanted = [settings.target(name) for name in package_type or rehearsal.types]
    done = rehearsal.run(wanted)
    if to:
        _keep(done, to)
    _say([_line(one, settings) for one in done], json, round(time.monotonic() - began, 1))


def _whole(batches: Iterator[Sifted], path: Path) -> pa.Table:
    """All rows that can be used; DataError where there are none."""
    sifted = list(batches)
    rejected = sum(batch.rejected.num_rows for batch in sifted)
    found = pa.Table.from_batches([batch.accepted for batch in sifted]) if sifted else None
    if found is None or not found.num_rows:
        raise DataError(f"{path} holds no row that can be used; {rejected} were refused. `rightpack load` says why.")
    if rejected:
        output.console.print(f"{path}: {rejected} rows cannot be used. `rightpack load` says why.", markup=False)
    return found


def _keep(done: Sequence[Rehearsed], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for one in done:
            one.scorer.save(Path(scratch) / one.scorer.card.package_type)
        cards = [one.scorer.card for one in done]
        write_index(Path(scratch), [Entry(c.package_type, c.package_type, c.architecture) for c in cards])
        pack(Path(scratch), folder / ARCHIVE)


def _line(one: Rehearsed, settings: Settings) -> dict[str, Any]:
    card, measured = one.scorer.card, one.metrics(settings)
    estimates = {name: measured.estimate(name, CONFIDENCE) for name in SHOWN}
    figures = {name: {"value": e.value, "low": e.low, "high": e.high} for name, e in estimates.items()}
    return {"package_type": card.package_type, "train_rows": card.rows, "validation_rows": one.held.rows, **figures}


def _say(lines: Sequence[dict[str, Any]], json: str, seconds: float) -> None:
    if json:
        output.write_json({"seconds": seconds, "results": lines}, json)
    if json != "-":
        titles = ("package type", "ROC-AUC", "Brier", "trained on", "judged on")
        cells = ((n["package_type"], *(interval(n[m]) for m in SHOWN), *_counts(n)) for n in lines)
        output.table(f"Rehearsed in {seconds} s", titles, cells)


def _counts(line: dict[str, Any]) -> tuple[int, int]:
    return line["train_rows"], line["validation_rows"]
