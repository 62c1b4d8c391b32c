"""What must hold after every seed, whatever was injected; each answer is a list of violations in plain words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.faults.desk import Struck
from rightpack.ledger import Run, RunState
from rightpack.starting import ended_unstarted
from tests.faults.chaos.cycle import Watch, executions, open_executions, unloads, versions
from tests.faults.chaos.telling import most_tellings
from tests.faults.chaos.world import World

_RUN_LINE = re.compile(r"^Run: (\S+)$", re.MULTILINE)
_OPEN_JOBS = ("processing", "training", "transform")
LOADED = {"packaging_predictions": "product_id, package_type", "packaging_recommendations": "product_id"}  # keys


@dataclass(frozen=True, slots=True)
class Before:
    """What was there before a seed."""

    products: frozenset[str]
    executions: frozenset[str]
    mails: frozenset[str]

    @classmethod
    def look(cls, world: World) -> Before:
        return cls(
            frozenset(predicted(world)),
            frozenset(e["PipelineExecutionArn"] for e in executions(world)),
            frozenset(path.name for path in world.cloud.mail.glob("*.txt")),
        )


def violations(watch: Watch, before: Before, struck: Sequence[Struck]) -> list[str]:
    """Everything that does not hold after a seed in which these faults struck."""
    checks: tuple[Callable[[], Iterator[str]], ...] = (
        lambda: _ended(watch),
        lambda: _one_execution_each(watch, before),
        lambda: _loaded_rows_are_audited(watch),
        lambda: _nothing_vanished(watch.world, before),
        lambda: _registry_agrees(watch),
        lambda: _no_orphans(watch),
        lambda: _told_once(watch, before, struck),
    )
    return [problem for check in checks for problem in check()]


def predicted(world: World) -> set[str]:
    """Products with a current prediction."""
    rows = world.rows(f"SELECT DISTINCT product_id FROM {world.stage.schema}.current_predictions")
    return {row["product_id"] for row in rows}


def _ended(watch: Watch) -> Iterator[str]:
    """Every trigger is in exactly one terminal state."""
    if watch.stuck:
        yield f"stuck: {watch.stuck}"
    for run_id, run in watch.runs().items():
        if run is None:
            yield f"the trigger of {run_id} is not in the ledger"
        elif run.open:
            yield f"{run_id} is still {run.state}: {run.reason}"


def _one_execution_each(watch: Watch, before: Before) -> Iterator[str]:
    """No run was launched twice, every execution has its run, and both say the same of the outcome."""
    states = {"Succeeded": RunState.COMPLETED, "Failed": RunState.FAILED, "Stopped": RunState.STOPPED}
    found = [e for e in executions(watch.world) if e["PipelineExecutionArn"] not in before.executions]
    by_arn = {run.execution_arn: run for run in watch.runs().values() if run is not None and run.execution_arn}
    for execution in found:
        arn, status = execution["PipelineExecutionArn"], execution["PipelineExecutionStatus"]
        run = by_arn.get(arn)
        if run is None:
            if not _superseded(watch, execution):
                yield f"{arn} ({execution.get('PipelineExecutionDisplayName')}, {status}) belongs to no run"
        elif states.get(status) is not run.state:
            yield f"{run.run_id} is {run.state}, but its execution is {status}"


def _superseded(watch: Watch, execution: dict[str, Any]) -> bool:
    """Whether its run went on with another launch, or was over before this one, stopped since, was known to start."""
    name, status = str(execution.get("PipelineExecutionDisplayName", "")), execution["PipelineExecutionStatus"]
    runs = [run for run_id, run in watch.runs().items() if run is not None and name.startswith(run_id)]
    if any(run.relaunches for run in runs):
        return status in {"Failed", "Stopped"}
    return status == "Stopped" and any(ended_unstarted(run) for run in runs)


def _loaded_rows_are_audited(watch: Watch) -> Iterator[str]:
    """Every loaded row belongs to exactly one audited run, and every run that completed is audited once."""
    world, schema = watch.world, watch.world.stage.schema
    # tables before audits, which are committed with them: the load of a job that was killed may still go on
    loaded = {name: world.rows(f"SELECT DISTINCT run_id FROM {schema}.{name}") for name in LOADED}
    rows = world.rows(f"SELECT run_id, COUNT(*) AS n FROM {schema}.load_audit GROUP BY run_id")
    audited = {row["run_id"]: row["n"] for row in rows}
    yield from (f"{run_id} has {n} audit rows" for run_id, n in audited.items() if n != 1)
    for table, key in LOADED.items():
        for row in loaded[table]:
            if row["run_id"] not in audited:
                yield f"{table} holds rows of {row['run_id']}, which no audit knows"
        double = f"SELECT {key}, COUNT(*) AS n FROM {schema}.{table} GROUP BY {key} HAVING COUNT(*) > 1 LIMIT 1"
        yield from (f"{table} holds a row twice: {row}" for row in world.rows(double))
    for run in _runs(watch, "inference"):
        if run.state is RunState.COMPLETED and run.run_id not in audited:
            yield f"{run.run_id} is Completed, but nothing was loaded"


def _nothing_vanished(world: World, before: Before) -> Iterator[str]:
    missing = before.products - predicted(world)
    if missing:
        yield f"{len(missing)} products lost their prediction, {min(missing)} is one"


def _registry_agrees(watch: Watch) -> Iterator[str]:
    """A completed training registered one model, any other training none."""
    world = watch.world
    groups = {world.stage.layout.model_group(run.package_type) for run in _runs(watch, "training")}
    registered = Counter(p.metadata.get("run-id", "") for group in groups for p in world.stage.registry.versions(group))
    for run in _runs(watch, "training"):
        wanted = 1 if run.state is RunState.COMPLETED else 0
        if registered[run.run_id] != wanted:
            yield f"{run.run_id} is {run.state}, and {registered[run.run_id]} models say they come from it"


def _no_orphans(watch: Watch) -> Iterator[str]:
    """Nothing runs any more: no execution, no job, no process."""
    world = watch.world
    yield from (f"{arn} still runs" for arn in open_executions(world))
    for kind in _OPEN_JOBS:
        listed = getattr(world.client("sagemaker"), f"list_{kind}_jobs")(StatusEquals="InProgress")
        yield from (f"{job} still runs" for job in listed[f"{kind.capitalize()}JobSummaries"])
    left = world.image.running() if world.image else 0
    if left:
        yield f"{left} processes of jobs are left"


def _told_once(watch: Watch, before: Before, struck: Sequence[Struck]) -> Iterator[str]:
    """Every failure was told once, no success was told as a failure, and a drop that broke off was told, too.

    Only what struck the telling of a failure itself lets it be told again; see `telling`.
    """
    mails = [_Mail.read(path) for path in _mails(watch.world) if path.name not in before.mails]
    for run_id, run in watch.runs().items():
        if run is None:
            continue
        about = [mail.time for mail in mails for _ in range(mail.times_of(run_id))]
        failed = run.state in {RunState.FAILED, RunState.REFUSED, RunState.STOPPED}
        fewest, most = (1, most_tellings(run_id, struck, about)) if failed else (0, 0)
        if not fewest <= len(about) <= most:
            yield f"{run_id} is {run.state} ({run.reason[:120]}), and was told {len(about)} times, not {fewest}-{most}"
    for name in _failed_unloads(watch):
        about = [mail.time for mail in mails if name in mail.text]
        if not 1 <= len(about) <= most_tellings(name, struck, about):
            yield f"the unload {name} failed, and was told {len(about)} times"


@dataclass(frozen=True, slots=True)
class _Mail:
    """A mail and when it was delivered, in seconds since the epoch."""

    text: str
    time: float

    @classmethod
    def read(cls, path: Path) -> _Mail:
        return cls(path.read_text(), path.stat().st_mtime)

    def times_of(self, run_id: str) -> int:
        """How often it tells the outcome of a run."""
        return _RUN_LINE.findall(self.text).count(run_id) + (f"quarantine/{run_id}/" in self.text)


def _failed_unloads(watch: Watch) -> Iterator[str]:
    for pipeline in ("training", "inference"):
        drops = {key.rpartition("/")[0] for key, _ in versions(watch.world, f"drops/{pipeline}/{watch.date}/")}
        for drop in {drop.removesuffix("/data") for drop in drops}:
            for statement in unloads(watch.world, f"{drop}/"):
                if statement["Status"] in {"FAILED", "ABORTED"}:
                    yield statement["StatementName"]


def _mails(world: World) -> list[Path]:
    return sorted(world.cloud.mail.glob("*.txt"))


def _runs(watch: Watch, pipeline: str) -> list[Run]:
    return [run for run in watch.runs().values() if run is not None and run.pipeline == pipeline]
