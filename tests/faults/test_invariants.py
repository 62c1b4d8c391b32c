"""Every invariant of a chaos run can fail: a world in which it does not hold, and the words that say so."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_cloud.faults.desk import Struck
from local_cloud.faults.fault import Kind
from rightpack.ledger import Run, RunState
from rightpack.trigger import TriggerObject
from tests.faults.chaos import invariants
from tests.faults.chaos.cycle import Watch
from tests.faults.chaos.invariants import Before, violations

DATE = "2026-11-20"
KEY = f"drops/training/{DATE}/carton-1/"
SOURCE = TriggerObject("data", f"{KEY}_TRIGGER.json", "v1")
OTHER = TriggerObject("data", f"drops/inference/{DATE}/monthly-1/_TRIGGER.json", "v1")
PRODUCTS = frozenset({"p1", "p2"})
MIDNIGHT = 1_795_132_800.0  # 2026-11-20 00:00 UTC, when mails are delivered here
UNLOAD = f"rightpack-drop:dev:{KEY}_REQUEST.json"
NOTHING = Before(PRODUCTS, frozenset(), frozenset())


def run_of(source: TriggerObject, state: RunState = RunState.COMPLETED, **more: Any) -> Run:
    pipeline = source.key.split("/")[1]
    arn = f"arn:aws:sagemaker:us-east-1:1:pipeline/p/execution/{source.digest[:8]}"
    made = Run(source.run_id, pipeline, state, DATE, DATE, execution_arn=arn, package_type="carton")
    return replace(made, **more)


@dataclass
class FakeClient:
    """SageMaker and the Data API, as far as they are asked."""

    executions: list[dict[str, Any]]
    jobs: list[str] = field(default_factory=list)
    statements: list[dict[str, Any]] = field(default_factory=list)

    def list_pipelines(self) -> dict[str, Any]:
        return {"PipelineSummaries": [{"PipelineName": "p"}]}

    def get_paginator(self, _name: str) -> FakeClient:
        return self

    def paginate(self, **_query: Any) -> Iterator[dict[str, Any]]:
        yield {"PipelineExecutionSummaries": self.executions}

    def list_processing_jobs(self, **_query: Any) -> dict[str, Any]:
        return {"ProcessingJobSummaries": self.jobs}

    def list_training_jobs(self, **_query: Any) -> dict[str, Any]:
        return {"TrainingJobSummaries": []}

    def list_transform_jobs(self, **_query: Any) -> dict[str, Any]:
        return {"TransformJobSummaries": []}

    def list_statements(self, **_query: Any) -> dict[str, Any]:
        return {"Statements": self.statements}


@dataclass
class FakeWorld:
    """A world in which one training and one inference went well; tests break it."""

    folder: Path
    records: dict[str, Run | None]
    api: FakeClient
    audits: dict[str, int]
    loaded: dict[str, str]  # run id by table
    products: frozenset[str] = PRODUCTS
    doubled: str = ""
    processes: int = 0
    registered: list[str] = field(default_factory=list)

    @property
    def ledger(self) -> Any:
        return SimpleNamespace(find=self.records.get)

    @property
    def cloud(self) -> Any:
        return SimpleNamespace(mail=self.folder)

    @property
    def image(self) -> Any:
        return SimpleNamespace(running=lambda: self.processes)

    @property
    def stage(self) -> Any:
        versions = [SimpleNamespace(metadata={"run-id": run_id}) for run_id in self.registered]
        layout = SimpleNamespace(model_group=str, stage="dev", data_bucket="data")
        return SimpleNamespace(schema="s", layout=layout, registry=SimpleNamespace(versions=lambda _group: versions))

    def client(self, _service: str) -> FakeClient:
        return self.api

    def rows(self, query: str) -> list[dict[str, Any]]:
        if "current_predictions" in query:
            return [{"product_id": one} for one in self.products]
        if "load_audit" in query:
            return [{"run_id": run_id, "n": n} for run_id, n in self.audits.items()]
        table = next(name for name in self.loaded if name in query)
        if "HAVING" in query:
            return [{"product_id": "p1", "n": 2}] if table == self.doubled else []
        return [{"run_id": self.loaded[table]}]

    def mail(self, text: str, *, after: float = 0.0) -> None:
        path = self.folder / f"{len(list(self.folder.iterdir()))}.txt"
        path.write_text(text)
        os.utime(path, (MIDNIGHT + after, MIDNIGHT + after))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    monkeypatch.setattr(
        invariants, "versions", lambda _world, prefix: [(KEY + "_REQUEST.json", "v")] if prefix in KEY else []
    )
    runs = [run_of(SOURCE), run_of(OTHER)]
    found = [
        {
            "PipelineExecutionArn": run.execution_arn,
            "PipelineExecutionDisplayName": run.run_id,
            "PipelineExecutionStatus": "Succeeded",
        }
        for run in runs
    ]
    loaded = dict.fromkeys(("packaging_predictions", "packaging_recommendations"), OTHER.run_id)
    records: dict[str, Run | None] = {run.run_id: run for run in runs}
    return FakeWorld(tmp_path, records, FakeClient(found), {OTHER.run_id: 1}, loaded, registered=[SOURCE.run_id])


def judged(world: FakeWorld, *struck: Struck, stuck: str = "") -> list[str]:
    sources = {source.run_id: source for source in (SOURCE, OTHER)}
    return violations(Watch(world, DATE, sources, stuck=stuck), NOTHING, struck)  # type: ignore[arg-type]


def becomes(world: FakeWorld, source: TriggerObject, status: str = "", **changes: Any) -> None:
    """Another end of a run, and of its execution."""
    world.records[source.run_id] = run_of(source, **changes)
    if status:
        (execution,) = (e for e in world.api.executions if e["PipelineExecutionDisplayName"] == source.run_id)
        execution["PipelineExecutionStatus"] = status


def failed(world: FakeWorld, times: int = 1) -> FakeWorld:
    """The training has failed and was told so many times."""
    becomes(world, SOURCE, "Failed", state=RunState.FAILED)
    world.registered.clear()
    for number in range(times):
        world.mail(f"It failed.\n\nRun: {SOURCE.run_id}\nTrigger: t\n", after=60.0 * number)
    return world


def test_a_world_in_which_everything_went_well_has_no_violation(world: FakeWorld) -> None:
    assert judged(world) == []


def test_neither_has_one_in_which_a_run_failed_and_was_told(world: FakeWorld) -> None:
    assert judged(failed(world)) == []


BROKEN: dict[str, tuple[Callable[[FakeWorld], object], str]] = {
    "a trigger that nobody knows": (
        lambda w: (w.records.update({SOURCE.run_id: None}), w.api.executions.pop(0)),
        f"the trigger of {SOURCE.run_id} is not in the ledger",
    ),
    "a run that never ends": (lambda w: becomes(w, SOURCE, state=RunState.IN_PROGRESS), "is still InProgress"),
    "a run that was launched twice": (
        lambda w: w.api.executions.append({**w.api.executions[0], "PipelineExecutionArn": "arn:second"}),
        "arn:second .* belongs to no run",
    ),
    "another outcome than the execution's": (
        lambda w: w.api.executions[1].update(PipelineExecutionStatus="Failed"),
        f"{OTHER.run_id} is Completed, but its execution is Failed",
    ),
    "rows that no audit knows": (
        lambda w: w.loaded.update(packaging_predictions="ghost"),
        "packaging_predictions holds rows of ghost",
    ),
    "a row that is there twice": (
        lambda w: setattr(w, "doubled", "packaging_recommendations"),
        "packaging_recommendations holds a row twice",
    ),
    "a run that was audited twice": (lambda w: w.audits.update({OTHER.run_id: 2}), "has 2 audit rows"),
    "a completed run that loaded nothing": (
        lambda w: (w.audits.clear(), w.audits.update(old=1), w.loaded.update(dict.fromkeys(w.loaded, "old"))),
        "is Completed, but nothing was loaded",
    ),
    "a product without its prediction": (
        lambda w: setattr(w, "products", frozenset({"p2"})),
        "1 products lost their prediction, p1 is one",
    ),
    "a completed training without a model": (lambda w: w.registered.clear(), "is Completed, and 0 models"),
    "two models of one training": (lambda w: w.registered.append(SOURCE.run_id), "is Completed, and 2 models"),
    "a model of a failed training": (
        lambda w: (failed(w), w.registered.append(SOURCE.run_id)),
        "is Failed, and 1 models",
    ),
    "an execution that still runs": (
        lambda w: w.api.executions.append({"PipelineExecutionArn": "arn:x", "PipelineExecutionStatus": "Executing"}),
        "arn:x still runs",
    ),
    "a job that still runs": (lambda w: w.api.jobs.append("job-7"), "job-7 still runs"),
    "a process that is left": (lambda w: setattr(w, "processes", 1), "1 processes of jobs are left"),
    "a failure that nobody heard of": (lambda w: failed(w, 0), "is Failed .*, and was told 0 times"),
    "a failure that was told twice": (lambda w: failed(w, 2), "is Failed .*, and was told 2 times"),
    "a success that was told as a failure": (
        lambda w: w.mail(f"Run: {OTHER.run_id}\n"),
        "is Completed .*, and was told 1 times",
    ),
    "a refused trigger that was told twice": (
        lambda w: (
            becomes(w, SOURCE, state=RunState.REFUSED, execution_arn=""),
            w.api.executions.pop(0),
            w.registered.clear(),
            [w.mail(f"A copy lies under quarantine/{SOURCE.run_id}/ in the bucket") for _ in range(2)],
        ),
        "is Refused .*, and was told 2 times",
    ),
    "an unload that broke off in silence": (
        lambda w: w.api.statements.append({"StatementName": UNLOAD, "Status": "FAILED"}),
        "the unload .* failed, and was told 0 times",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_must_hold_is_missed_where_it_does_not(world: FakeWorld, name: str) -> None:
    breaks, words = BROKEN[name]
    breaks(world)
    found = judged(world)
    assert any(re.search(words, problem) for problem in found), found


def test_a_cycle_that_got_stuck_is_a_violation(world: FakeWorld) -> None:
    assert judged(world, stuck="the end of drops/ did not come") == ["stuck: the end of drops/ did not come"]


def test_an_earlier_launch_on_other_machines_belongs_to_its_run(world: FakeWorld) -> None:
    becomes(world, SOURCE, relaunches=1)
    earlier = {**world.api.executions[0], "PipelineExecutionArn": "arn:first", "PipelineExecutionStatus": "Failed"}
    world.api.executions.append(earlier)
    assert judged(world) == []


# --- told twice -----------------------------------------------------------------------------------------------------

TOLD = f"Action=Publish&Subject=rightpack&Message=It+failed.%0A%0ARun%3A+{SOURCE.run_id}%0ATrigger%3A+t"
SENT = (
    f'{{"Key": {{"run_id": {{"S": "{SOURCE.run_id}"}}}}, "ExpressionAttributeValues": {{":notice": {{"S": "sent"}}}}}}'
)
OTHERS = TOLD.replace(SOURCE.run_id, OTHER.run_id)


def blow(kind: Kind, call: str, about: str, *, seconds: int = 30) -> Struck:
    return Struck(
        f"2026-11-20T00:00:{seconds:02}.000+00:00", "fault-1", kind, f"{call} rightpack-dev-track-runs", about
    )


@pytest.mark.parametrize(
    "struck",
    [
        blow(Kind.LOST_ANSWER, "sns:Publish", TOLD),
        blow(Kind.KILL_AFTER, "sns:Publish", TOLD),
        blow(Kind.GATEWAY_RESTART, "sns:Publish", TOLD),
        blow(Kind.KILL_BEFORE, "dynamodb:UpdateItem", SENT),
        blow(Kind.GATEWAY_RESTART, "s3:GetObject", "data/k", seconds=1),  # while the first mail was delivered
    ],
    ids=lambda item: f"{item.kind} {item.where.split()[0]}",
)
def test_a_blow_to_the_telling_itself_allows_one_mail_more_and_no_other(world: FakeWorld, struck: Struck) -> None:
    assert judged(failed(world, 2), struck) == []
    world.mail(f"Run: {SOURCE.run_id}\n", after=300.0)
    assert len(judged(world, struck)) == 1


@pytest.mark.parametrize(
    "struck",
    [
        blow(Kind.KILL_BEFORE, "sns:Publish", TOLD),  # nothing was published yet
        blow(Kind.THROTTLING, "sns:Publish", TOLD),
        blow(Kind.LOST_ANSWER, "sns:Publish", OTHERS),
        blow(Kind.KILL_AFTER, "s3:GetObject", SOURCE.run_id),
        blow(Kind.KILL_BEFORE, "dynamodb:UpdateItem", SENT.replace("sent", "sending")),
        blow(Kind.KILL_BEFORE, "dynamodb:UpdateItem", SENT.replace(SOURCE.run_id, OTHER.run_id)),
        blow(Kind.KILL_FUNCTION, "lambda:Invoke", "rightpack-dev-track-runs"),
        blow(Kind.GATEWAY_RESTART, "s3:GetObject", "data/k"),  # between the mails
    ],
    ids=lambda item: f"{item.kind} {item.where.split()[0]}",
)
def test_no_other_blow_does(world: FakeWorld, struck: Struck) -> None:
    assert len(judged(failed(world, 2), struck)) == 1


def test_an_unload_that_broke_off_is_told_once_unless_its_own_notice_was_struck(world: FakeWorld) -> None:
    world.api.statements.append({"StatementName": UNLOAD, "Status": "FAILED"})
    for _ in range(2):
        world.mail(f"The unload {UNLOAD} failed; no trigger was written.")
    assert len(judged(world)) == 1
    assert judged(world, blow(Kind.LOST_ANSWER, "sns:Publish", f"Message=The+unload+{UNLOAD}+failed")) == []
