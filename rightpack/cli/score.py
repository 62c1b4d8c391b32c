"""`rightpack score`: what a bundle of models says about the products of your files, without a pipeline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from processing.scoring.offline import Pass
from rightpack.cli import output
from rightpack.cli.config import Chosen, Files, Json, Sets, StageName
from rightpack.cli.stage import today
from rightpack.errors import DataError


def score(
    files: Annotated[list[Path], typer.Argument(help="Products, Parquet files with the warehouse's columns.")],
    bundle: Annotated[Path, typer.Option(help="Folder with a model.tar.gz, such as the output of the step Bundle.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write: recommendation and scores of each product.")],
    stage: StageName = "dev",
    config: Files = None,
    set_: Sets = None,
    json: Json = "",
) -> None:
    """Score products and recommend packaging for them; memory stays the same however large the files are."""
    whole = Pass.load(bundle, Chosen.of(stage, config, set_).settings, today())
    began = time.monotonic()
    columns = (TextColumn("products"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=sum(map(_rows, files)))
        count = whole.run(files, out, lambda rows: progress.advance(task, rows))
    facts = {"products": count, "seconds": round(time.monotonic() - began, 3), "models": len(whole.models)}
    if json:
        output.write_json({**facts, "file": str(out)}, json)
    if json != "-":
        typer.echo(f"{count} products by {len(whole.models)} models in {facts['seconds']} s: {out}")


def _rows(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable Parquet: {error}") from error
