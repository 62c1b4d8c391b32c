"""`rightpack train`: the real training pipeline on a sample, here in seconds or in the account, recorded for later."""

from __future__ import annotations

import datetime as dt
import json as jsonlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from processing.intake import ColumnMapping
from rightpack.cli import config as settings_flags
from rightpack.cli import output, own_data, records, shapes, upload, waiting, weeks
from rightpack.cli.config import Chosen, Files, Json, Sets, StageName
from rightpack.cli.embedded import embedded_cloud
from rightpack.cli.stage import Stage, today
from rightpack.errors import SettingsError
from rightpack.ledger import Run

Experiments = Annotated[Path, typer.Option("--experiments", help="Folder of the records.")]
FOLDER = Path("out/experiments")
TIMEOUT_SECONDS = 86400.0
SEED = 7


class On(StrEnum):
    """Where a pipeline runs: on an embedded cloud that ends with the command, or wherever the AWS settings point."""

    LOCAL = "local"
    AWS = "aws"


@dataclass(frozen=True, slots=True)
class Data:
    """What an embedded cloud is filled with: own files, or a generated shop of `generate` products."""

    generate: int
    products: Path | None = None
    labels: Path | None = None
    mapping: Path | None = None

    def load(self, stage: Stage) -> dt.date:
        """Fill the warehouse; return the business date to train on."""
        upload.migrate(stage)
        if self.products is None or self.labels is None:
            shop = weeks.catalogue(stage.settings, seed=SEED, products=self.generate)
            with tempfile.TemporaryDirectory() as scratch:
                weeks.load_week(stage, weeks.write_week(shop, 0, Path(scratch), stage.settings))
            return weeks.last_day(shop, 0)
        columns = ColumnMapping.from_toml(self.mapping) if self.mapping else ColumnMapping()
        for table, file in (("products", self.products), ("labels", self.labels)):
            own_data.load(stage, table, file, columns)
        return today()


@contextmanager
def embedded_stage(chosen: Chosen) -> Iterator[Stage]:
    """A stage of an embedded cloud that lives as long as the context."""
    scratch = tempfile.TemporaryDirectory(prefix="rightpack-", ignore_cleanup_errors=True)
    with scratch as root, embedded_cloud("dev", root=Path(root)):
        yield chosen.connect()


def train(
    config: Files = None,
    set_: Sets = None,
    package_type: Annotated[list[str] | None, typer.Option(help="Only these package types.")] = None,
    sample: Annotated[int, typer.Option(help="Learn and judge on this many labelled products; 0 takes all.")] = 0,
    on: Annotated[On, typer.Option(help="An embedded cloud, or the account that your AWS settings name.")] = On.LOCAL,
    generate: Annotated[int, typer.Option(help="Products of the generated shop (local).")] = 6000,
    products: Annotated[Path | None, typer.Option(help="Your own products instead, CSV or Parquet (local).")] = None,
    labels: Annotated[Path | None, typer.Option(help="Your own labels, CSV or Parquet (local).")] = None,
    mapping: Annotated[Path | None, typer.Option(help="TOML: your column names, constants and units.")] = None,
    date: Annotated[str, typer.Option(help="Business date; that of the data if absent.")] = "",
    name: Annotated[str, typer.Option(help="Name of the record; the next number if absent.")] = "",
    experiments: Experiments = FOLDER,
    stage: StageName = "dev",
    json: Json = "",
) -> None:
    """Run the real training pipeline with your settings, show how good the models are, and keep a record."""
    started = time.monotonic()
    output.leave_stdout_to([json])
    if (products is None) != (labels is None):
        raise SettingsError("Own data needs both --products and --labels.")
    chosen = Chosen.of(stage, config, [*(set_ or ()), *([f"split.sample={sample}"] if sample else ())])
    folder = _new_folder(experiments, name)
    event: dict[str, Any] = {"pipeline": "training", "mode": "weekly"}
    if package_type:
        event["package_types"] = [chosen.settings.target(one) for one in package_type]
    if on is On.AWS:
        connected = chosen.connect()
        event["business_date"] = date or today().isoformat()
        found = _run(connected, event, folder, whole=False)
    else:
        with output.console.status("Starting the embedded cloud and loading data"), embedded_stage(chosen) as connected:
            loaded = Data(generate, products, labels, mapping).load(connected)
            event["business_date"] = date or loaded.isoformat()
            found = _run(connected, event, folder, whole=True)
    _note(folder, chosen, on, found)
    _say(folder, found, json, round(time.monotonic() - started, 1))


def _run(stage: Stage, event: Mapping[str, Any], folder: Path, *, whole: bool) -> list[records.RunRecord]:
    shapes.publish(stage)
    drops = waiting.request_drops(stage, event)
    runs: Sequence[Run] = waiting.await_runs(stage, drops, timeout=TIMEOUT_SECONDS)
    return [records.save(stage, run, folder / run.run_id, whole=whole) for run in runs]


def _new_folder(experiments: Path, name: str) -> Path:
    numbers = [int(p.name) for p in experiments.glob("*") if p.name.isdigit()]
    folder = experiments / (name or f"{max(numbers, default=0) + 1:04d}")
    if folder.exists():
        raise SettingsError(f"There is an experiment {folder} already; choose another --name.")
    return folder


def _note(folder: Path, chosen: Chosen, on: On, found: list[records.RunRecord]) -> None:
    content = {
        "name": folder.name,
        "on": on.value,
        "stage": chosen.stage,
        "layers": [{"source": layer.source, "values": layer.values} for layer in chosen.layers],
        "settings": settings_flags.rows(chosen),
        "runs": [record.facts["id"] for record in found],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / records.EXPERIMENT).write_text(jsonlib.dumps(content, indent=1, default=str))


def _say(folder: Path, found: list[records.RunRecord], json: str, seconds: float) -> None:
    rows = [result(record) for record in found]
    if json:
        output.write_json({"experiment": folder.name, "folder": folder, "seconds": seconds, "results": rows}, json)
    if json != "-":
        shown = ("package type", "decision", "ROC-AUC", "Brier", "trained on", "judged on", "seconds")
        output.table(f"Experiment {folder.name}", shown, ([row[key] for key in _SHOWN] for row in rows))
        for row in (row for row in rows if row["reason"]):
            output.console.print(f"{row['package_type']}: {row['reason']}", markup=False)
        output.console.print(f"{len(rows)} runs in {seconds} s; recorded in {folder}. Compare: rightpack compare A B")
    if not rows:
        output.console.print("[red]There was no label to learn from.[/red]")
    raise typer.Exit(0 if rows and all(row["status"] == "Completed" for row in rows) else 1)


_SHOWN = ("package_type", "decision", "roc_auc_text", "brier_text", "train_rows", "validation_rows", "seconds")


def result(record: records.RunRecord) -> dict[str, Any]:
    """One line of results."""
    evaluation = record.evaluation or {}
    intervals, rows = evaluation.get("intervals", {}), evaluation.get("rows", {})
    decision = evaluation.get("decision", {})
    line = {
        "run": record.facts["id"],
        "package_type": record.facts["package_type"] or record.facts["id"],
        "status": record.facts["status"],
        "decision": decision.get("status", record.facts["status"]),
        "reason": record.facts["reason"] or ("" if decision.get("approved") else decision.get("reason", "")),
        "seconds": record.facts["seconds"],
        "train_rows": rows.get("train", {}).get("rows"),
        "validation_rows": rows.get("validation", {}).get("rows"),
    }
    for metric in ("roc_auc", "brier"):
        line[metric] = intervals.get(metric)
        line[f"{metric}_text"] = interval(intervals.get(metric))
    return line


def interval(estimate: Mapping[str, float] | None) -> str:
    """Value and interval in one cell."""
    return "" if not estimate else f"{estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"
