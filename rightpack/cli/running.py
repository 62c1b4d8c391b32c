"""`rightpack stop`, `retry`, `rerun` and `fill`: a person stops a run, goes on with it, repeats it, or fills a gap."""

from __future__ import annotations

import datetime as dt
import hashlib
import json as jsonlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import typer

from rightpack.cli import facts, output, waiting
from rightpack.cli.config import Json, StageName
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.layout import MODES, PipelineKind
from rightpack.ledger import RETRY, Run, RunState, stamp
from rightpack.notices import BATCH
from rightpack.starting import Starter

RunId = Annotated[str, typer.Argument(help="Run id, as `rightpack runs` shows it.")]
WAIT_SECONDS = 86400.0


def stop(
    run: RunId,
    why: Annotated[str, typer.Option("--why", help="For the ledger and the notice.")] = "",
    stage: StageName = "dev",
    json: Json = "",
) -> None:
    """Stop a run: one that waits never starts, one that runs is asked to stop."""
    connected = Stage.connect(stage)
    found = stop_run(connected, _run(connected, run), who=caller(connected), why=why)
    _say(connected, found, json, "is stopping" if found.open else "is stopped")


def retry(run: RunId, stage: StageName = "dev", json: Json = "") -> None:
    """Go on with a failed or stopped run where it ended; steps that succeeded are not repeated."""
    connected = Stage.connect(stage)
    found = _run(connected, run)
    now = _now()
    if found.state not in (RunState.FAILED, RunState.STOPPED):
        raise SettingsError(f"{run} is {found.state}; only what failed or was stopped can be retried. Try `rerun`.")
    if not found.parameters:
        raise SettingsError(f"{run} is older than retries from the ledger; drop its trigger again.")
    ledger = connected.ledger
    if found.execution_arn:
        ledger.reopened(found, now=now)
    else:
        ledger.relaunch(found, reason="", cause="", now=now, anew=True)
    nudge(connected)
    _say(connected, ledger.get(run), json, "goes on")


def rerun(run: RunId, stage: StageName = "dev", json: Json = "") -> None:
    """Repeat a run on purpose: same drop, same settings, a new run id; unchanged steps come from the cache."""
    connected = Stage.connect(stage)
    again = repeat(connected, _run(connected, run))
    nudge(connected)
    _say(connected, again, json, f"repeats {run}")


def fill(
    from_: Annotated[str, typer.Option("--from", help="First business date.")],
    to: Annotated[str, typer.Option("--to", help="Last business date; the first if absent.")] = "",
    pipeline: Annotated[str, typer.Option(help="training or inference")] = "inference",
    mode: Annotated[str, typer.Option(help="weekly, daily or monthly")] = "",
    stage: StageName = "dev",
    json: Json = "",
) -> None:
    """Fill missing business dates in order: each is dropped and waited for; dates that have succeeded are left alone.

    An older date never overwrites what a newer one has loaded, so a gap can be filled at any time.
    """
    connected = Stage.connect(stage)
    kind = PipelineKind(pipeline)
    chosen = mode or MODES[kind][0]
    rows: list[dict[str, Any]] = []
    for date in _dates(from_, to or from_):
        rows += _fill_day(connected, kind, chosen, date)
        if any(row["status"] not in ("Completed", "done before", "nothing to do") for row in rows):
            break  # what follows may depend on it
    if json != "-":
        output.table("Filled", ("date", "run", "state"), ((r["date"], r["id"], r["status"]) for r in rows))
    if json:
        output.write_json(rows, json)
    raise typer.Exit(0 if all(row["status"] in ("Completed", "done before", "nothing to do") for row in rows) else 1)


def stop_run(stage: Stage, run: Run, *, who: str, why: str) -> Run:
    """Stop one run and return its record; an execution that runs ends a little later."""
    ledger, now = stage.ledger, _now()
    reason = why or "Stopped on purpose."
    if not run.open:
        raise SettingsError(f"{run.run_id} has ended already: {run.state}.")
    idle = run.state is RunState.NEW or run.queue == RETRY  # nothing of it runs
    if idle and ledger.finish(run.run_id, RunState.STOPPED, reason=reason, now=now, who=who):
        nudge(stage)
        return ledger.get(run.run_id)
    running = ledger.get(run.run_id)
    if running.open and running.execution_arn:
        ledger.asked_to_stop(running, who=who, why=reason, now=now)
        starter(stage).stop(running.execution_arn)
    return ledger.get(run.run_id)


def repeat(stage: Stage, run: Run) -> Run:
    """Queue a run again under the next free number; return its record."""
    if not run.parameters:
        raise SettingsError(f"{run.run_id} never started from a trigger of its own, or is too old; drop again instead.")
    number, moment = 1, stamp(_now())
    while stage.ledger.find(f"{run.run_id}-r{number}"):
        number += 1
    run_id = f"{run.run_id}-r{number}"
    parameters = jsonlib.dumps({**jsonlib.loads(run.parameters), "RunId": run_id})
    fresh = Run(
        run_id=run_id,
        pipeline=run.pipeline,
        state=RunState.NEW,
        created_at=moment,
        updated_at=moment,
        token=hashlib.sha256(f"{run.token}#r{number}".encode()).hexdigest(),
        parameters=parameters,
    )
    kept = ("trigger_uri", "trigger_version", "mode", "business_date", "package_type", "policy", "variant")
    fresh = replace(fresh, **{name: getattr(run, name) for name in kept})
    return stage.ledger.claim(replace(fresh, queue=fresh.waiting))


def nudge(stage: Stage) -> None:
    """Let the reconciler start what may start, now rather than at its next tick."""
    stage.client("lambda").invoke(
        FunctionName=stage.layout.function("reconcile"), InvocationType="Event", Payload=b"{}"
    )


def starter(stage: Stage) -> Starter:
    """What starts and stops executions of a stage."""
    return Starter(stage.layout, stage.client("sagemaker"), stage.ledger, _now)


def caller(stage: Stage) -> str:
    """Who gives the command."""
    return str(stage.client("sts").get_caller_identity()["Arn"])


def _run(stage: Stage, run_id: str) -> Run:
    found = stage.ledger.find(run_id)
    if found is None:
        raise SettingsError(f"There is no run {run_id!r} in stage {stage.layout.stage}; `rightpack runs` lists them.")
    if found.pipeline == BATCH:
        raise SettingsError(f"{run_id} is a batch; use `rightpack batch cancel {run_id}`.")
    return found


def _fill_day(stage: Stage, kind: PipelineKind, mode: str, date: str) -> Iterator[dict[str, Any]]:
    done = [
        run
        for run in stage.ledger.history(kind.value)
        if (run.business_date, run.mode, run.state) == (date, mode, RunState.COMPLETED) and not run.batch
    ]
    if done:
        yield {"date": date, "id": done[0].run_id, "status": "done before"}
        return
    with output.console.status(f"Filling {date}"):
        drops = waiting.request_drops(stage, {"pipeline": kind.value, "mode": mode, "business_date": date})
        ended = waiting.await_runs(stage, drops, timeout=WAIT_SECONDS)
    if not ended:
        yield {"date": date, "id": "", "status": "nothing to do"}
    for run in ended:
        yield {"date": date, "id": run.run_id, "status": run.state.value}


def _dates(first: str, last: str) -> list[str]:
    begin, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    if end < begin:
        raise SettingsError(f"--to {last} is before --from {first}.")
    return [(begin + dt.timedelta(days=day)).isoformat() for day in range((end - begin).days + 1)]


def _say(stage: Stage, run: Run, json: str, what: str) -> None:
    if json:
        output.write_json(facts.run_facts(stage, run), json)
    if json != "-":
        output.console.print(f"{run.run_id} {what}.", markup=False)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
