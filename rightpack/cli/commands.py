"""The small commands: each is a few calls on the stage."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from rightpack.cli import facts, output, permissions, upload, waiting
from rightpack.cli.config import Chosen, Files, Json, Sets, StageName
from rightpack.cli.embedded import PROJECT, embedded_cloud
from rightpack.cli.faults import arm
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.transport import Target


def up(
    stage: StageName = "dev",
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 4566,
    state: Annotated[Path | None, typer.Option(help="Folder where everything is kept for the next `up`.")] = None,
    json: Json = "",
    iam: permissions.IamMode = permissions.Iam.RECORD,
    faults: Annotated[Path | None, typer.Option(help="TOML file of faults that shall strike.")] = None,
    iam_report: Annotated[bool, typer.Option(help="Say at the end what was denied and what was never used.")] = False,
) -> None:
    """Run the embedded AWS with the committed templates deployed, until Ctrl-C."""
    used = state is not None and (state / "redshift").exists()
    with embedded_cloud(stage, root=state, port=port, iam=iam, keep=state is not None) as cloud:
        upload.migrate(Stage.connect(stage))
        if faults:
            arm(faults)
        output.leave_stdout_to(["-"])  # so that a shell can source it
        if cloud.restored:
            output.console.print(f"It goes on with what was there at {cloud.restored}; what ran then has failed.")
        elif used:
            output.console.print(f"[red]{state} holds a warehouse and no state:[/red] the rest begins anew.")
        output.console.print(f"Ready: state, logs and mail in {cloud.root}\n")
        if json:
            output.write_json({"environment": cloud.environment(), "state": cloud.root}, json)
        if json != "-":
            for name, value in cloud.environment().items():
                typer.echo(f"export {name}={value}")
        try:
            while True:
                _sleep_until_interrupted()
        except KeyboardInterrupt:
            if iam_report:
                permissions.show(permissions.recorded(cloud.endpoint, stage))
            output.console.print("Stopped.")


def _sleep_until_interrupted() -> None:
    import signal

    signal.pause()


def migrate(stage: StageName = "dev", config: Files = None, set_: Sets = None) -> None:
    """Create schema, tables and views in the warehouse; running it again changes nothing."""
    connected = Chosen.of(stage, config, set_).connect()
    upload.migrate(connected)
    output.console.print(f"Schema {connected.schema} is there.")


def drop(
    pipeline: Annotated[str, typer.Argument(help="training, inference or topics")],
    mode: Annotated[str, typer.Option(help="weekly, daily or monthly")] = "",
    date: Annotated[str, typer.Option(help="Business date; today if absent.")] = "",
    package_type: Annotated[list[str] | None, typer.Option(help="Only these package types (training).")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the runs to end.")] = False,
    stage: StageName = "dev",
    config: Files = None,
    set_: Sets = None,
    json: Json = "",
) -> None:
    """Unload a drop from the warehouse; its trigger file starts the pipeline."""
    connected = Chosen.of(stage, config, set_).connect()
    event: dict[str, Any] = {"pipeline": pipeline, "mode": mode or _mode(pipeline)}
    if date:
        event["business_date"] = dt.date.fromisoformat(date).isoformat()
    if package_type:
        event["package_types"] = package_type
    drops = waiting.request_drops(connected, event)
    if not wait:
        uris = [f"s3://{connected.layout.data_bucket}/{started.prefix}" for started in drops]
        _show([{"unloading to": uri} for uri in uris], json, lambda rows: output.rows_table("Drops", rows))
        return
    with output.console.status("Waiting for the runs to end"):
        ended = waiting.await_runs(connected, drops, timeout=86400)
    found = [facts.run_facts(connected, run) for run in ended]
    _show(found, json, output.runs_table)
    raise typer.Exit(0 if all(run["status"] == "Completed" for run in found) else 1)


def _mode(pipeline: str) -> str:
    return {"training": "weekly", "topics": "monthly"}.get(pipeline, "daily")


def runs(
    run: Annotated[str, typer.Argument(help="One run, with its steps and artefacts; otherwise all are listed.")] = "",
    stage: StageName = "dev",
    limit: Annotated[int, typer.Option(help="At most this many of each pipeline.")] = 50,
    stats: Annotated[bool, typer.Option(help="Trends instead: durations, failure rates, retries, cost.")] = False,
    weeks: Annotated[int, typer.Option(help="How far back the trends look.")] = 12,
    json: Json = "",
) -> None:
    """List runs with their states, seconds and reasons, or their trends."""
    connected = Stage.connect(stage)
    if run:
        output.present(facts.one_run(connected, run), [json] if json else None, output.run_page)
        return
    if stats:
        found = facts.trends(connected, weeks=weeks)
        if json:
            output.write_json(found, json)
        if json != "-":
            output.trends_tables(found)
        return
    _show(facts.runs(connected, limit=limit), json, output.runs_table)


def models(stage: StageName = "dev", json: Json = "") -> None:
    """List model versions, their verdicts and which one serves."""
    _show(facts.models(Stage.connect(stage)), json, output.models_table)


def _show(found: list[dict[str, Any]], json: str, show: Any) -> None:
    if json != "-":
        show(found)
    if json:
        output.write_json(found, json)


def sql(
    query: Annotated[str, typer.Argument(help="One SQL query; tables live in the schema packaging.")],
    stage: StageName = "dev",
    json: Json = "",
    csv: Annotated[Path | None, typer.Option(help="Write all rows to this CSV file.")] = None,
) -> None:
    """Query the warehouse, as an analyst would."""
    import awswrangler

    connected = Stage.connect(stage)
    target = Target.of(connected.settings.warehouse, connected.layout)
    connection = awswrangler.data_api.redshift.connect(
        workgroup_name=target.workgroup, database=target.database, boto3_session=connected.session
    )
    frame = awswrangler.data_api.redshift.read_sql_query(query, con=connection)
    if csv:
        frame.to_csv(csv, index=False)
    rows = frame.to_dict(orient="records")
    if json:
        output.write_json(rows, json)
    if json != "-":
        output.rows_table(f"{len(rows)} rows", rows[:50])


def render(
    check: Annotated[bool, typer.Option(help="Only compare with the committed files.")] = False,
    json: Json = "",
) -> None:
    """Render the pipeline definitions (needs the `pipelines` extra)."""
    options = ["--check"] if check else []
    with output.console.status("Rendering with the SageMaker SDK"):
        done = subprocess.run([sys.executable, "-m", "pipelines.render", *options], cwd=PROJECT, check=False)
    definitions = sorted((PROJECT / "pipelines" / "definitions").glob("*.json"))
    found = [{"definition": str(path.relative_to(PROJECT)), "fresh": done.returncode == 0} for path in definitions]
    _show(found, json, lambda rows: output.rows_table("Definitions", rows))
    raise typer.Exit(done.returncode)


def generate(
    products: Annotated[int, typer.Option(help="Products in the first week.")] = 20_000,
    weeks: Annotated[int, typer.Option(help="How many weeks of catalogue and feedback.")] = 1,
    first_week: Annotated[int, typer.Option(help="Number of the first week.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed and week give the same rows.")] = 7,
    out: Annotated[Path | None, typer.Option(help="Write Parquet files here instead of loading the warehouse.")] = None,
    stage: StageName = "dev",
    config: Files = None,
    set_: Sets = None,
    json: Json = "",
) -> None:
    """Generate a catalogue with feedback, week by week, and load it into the warehouse."""
    from rightpack.cli import weeks as weekly

    chosen = Chosen.of(stage, config, set_)
    settings = chosen.settings
    catalogue = weekly.catalogue(settings, seed=seed, products=products)
    connected = None if out else chosen.connect()
    made = []
    for week in track(range(first_week, first_week + weeks), "Weeks", console=output.console, transient=True):
        with tempfile.TemporaryDirectory() as scratch:
            paths = weekly.write_week(catalogue, week, out or Path(scratch), settings)
            rows = {name: sum(map(upload.rows_of, files)) for name, files in paths.items()}
            if connected:
                weekly.load_week(connected, paths)
        made.append({"week": week, **rows})
    _show(made, json, lambda rows: output.rows_table("Generated rows", rows))


def load_products(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML: your column names, constants and units.")] = None,
    stage: StageName = "dev",
    config: Files = None,
    set_: Sets = None,
    json: Json = "",
) -> None:
    """Load your own products."""
    _load("products", file, mapping, Chosen.of(stage, config, set_).connect(), json)


def load_labels(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML: your column names, constants and units.")] = None,
    stage: StageName = "dev",
    config: Files = None,
    set_: Sets = None,
    json: Json = "",
) -> None:
    """Load your own labels: product, package type, suitable or not, when observed."""
    _load("labels", file, mapping, Chosen.of(stage, config, set_).connect(), json)


def _load(table: str, file: Path, mapping: Path | None, stage: Stage, json: str) -> None:
    from processing.intake import ColumnMapping
    from rightpack.cli import own_data

    if not file.exists():
        raise SettingsError(f"There is no file {file}.")
    columns = ColumnMapping.from_toml(mapping) if mapping else ColumnMapping()
    with output.console.status(f"Loading {file.name}"):
        loaded = own_data.load(stage, table, file, columns)
    _show([{"table": table, **asdict(loaded)}], json, lambda rows: output.rows_table("Loaded", rows))
    if loaded.quarantined:
        raise typer.Exit(3)
