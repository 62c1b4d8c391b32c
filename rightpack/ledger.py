"""The ledger: one record per run in DynamoDB, changed by conditional writes only.

    New ──► Launched ──► InProgress ──► Completed | Failed | Stopped
     └────► Refused (the trigger or its data cannot be used)

A run is claimed before its execution starts. Whoever finds a record that is still New may start it again, because
StartPipelineExecution gets the same token each time. A terminal state is entered once; only a retry leaves it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from rightpack.errors import InternalError

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


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger knows it; times are ISO 8601 in UTC, absent texts are empty.

    What a person changes in the registry is a run of the pipeline `registry` that is Completed from the start: `model`
    is the version's ARN, `who` the person's.
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
    fault: str = ""
    model: str = ""
    who: str = ""

    @property
    def open(self) -> bool:
        """Whether the run may still change by itself."""
        return self.state not in TERMINAL


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
        found = list(self._query("by-execution", "execution_arn", execution_arn))
        return found[0] if found else None

    def recent(self, pipeline: str, limit: int = 100) -> list[Run]:
        """Newest runs of a pipeline first."""
        return list(self._query("by-pipeline", "pipeline", pipeline, limit))

    def launched(self, run_id: str, execution_arn: str, *, now: dt.datetime) -> bool:
        """New → Launched; False if the run had left New."""
        changes = {"state": RunState.LAUNCHED, "execution_arn": execution_arn}
        return self._change(run_id, changes, (RunState.NEW,), now)

    def in_progress(self, run_id: str, *, now: dt.datetime) -> bool:
        """Launched → InProgress; a late event finds another state and changes nothing."""
        return self._change(run_id, {"state": RunState.IN_PROGRESS}, (RunState.LAUNCHED,), now)

    def resumed(self, run_id: str, *, now: dt.datetime) -> bool:
        """Failed or Stopped → InProgress, after the execution was retried on purpose."""
        changes = {"state": RunState.IN_PROGRESS, "reason": "", "fault": ""}
        return self._change(run_id, changes, (RunState.FAILED, RunState.STOPPED), now)

    def finish(self, run_id: str, state: RunState, *, reason: str = "", fault: str = "", now: dt.datetime) -> bool:
        """Enter a terminal state; True only for the one caller who did it, who then sends the notice."""
        return self._change(run_id, {"state": state, "reason": reason[:1024], "fault": fault}, OPEN, now)

    def _change(self, run_id: str, changes: dict[str, str], expected: tuple[RunState, ...], now: dt.datetime) -> bool:
        changes = {**changes, "updated_at": stamp(now)}
        names = {f"#{key}": key for key in (*changes, "state")}
        values = {f":{key}": {"S": str(value)} for key, value in changes.items()}
        states = {f":e{index}": {"S": state.value} for index, state in enumerate(expected)}
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"run_id": {"S": run_id}},
                UpdateExpression="SET " + ", ".join(f"#{key} = :{key}" for key in changes),
                ConditionExpression=f"#state IN ({', '.join(states)})",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={**values, **states},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _query(self, index: str, key: str, value: str, limit: int = 0) -> Iterator[Run]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=index,
            KeyConditionExpression="#k = :v",
            ExpressionAttributeNames={"#k": key},
            ExpressionAttributeValues={":v": {"S": value}},
            ScanIndexForward=False,
            PaginationConfig={"MaxItems": limit} if limit else {},
        )
        for page in pages:
            yield from (_run(item) for item in page["Items"])


def stamp(moment: dt.datetime) -> str:
    """ISO 8601 in UTC to the millisecond; such stamps sort as texts."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")


def _item(run: Run) -> dict[str, Any]:
    # An empty text cannot be a key of an index, so absent texts stay absent.
    return {key: {"S": str(value)} for key, value in asdict(run).items() if value}


def _run(item: dict[str, Any]) -> Run:
    known = {f.name for f in fields(Run)}
    values = {key: value["S"] for key, value in item.items() if key in known}
    return Run(**{**values, "state": RunState(values["state"])})
