"""`rightpack demo`: three weeks of a shop, through trigger files only, on an embedded AWS."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from processing.generator import BadLabels, Catalogue, Drift
from rightpack.cli import facts, output, permissions, upload, weeks
from rightpack.cli.config import Chosen, Files, Sets
from rightpack.cli.embedded import Embedded, embedded_cloud
from rightpack.cli.stage import Stage
from rightpack.cli.waiting import StartedDrop, await_runs, request_drops
from rightpack.layout import split_uri
from rightpack.ledger import Run

Targets = Annotated[
    list[str] | None, typer.Option("--json", help="Write the facts to this file; - for standard output. Repeatable.")
]
BAD_TYPE = "paper-bag"
RUN_TIMEOUT_SECONDS = 1800.0
ALARM_SECONDS = 15.0
QUESTION = """
SELECT p.category, r.package_type, COUNT(*) AS products, AVG(r.est_damage) AS expected_damage
FROM packaging.current_recommendations r
JOIN packaging.products p ON p.product_id = r.product_id
WHERE p.category = (SELECT category FROM packaging.products GROUP BY category ORDER BY COUNT(*) DESC, category LIMIT 1)
GROUP BY p.category, r.package_type
ORDER BY products DESC, r.package_type"""


@dataclass(frozen=True, slots=True)
class Show:
    """A demonstration under way."""

    stage: Stage
    shop: Catalogue
    progress: Progress

    def run(self, title: str, event: dict[str, Any]) -> list[Run]:
        """Ask for drops and wait for their runs, with a bar."""
        drops = request_drops(self.stage, event)
        return self._watch(title, drops)

    def _watch(self, title: str, drops: list[StartedDrop]) -> list[Run]:
        bar = self.progress.add_task(title, total=len(drops))

        def seen(runs: list[Run]) -> None:
            self.progress.update(bar, completed=sum(not run.open for run in runs))

        return await_runs(self.stage, drops, timeout=RUN_TIMEOUT_SECONDS, seen=seen)


def demo(
    products: Annotated[int, typer.Option(help="Products in the first week.")] = 20_000,
    n_weeks: Annotated[int, typer.Option("--weeks", help="Weeks to play; the last one brings bad labels.")] = 3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same models and predictions.")] = 7,
    json: Targets = None,
    state: Annotated[Path | None, typer.Option(help="Folder for job folders, logs and mail.")] = None,
    reports: Annotated[Path, typer.Option(help="Folder for the HTML reports.")] = Path("out/reports"),
    iam: permissions.IamMode = permissions.Iam.RECORD,
    config: Files = None,
    set_: Sets = None,
) -> None:
    """Play weekly trainings, a monthly and daily inferences of a generated shop, end to end, on this machine."""
    started = time.monotonic()
    output.leave_stdout_to(json)
    chosen = Chosen.of("dev", config, set_)
    shop = weeks.catalogue(chosen.settings, seed=seed, products=products, drift=drift(n_weeks))
    with embedded_cloud("dev", root=state, iam=iam) as cloud:
        stage = chosen.connect()
        play(stage, shop, n_weeks)
        _await_alarms(stage, expected=n_weeks > 1)
        found = collect(stage, cloud)
        found["reports"] = [str(path) for path in save_reports(stage, found, reports)]
        found["iam"] = permissions.recorded(cloud.endpoint, "dev")
        found["query"] = stage.data_api.rows(QUESTION.strip())
    found["seconds"] = round(time.monotonic() - started, 1)
    output.present(found, json, show)
    raise typer.Exit(verdict(found, n_weeks))


def drift(n_weeks: int) -> Drift:
    """What happens to the shop: in the last of several weeks, labels of one type are wrong."""
    return Drift(bad_labels=BadLabels(n_weeks - 1, BAD_TYPE, 1.0)) if n_weeks > 1 else Drift()


def play(stage: Stage, shop: Catalogue, n_weeks: int) -> list[Run]:
    """Play the weeks of a shop on a stage with nothing in it; return the runs."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=output.console) as progress:
        upload.migrate(stage)
        show_ = Show(stage, shop, progress)
        return [run for week in range(n_weeks) for run in _play_week(show_, week)]


def _play_week(show_: Show, week: int) -> list[Run]:
    bar = show_.progress.add_task(f"Week {week + 1}: catalogue and feedback", total=1)
    with tempfile.TemporaryDirectory() as scratch:
        weeks.load_week(show_.stage, weeks.write_week(show_.shop, week, Path(scratch), show_.stage.settings))
    show_.progress.update(bar, completed=1)
    date = weeks.last_day(show_.shop, week).isoformat()
    training = {"pipeline": "training", "mode": "weekly", "business_date": date}
    inference = {"pipeline": "inference", "mode": "monthly" if week == 0 else "daily", "business_date": date}
    trained = show_.run(f"Week {week + 1}: training", training)
    return [*trained, *show_.run(f"Week {week + 1}: {inference['mode']} inference", inference)]


def _await_alarms(stage: Stage, *, expected: bool) -> None:
    """Alarms are evaluated a moment after their metric; wait for the one that the bad labels must raise."""
    deadline = time.monotonic() + ALARM_SECONDS
    while expected and not facts.alarms(stage) and time.monotonic() < deadline:
        time.sleep(0.2)


def collect(stage: Stage, cloud: Embedded) -> dict[str, Any]:
    """Everything that happened."""
    models = facts.models(stage)
    return {
        "endpoint": cloud.endpoint,
        "state": str(cloud.root),
        "runs": facts.runs(stage),
        "models": models,
        "digests": facts.digests(stage, models),
        "counts": facts.counts(stage),
        "mix": facts.mix(stage),
        "alarms": facts.alarms(stage),
    }


def save_reports(stage: Stage, found: dict[str, Any], folder: Path) -> list[Path]:
    """Copy the HTML report of every model version and inference to `folder`, in place of those of an earlier time."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("rightpack-*.html"), *folder.glob("inference-*.html")):
        old.unlink()
    wanted = {f"{m['group']}-v{m['version']}.html": m["report"] for m in found["models"] if m["report"]}
    for run in found["runs"]:
        if run["pipeline"] == "inference" and run["status"] == "Completed":
            for step, output_name, ending in (("Recommend", "report", ""), ("Monitor", "drift", "-drift")):
                report = facts.output_uri(stage, run["execution"], step, output_name)
                wanted[f"{run['id']}{ending}.html"] = f"{report.rstrip('/')}/report.html"
    s3 = stage.client("s3")
    for name, uri in wanted.items():
        bucket, key = split_uri(uri)
        s3.download_file(bucket, key, str(folder / name))
    return [folder / name for name in sorted(wanted)]


def show(found: dict[str, Any]) -> None:
    """Print what happened."""
    output.runs_table(found["runs"])
    output.models_table(found["models"])
    output.rows_table("Recommended packaging", found["mix"])
    output.rows_table("An analyst asks: how does the largest category ship?", found["query"])
    for alarm in found["alarms"]:
        output.console.print(f"[red]ALARM[/red] {alarm['name']}: {alarm['reason']}")
    output.console.print(permissions.line(found["iam"]))
    counts = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in found["counts"].items())
    output.console.print(f"{counts}.\nReports: {Path(found['reports'][0]).parent}" if found["reports"] else counts)


def verdict(found: dict[str, Any], n_weeks: int) -> int:
    """Print one line and return the exit code: 0 when every line of the demonstration holds."""
    failed = [run["id"] for run in found["runs"] if run["status"] != "Completed"]
    rejected = [m["group"] for m in found["models"] if m["status"] == "Rejected"]
    counts = found["counts"]
    problems = []
    if failed:
        problems.append(f"runs not completed: {', '.join(failed)}")
    if n_weeks > 1 and not any(group.endswith(BAD_TYPE) for group in rejected):
        problems.append(f"the model trained on bad labels of {BAD_TYPE} was not rejected")
    if counts["order_violations"]:
        problems.append(f"{counts['order_violations']} order violations")
    if counts["recommendations"] != counts["products"]:
        problems.append("not every product has a recommendation")
    if found["iam"]["denials"]:
        problems.append(f"{len(found['iam']['denials'])} permissions denied")
    line = "; ".join(problems) or f"demo holds: {len(found['runs'])} runs, {len(found['models'])} models"
    output.console.print(f"[{'red' if problems else 'green'}]{line}[/] in {found['seconds']} s")
    return 1 if problems else 0
