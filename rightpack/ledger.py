"""The ledger: one record per run in DynamoDB, changed by conditional writes only.

    New ──► Launched ──► InProgress ──► Completed | Failed | Stopped
     │ ▲        └────┬───────┘                       └──────┴──► New | InProgress (retried on purpose)
     │ └─────────────┘ launched anew on another instance type
     └────► Failed | Stopped | Refused (the trigger or its data cannot be used)

A run is claimed before its execution starts, with everything that starting it takes. Whoever finds a record that is
still New may start it again, because StartPipelineExecution gets the same token and the same parameters each time.
A terminal state is entered once; only a retry on purpose leaves it.

What is to be done for a record is its `queue`, the key of a sparse index: `new/<batch>` waits for a free slot,
`in-flight` has an execution, `retry` waits for `next_try_at`, `notice` has ended and people are not told yet,
`batches` is a batch that has not ended. A record without one needs nothing more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from rightpack.errors import InternalError
from rightpack.ledger_requests import Question, Write, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class RunState(StrEnum):
    """Where a run stands."""

    NEW = "New"
    LAUNCHED = "Launched"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"
    REFUSED = "Refused"


TERMINAL: Final = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.STOPPED, RunState.REFUSED})
OPEN: Final = tuple(s for s in RunState if s not in TERMINAL)
RUNNING: Final = (RunState.LAUNCHED, RunState.IN_PROGRESS)
LEGAL: Final[Mapping[RunState, frozenset[RunState]]] = {
    RunState.NEW: frozenset({RunState.NEW, RunState.LAUNCHED, RunState.FAILED, RunState.STOPPED, RunState.REFUSED}),
    RunState.LAUNCHED: frozenset({RunState.NEW, *RUNNING, RunState.COMPLETED, RunState.FAILED, RunState.STOPPED}),
    RunState.IN_PROGRESS: frozenset(
        {RunState.NEW, RunState.IN_PROGRESS, RunState.COMPLETED, RunState.FAILED, RunState.STOPPED}
    ),
    RunState.FAILED: frozenset({RunState.NEW, RunState.IN_PROGRESS}),
    RunState.STOPPED: frozenset({RunState.NEW, RunState.IN_PROGRESS}),
    RunState.COMPLETED: frozenset(),
    RunState.REFUSED: frozenset(),
}
SCHEDULED: Final = "scheduled"
IN_FLIGHT: Final = "in-flight"
RETRY: Final = "retry"
NOTICE: Final = "notice"
BATCHES: Final = "batches"
MOST_REASON: Final = 1024


class Telling(StrEnum):
    """How far the notice of an outcome has come."""

    DUE = "due"
    SENDING = "sending"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger knows it; times are ISO 8601 in UTC, absent texts are empty.

    What a person changes in the registry is a run of the pipeline `registry` that is Completed from the start: `model`
    is the version's ARN, `who` the person's. A batch of runs is a record of the pipeline `batch`.

    `tries` are refused starts, `retries` of its execution, `relaunches` on another instance type. `parameters` and
    `policy` are JSON texts: the pipeline parameters, and `rightpack.settings.Launching`. `jobs` is a JSON list of what
    its steps ran and how long. `quarantine` lists the rows of its drop that could not be used, or says why none could.
    `troubles` are the causes of everything that was tried again, in order.
    `failed_at` is when the end of its execution that was dealt with last came about, by the service's clock.
    `shape` tells its pipeline from the published one of that kind.
    """

    run_id: str
    pipeline: str
    state: RunState
    created_at: str
    updated_at: str
    trigger_uri: str = ""
    trigger_version: str = ""
    mode: str = ""
    business_date: str = ""
    package_type: str = ""
    execution_arn: str = ""
    reason: str = ""
    cause: str = ""
    model: str = ""
    who: str = ""
    token: str = ""
    parameters: str = ""
    policy: str = ""
    batch: str = ""
    variant: str = ""
    queue: str = ""
    tries: int = 0
    retries: int = 0
    relaunches: int = 0
    troubles: str = ""
    trouble_at: str = ""
    next_try_at: str = ""
    launched_at: str = ""
    ended_at: str = ""
    failed_at: str = ""
    step: str = ""
    notice: str = ""
    notice_at: str = ""
    instance_seconds: float = 0.0
    jobs: str = ""
    report: str = ""
    quarantine: str = ""
    rows_quarantined: int = 0
    shape: str = ""

    @property
    def open(self) -> bool:
        """Whether the run may still change by itself."""
        return self.state not in TERMINAL

    @property
    def attempts(self) -> int:
        """How often its work was begun."""
        return self.relaunches + self.retries + bool(self.launched_at)

    @property
    def display_name(self) -> str:
        """Name of its present execution: the run id, and the number of the launch where it is not the first."""
        return f"{self.run_id}-try-{self.relaunches}" if self.relaunches else self.run_id

    @property
    def waiting(self) -> str:
        """The queue in which it waits for its first start."""
        return f"new/{self.batch or SCHEDULED}"


class Ledger:
    """The run table. Every write names the state it expects, so duplicates and late messages change nothing."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def claim(self, run: Run) -> Run:
        """Record a new run, or return the record that is there already."""
        try:
            self._client.put_item(
                TableName=self._table, Item=_item(run), ConditionExpression="attribute_not_exists(run_id)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return self.get(run.run_id)
        return run

    def overwrite(self, run: Run) -> None:
        """Record it whatever is there: only for records that are no runs and that nothing else changes."""
        self._client.put_item(TableName=self._table, Item=_item(run))

    def get(self, run_id: str) -> Run:
        """The record of a run; InternalError if there is none."""
        found = self.find(run_id)
        if found is None:
            raise InternalError(f"Run {run_id} is not in the ledger {self._table}.")
        return found

    def find(self, run_id: str) -> Run | None:
        """The record of a run, or None."""
        answer = self._client.get_item(TableName=self._table, Key={"run_id": {"S": run_id}}, ConsistentRead=True)
        return _run(answer["Item"]) if "Item" in answer else None

    def by_execution(self, execution_arn: str) -> Run | None:
        """The run of a pipeline execution, or None while the index does not know it."""
        found = list(self._runs(Question("by-execution", "execution_arn", execution_arn)))
        return found[0] if found else None

    def recent(self, pipeline: str, limit: int = 100) -> list[Run]:
        """Newest runs of a pipeline first."""
        return list(self._runs(Question("by-pipeline", "pipeline", pipeline, limit=limit)))

    def history(self, pipeline: str, *, since: str = "", scheduled: bool = False) -> Iterator[Run]:
        """All runs of a pipeline, newest first, read as far as they are looked at; `scheduled` leaves out batches'."""
        without = "batch" if scheduled else ""
        return self._runs(Question("by-pipeline", "pipeline", pipeline, since=since, without=without))

    def queued(self, queue: str, limit: int = 0) -> list[Run]:
        """What is to be done for whom, oldest first; the index may lag, so a write may find that it is done."""
        return list(self._runs(Question("by-queue", "queue", queue, limit=limit, oldest_first=True)))

    def in_flight(self, limit: int = 0) -> list[str]:
        """Of each run that has an execution its batch, empty for a scheduled one; the oldest run first."""
        question = Question("by-queue", "queue", IN_FLIGHT, limit=limit, oldest_first=True, only="batch")
        return [item["batch"]["S"] if item else "" for item in self._items(question)]

    def of_batch(self, batch: str) -> list[Run]:
        """All runs of a batch, oldest first."""
        return list(self._runs(Question("by-batch", "batch", batch, oldest_first=True)))

    def states_of_batch(self, batch: str) -> list[RunState]:
        """States of all runs of a batch."""
        question = Question("by-batch", "batch", batch, only="state")
        return [RunState(item["state"]["S"]) for item in self._items(question)]

    def launched(self, run_id: str, execution_arn: str, *, now: dt.datetime) -> bool:
        """New → Launched; False if the run had left New."""
        changes = {"execution_arn": execution_arn, "launched_at": stamp(now), "queue": IN_FLIGHT, "next_try_at": ""}
        return self._enter(run_id, RunState.LAUNCHED, changes, now=now)

    def in_progress(self, run_id: str, *, now: dt.datetime) -> bool:
        """Launched → InProgress; a late event finds another state and changes nothing."""
        return self._enter(run_id, RunState.IN_PROGRESS, {}, now=now, states=(RunState.LAUNCHED,))

    def resumed(self, run_id: str, *, now: dt.datetime) -> bool:
        """Failed or Stopped → InProgress, after the execution was retried on purpose."""
        changes = {"queue": IN_FLIGHT, **_FORGET, **_UNTOLD}
        states = (RunState.FAILED, RunState.STOPPED)
        return self._enter(run_id, RunState.IN_PROGRESS, changes, now=now, states=states)

    def failed(self, seen: Run, *, reason: str, cause: str, now: dt.datetime, **facts: object) -> bool:
        """A run as it was `seen` has failed; nothing changes if it has gone on meanwhile."""
        where = {"retries": seen.retries, "relaunches": seen.relaunches, "queue": seen.queue}
        return self._finish(seen.run_id, RunState.FAILED, {"reason": reason, "cause": cause, **facts}, where, now)

    def finish(
        self, run_id: str, state: RunState, *, reason: str = "", cause: str = "", now: dt.datetime, **facts: object
    ) -> bool:
        """Enter a terminal state; True only for the one caller who did it. People are then to be told."""
        return self._finish(run_id, state, {"reason": reason, "cause": cause, **facts}, {}, now)

    def postponed(self, run: Run, *, reason: str, cause: str, until: dt.datetime, now: dt.datetime) -> bool:
        """A start was refused for a reason that may pass; False if somebody else has dealt with it."""
        return self._plan(run, {"tries": run.tries + 1}, reason, cause, until, now)

    def to_retry(self, run: Run, *, reason: str, cause: str, until: dt.datetime, now: dt.datetime) -> bool:
        """An execution failed at `run.failed_at` for a reason that may pass: it is to be retried; `retried` follows."""
        return self._plan(run, {"retries": run.retries + 1}, reason, cause, until, now)

    def retried(self, run: Run, *, now: dt.datetime) -> bool:
        """The retry that was planned has been asked for."""
        changes = {"queue": IN_FLIGHT, "next_try_at": ""}
        where = {"retries": run.retries, "queue": RETRY}
        return self._enter(run.run_id, RunState.IN_PROGRESS, changes, now=now, states=RUNNING, where=where)

    def relaunch(self, run: Run, *, reason: str, cause: str, now: dt.datetime, anew: bool = False) -> bool:
        """Back to New, for an execution of its own: on the next instance type, or on purpose (`anew`)."""
        changes: dict[str, object] = {
            "relaunches": run.relaunches + 1, "execution_arn": "", "retries": 0, "queue": run.waiting,
            "next_try_at": "", "reason": reason[:MOST_REASON], "cause": cause, "troubles": _with(run.troubles, cause),
        }  # fmt: skip
        if anew:
            changes |= {**_FORGET, **_UNTOLD}
        states = (RunState.FAILED, RunState.STOPPED) if anew else RUNNING
        where = {"relaunches": run.relaunches}
        return self._enter(run.run_id, RunState.NEW, changes, now=now, states=states, where=where)

    def reopened(self, run: Run, *, now: dt.datetime) -> bool:
        """Failed or Stopped → InProgress on purpose: its execution is to be retried now; `retried` follows."""
        changes = {**_FORGET, **_UNTOLD, "queue": RETRY, "retries": run.retries + 1, "next_try_at": stamp(now)}
        states, where = (RunState.FAILED, RunState.STOPPED), {"retries": run.retries}
        return self._enter(run.run_id, RunState.IN_PROGRESS, changes, now=now, states=states, where=where)

    def asked_to_stop(self, run: Run, *, who: str, why: str, now: dt.datetime) -> bool:
        """Keep who stops a running run, and why, until its execution has stopped."""
        return self._enter(run.run_id, run.state, {"who": who, "reason": why}, now=now, states=(run.state,))

    def mark(self, run: Run, telling: Telling, expected: Iterable[Telling], *, now: dt.datetime) -> bool:
        """Move the notice of an outcome on; True for the one caller who did. Once it is sent nothing is left to do."""
        changes = {"notice": telling.value, "notice_at": stamp(now), "queue": "" if telling is Telling.SENT else NOTICE}
        for one in expected:
            where = {"notice": one.value, "notice_at": run.notice_at} if one is Telling.SENDING else {"notice": one}
            if self._enter(run.run_id, run.state, changes, now=None, states=(run.state,), where=where):
                return True
        return False

    def _finish(
        self,
        run_id: str,
        state: RunState,
        facts: Mapping[str, object],
        where: Mapping[str, object],
        now: dt.datetime,
    ) -> bool:
        changes = {
            "ended_at": stamp(now), "next_try_at": "", "queue": NOTICE, "notice": Telling.DUE.value,
            **facts, "reason": str(facts["reason"])[:MOST_REASON],
        }  # fmt: skip
        states = tuple(s for s in OPEN if state in LEGAL[s])
        return self._enter(run_id, state, changes, now=now, states=states, where=where)

    def _plan(
        self, run: Run, counted: Mapping[str, int], reason: str, cause: str, until: dt.datetime, now: dt.datetime
    ) -> bool:
        """Count and wait; the count before is the condition, so racing observers count a failure once."""
        changes = {
            **counted, "queue": RETRY, "reason": reason[:MOST_REASON], "cause": cause,
            "next_try_at": stamp(until), "trouble_at": run.trouble_at or stamp(now), "failed_at": run.failed_at,
            "troubles": _with(run.troubles, cause),
        }  # fmt: skip
        where = {**{key: value - 1 for key, value in counted.items()}, "queue": run.queue}
        state = RunState.NEW if run.state is RunState.NEW else RunState.IN_PROGRESS
        states = (RunState.NEW,) if state is RunState.NEW else RUNNING
        return self._enter(run.run_id, state, changes, now=now, states=states, where=where)

    def _enter(
        self,
        run_id: str,
        state: RunState,
        changes: Mapping[str, object],
        *,
        now: dt.datetime | None,
        states: tuple[RunState, ...] = (),
        where: Mapping[str, object] | None = None,
    ) -> bool:
        """Change a record that is in one of `states` (those that may legally become `state`) and like `where`."""
        moment = {"updated_at": stamp(now)} if now else {}
        expected = states or tuple(s for s in RunState if state in LEGAL[s])
        write = Write({**changes, **moment, "state": state}, expected, where or {})
        try:
            self._client.update_item(TableName=self._table, Key={"run_id": {"S": run_id}}, **write.request())
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _runs(self, question: Question) -> Iterator[Run]:
        return map(_run, self._items(question))

    def _items(self, question: Question) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator("query").paginate(TableName=self._table, **question.request()):
            yield from page["Items"]


_FORGET: Final[Mapping[str, object]] = {
    "reason": "", "cause": "", "step": "", "trouble_at": "", "next_try_at": "", "ended_at": "",
}  # fmt: skip
_UNTOLD: Final[Mapping[str, object]] = {"notice": "", "notice_at": ""}


def _with(troubles: str, cause: str) -> str:
    return ",".join(part for part in (troubles, cause) if part)


def stamp(moment: dt.datetime) -> str:
    """ISO 8601 in UTC to the millisecond; such stamps sort as texts."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")


def _item(run: Run) -> dict[str, Any]:
    # An empty text cannot be a key of an index, so absent texts stay absent.
    return {key: text(value) for key, value in asdict(run).items() if value}


_NUMBERS: Final = {"tries": int, "retries": int, "relaunches": int, "instance_seconds": float, "rows_quarantined": int}


def _run(item: dict[str, Any]) -> Run:
    known = {f.name for f in fields(Run)}
    values: dict[str, Any] = {key: value["S"] for key, value in item.items() if key in known}
    values |= {key: read(values[key]) for key, read in _NUMBERS.items() if key in values}
    if "fault" in item and "cause" not in values:  # what a record was called before there were classes of cause
        values["cause"] = item["fault"]["S"]
    return Run(**{**values, "state": RunState(values["state"])})
