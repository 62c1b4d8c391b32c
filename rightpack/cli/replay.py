"""`rightpack replay`: real products and real feedback, week by week, through the whole system."""

from __future__ import annotations

import datetime as dt
import io
import json as jsonlib
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer
from rich.progress import Progress

from processing.intake import ColumnMapping, Outcome, deliver, read_labels
from processing.statistics.bootstrap import Bootstrap
from rightpack.cli import demo, facts, output, own_data, upload, waiting
from rightpack.cli.config import Chosen, Files, Sets
from rightpack.cli.embedded import embedded_cloud
from rightpack.cli.stage import Stage
from rightpack.layout import split_uri
from rightpack.ledger import Run, RunState
from rightpack.settings import CONFIG_FOLDER
from rightpack.warehouse import table_named

WEEK = dt.timedelta(days=7)
PACKAGE_TYPE = "seller-default"
ROUNDS = 1000
CONFIDENCE = 0.95
Floats = npt.NDArray[np.float64]
LABELS = ColumnMapping(
    columns={"label_id": "feedback_id"},
    constants={"package_type": PACKAGE_TYPE},
    labels=Outcome(unsuitable="unsuitable"),
)


@dataclass(slots=True)
class Replay:
    """A replay under way, with the out-of-time scores of each week's own labels."""

    stage: Stage
    labels: pa.Table
    weekly: list[dict[str, Any]] = field(default_factory=list)
    newest: list[pa.Table] = field(default_factory=list)

    def load(self, begin: dt.date | None, end: dt.date) -> int:
        """Load the labels observed from `begin` on, before `end`."""
        observed = pc.cast(self.labels["observed_at"], pa.date32())
        chosen = pc.less(observed, pa.scalar(end))
        if begin is not None:
            chosen = pc.and_(chosen, pc.greater_equal(observed, pa.scalar(begin)))
        with tempfile.TemporaryDirectory() as scratch:
            part = Path(scratch) / "labels.parquet"
            pq.write_table(self.labels.filter(chosen), part)
            return upload.load_parts(self.stage, "labels", [part])

    def train(self, begin: dt.date) -> Run:
        """One week: its labels arrive, a drop is made, a model is trained, judged and registered."""
        loaded = self.load(begin, begin + WEEK)
        date = begin + WEEK - dt.timedelta(days=1)
        event = {"pipeline": "training", "mode": "weekly", "business_date": date.isoformat()}
        drops = waiting.request_drops(self.stage, event)
        run = waiting.await_runs(self.stage, drops, timeout=demo.RUN_TIMEOUT_SECONDS)[0]
        if run.state is RunState.COMPLETED:
            self._judge(run, begin, loaded)
        return run

    def _judge(self, run: Run, begin: dt.date, loaded: int) -> None:
        uri = facts.output_uri(self.stage, run.execution_arn, "Evaluate", "evaluation")
        evaluation = jsonlib.loads(self._read(f"{uri.rstrip('/')}/evaluation.json"))
        roc_auc = evaluation["intervals"]["roc_auc"]
        decision = evaluation["decision"]["status"]
        self.weekly.append({"week": begin.isoformat(), "labels": loaded, "decision": decision, "roc_auc": roc_auc})
        labels = self._table(facts.output_uri(self.stage, run.execution_arn, "Prepare", "labels"))
        scores = self._table(facts.output_uri(self.stage, run.execution_arn, "ScoreValidation"))
        joined = labels.join(scores, "row_id", join_type="inner")
        own = pc.greater_equal(pc.cast(joined["observed_at"], pa.date32()), pa.scalar(begin))
        self.newest.append(joined.filter(own).select(["suitable", PACKAGE_TYPE]))

    def _read(self, uri: str) -> bytes:
        bucket, key = split_uri(uri)
        body: bytes = self.stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def _table(self, uri: str) -> pa.Table:
        bucket, prefix = split_uri(uri)
        pages = self.stage.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [o["Key"] for page in pages for o in page.get("Contents", []) if not o["Key"].endswith(".json")]
        return pa.concat_tables([pq.read_table(io.BytesIO(self._read(f"s3://{bucket}/{key}"))) for key in keys])

    def pooled(self) -> dict[str, float]:
        """ROC-AUC over all weeks, each scored by a model that had seen nothing of its last eight weeks."""
        rows = pa.concat_tables(self.newest)
        suitable, score = (rows[name].to_numpy().astype(np.float64) for name in ("suitable", PACKAGE_TYPE))
        return {"rows": rows.num_rows, "unsuitable": int((suitable == 0).sum()), **_interval(suitable, score)}


def replay(
    products: Annotated[Path, typer.Option(help="CSV or Parquet of products.")],
    labels: Annotated[Path, typer.Option(help="CSV or Parquet of labels: product, unsuitable 0/1, observed_at.")],
    from_: Annotated[str, typer.Option("--from", help="First day of the first week.")],
    n_weeks: Annotated[int, typer.Option("--weeks")] = 12,
    json: demo.Targets = None,
    reports: Annotated[Path, typer.Option(help="Folder for the HTML reports.")] = Path("out/replay"),
    config: Files = None,
    set_: Sets = None,
) -> None:
    """Replay real weeks: weekly drops and trainings on real feedback, then every real product scored and loaded."""
    started = time.monotonic()
    output.leave_stdout_to(json)
    begin = dt.date.fromisoformat(from_)
    chosen = Chosen.of("dev", [CONFIG_FOLDER / "replay.toml", *(config or ())], set_)
    with embedded_cloud("dev") as cloud:
        stage = chosen.connect()
        upload.migrate(stage)
        loaded = own_data.load(stage, "products", products, ColumnMapping(), first_seen=begin)
        played = Replay(stage, _all_labels(stage, labels))
        played.load(None, begin)
        _play(played, begin, n_weeks)
        found = demo.collect(stage, cloud)
        found["reports"] = [str(path) for path in demo.save_reports(stage, found, reports)]
    found |= {
        "products_loaded": loaded.rows,
        "products_quarantined": loaded.quarantined,
        "weekly": played.weekly,
        "pooled_roc_auc": played.pooled(),
        "seconds": round(time.monotonic() - started, 1),
    }
    output.present(found, json, _show)
    raise typer.Exit(0 if all(run["status"] == "Completed" for run in found["runs"]) else 1)


def _play(played: Replay, begin: dt.date, n_weeks: int) -> None:
    with Progress(console=output.console) as progress:
        bar = progress.add_task("Weeks", total=n_weeks + 1)
        for week in range(n_weeks):
            played.train(begin + week * WEEK)
            progress.advance(bar)
        date = begin + n_weeks * WEEK
        event = {"pipeline": "inference", "mode": "monthly", "business_date": date.isoformat()}
        waiting.await_runs(played.stage, waiting.request_drops(played.stage, event), timeout=demo.RUN_TIMEOUT_SECONDS)
        progress.advance(bar)


def _all_labels(stage: Stage, file: Path) -> pa.Table:
    with tempfile.TemporaryDirectory() as scratch:
        columns = table_named("labels", stage.settings).columns
        report = deliver(read_labels(file, LABELS, stage.settings), columns, Path(scratch))
        return pa.concat_tables([pq.read_table(path) for path in report.paths])


def _show(found: dict[str, Any]) -> None:
    rows = [
        {"week": w["week"], "new labels": w["labels"], "ROC-AUC": w["roc_auc"]["value"], "low": w["roc_auc"]["low"],
         "high": w["roc_auc"]["high"], "decision": w["decision"]}
        for w in found["weekly"]
    ]  # fmt: skip
    output.rows_table("Eight-week hold-out, week by week", rows)
    output.rows_table("Recommended packaging", found["mix"])
    pooled = found["pooled_roc_auc"]
    output.console.print(
        f"Pooled out-of-time ROC-AUC {pooled['value']:.3f} [{pooled['low']:.3f}, {pooled['high']:.3f}] over "
        f"{pooled['rows']:,} labels, {pooled['unsuitable']} unsuitable; {found['counts']['recommendations']:,} "
        f"products recommended, {found['seconds']} s."
    )


def _interval(suitable: Floats, score: Floats) -> dict[str, float]:
    """Pooled ROC-AUC with its 95 % interval."""
    resampled = Bootstrap(ROUNDS, seed=0).resample(suitable, np.ones_like(suitable), {"pooled": score})
    return asdict(resampled["pooled"].estimate("roc_auc", CONFIDENCE))
