"""`rightpack submit` and `rightpack batch`: thousands of training runs from one file, fired and forgotten."""

from __future__ import annotations

import datetime as dt
import json as jsonlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from rightpack.batch_file import BatchFile, Variant
from rightpack.batches import Batches, Totals
from rightpack.cli import output, running
from rightpack.cli.config import Json, StageName
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.launch import Planner
from rightpack.layout import PipelineKind, split_uri
from rightpack.ledger import Run, RunState
from rightpack.notices import BATCH
from rightpack.settings import Settings
from rightpack.trends import seconds_of
from rightpack.trigger import TriggerObject, parse

BatchId = Annotated[str, typer.Argument(help="Batch id, as `rightpack submit` printed it.")]
WRITERS = 8
batch_app = typer.Typer(help="Batches of training runs.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Submission:
    """Puts the runs of a file into the ledger; what is there already stays as it is."""

    stage: Stage
    planner: Planner
    batches: Batches

    @classmethod
    def to(cls, stage: Stage) -> Submission:
        """A submission to a stage."""
        planner = Planner(stage.layout, stage.client("s3"), stage.client("sagemaker"), _now, {})
        return cls(stage, planner, Batches(stage.ledger, _now))

    def submit(self, file: BatchFile) -> tuple[Run, Totals]:
        """Queue every run of the file; return the batch and how it stands."""
        drops = {name: self._drop(file, name) for name in file.package_types}
        batch = self.batches.open(file)
        if not batch.open:
            raise SettingsError(f"{batch.run_id} has ended: {batch.reason} Change the file, or give it another name.")
        known = {run.run_id for run in self.stage.ledger.of_batch(batch.run_id)}
        with ThreadPoolExecutor(WRITERS) as pool:
            members = list(pool.map(lambda one: self._member(batch, one, drops[one.package_type]), file.variants))
            list(pool.map(self.stage.ledger.claim, (run for run in members if run.run_id not in known)))
        return batch, self.batches.totals(batch)

    def _member(self, batch: Run, variant: Variant, source: TriggerObject) -> Run:
        trigger = parse(self._read(source), source)
        settings = Settings.load(self.stage.layout.stage, [trigger.settings, variant.settings])
        return self.batches.member(batch, variant, self.planner.plan(source, trigger, settings))

    def _read(self, source: TriggerObject) -> bytes:
        known = self.planner.known if self.planner.known is not None else {}
        if source.digest not in known:
            known[source.digest] = self.planner.read(source).decode()
        return known[source.digest].encode()

    def _drop(self, file: BatchFile, package_type: str) -> TriggerObject:
        """The trigger of the newest drop for a package type, whose data the batch trains on."""
        for run in self.stage.ledger.history(PipelineKind.TRAINING.value):
            wanted = run.run_id == file.drop if file.drop else not file.business_date or (
                run.business_date == file.business_date
            )  # fmt: skip
            if wanted and not run.batch and run.package_type == package_type and run.trigger_uri and run.parameters:
                return TriggerObject(*split_uri(run.trigger_uri), run.trigger_version)
        date = f" --date {file.business_date}" if file.business_date else ""
        raise SettingsError(
            f"There is no training drop for {package_type}{date.replace(' --date', ' of')} to train a batch on. "
            f"Make one: rightpack drop training --package-type {package_type}{date}"
        )


def submit(
    file: Annotated[Path | None, typer.Argument(help="TOML: package_types, [sweep], [[runs]], [settings].")] = None,
    cancel: Annotated[str, typer.Option(help="Cancel this batch instead.")] = "",
    stage: StageName = "dev",
    json: Json = "",
) -> None:
    """Queue a batch of training runs and leave; they start as slots become free, and one notice tells the end.

    The same file submitted again queues what is missing and nothing twice.
    """
    output.leave_stdout_to([json])
    connected = Stage.connect(stage)
    if cancel:
        _cancel(connected, cancel, json)
        return
    if file is None:
        raise SettingsError("Name the file of the batch, or --cancel BATCH.")
    asked = BatchFile.read(file, trained=connected.settings.targets)
    with output.console.status(f"Queueing {len(asked.variants)} runs"):
        batch, totals = Submission.to(connected).submit(asked)
    running.nudge(connected)
    _say(batch, totals, json, f"Follow it: rightpack batch show {batch.run_id}")


@batch_app.command("show")
def show(batch: BatchId, stage: StageName = "dev", json: Json = "") -> None:
    """Runs of a batch with their states and results, the best first."""
    connected = Stage.connect(stage)
    record = _batch(connected, batch)
    rows = results(connected, connected.ledger.of_batch(batch))
    totals = Batches(connected.ledger, _now).totals(record)
    if json:
        facts = {"batch": batch, "state": record.state, "expected": totals.expected, "states": totals.states}
        output.write_json({**facts, "reason": record.reason, "runs": rows}, json)
    if json != "-":
        shown = ("variant", "package type", "state", "decision", "ROC-AUC", "attempts", "seconds", "reason")
        output.table(
            f"{batch}: {record.state}. {totals.words()}", shown, ([row[key] for key in _SHOWN] for row in rows)
        )


_SHOWN = ("variant", "package_type", "state", "decision", "roc_auc", "attempts", "seconds", "reason")


@batch_app.command("cancel")
def cancel(batch: BatchId, stage: StageName = "dev", json: Json = "") -> None:
    """Stop what has not ended: waiting runs never start, running ones are asked to stop."""
    _cancel(Stage.connect(stage), batch, json)


@batch_app.command("list")
def listed(stage: StageName = "dev", json: Json = "") -> None:
    """All batches, newest first."""
    connected = Stage.connect(stage)
    batches = Batches(connected.ledger, _now)
    rows = [
        {"batch": run.run_id, "state": run.state.value, "created": run.created_at, "runs": batches.totals(run).words()}
        for run in connected.ledger.recent(BATCH)
    ]
    if json:
        output.write_json(rows, json)
    if json != "-":
        output.rows_table("Batches", rows)


def results(stage: Stage, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """One row per run, with what its evaluation found; best ROC-AUC first."""
    with ThreadPoolExecutor(WRITERS) as pool:
        found = list(pool.map(lambda run: _row(stage, run), runs))
    return sorted(found, key=lambda row: (-(row["roc_auc"] or 0.0), row["run"]))


def _row(stage: Stage, run: Run) -> dict[str, Any]:
    evaluation = _evaluation(stage, run) if run.report and run.state is RunState.COMPLETED else {}
    return {
        "run": run.run_id,
        "variant": run.variant,
        "package_type": run.package_type,
        "state": run.state.value,
        "decision": evaluation.get("decision", {}).get("status", ""),
        "roc_auc": evaluation.get("metrics", {}).get("roc_auc"),
        "attempts": run.attempts,
        "seconds": seconds_of(run),
        "instance_seconds": run.instance_seconds,
        "cause": run.cause,
        "reason": run.reason,
    }


def _evaluation(stage: Stage, run: Run) -> dict[str, Any]:
    bucket, key = split_uri(f"{run.report.rpartition('/')[0]}/evaluation.json")
    try:
        body = stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket", "AccessDenied"):
            raise
        return {}
    return dict(jsonlib.loads(body))


def _cancel(stage: Stage, batch_id: str, json: str) -> None:
    _batch(stage, batch_id)
    who = running.caller(stage)
    batch, flying = Batches(stage.ledger, _now).cancel(batch_id, who=who)
    for run in flying:
        running.stop_run(stage, run, who=who, why=f"The batch {batch_id} was cancelled.")
    running.nudge(stage)
    _say(batch, Batches(stage.ledger, _now).totals(batch), json, "Cancelled.")


def _batch(stage: Stage, batch_id: str) -> Run:
    found = stage.ledger.find(batch_id)
    if found is None or found.pipeline != BATCH:
        raise SettingsError(f"There is no batch {batch_id!r}; `rightpack batch list` lists them.")
    return found


def _say(batch: Run, totals: Totals, json: str, then: str) -> None:
    if json:
        facts = {"batch": batch.run_id, "state": batch.state, "expected": totals.expected, "states": totals.states}
        output.write_json(facts, json)
    if json != "-":
        output.console.print(f"{batch.run_id}: {totals.words()}. {then}", markup=False)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
