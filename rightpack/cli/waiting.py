"""From drops to finished runs: ask for UNLOADs, then watch trigger files and the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rightpack.cli.stage import Stage
from rightpack.drops import manifest_rows
from rightpack.errors import DataError, InternalError
from rightpack.layout import MANIFEST_NAME, TRIGGER_NAME
from rightpack.ledger import Run
from rightpack.trigger import TriggerObject

POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class StartedDrop:
    """A drop whose UNLOAD runs: its key prefix and statement id."""

    prefix: str
    statement: str


def request_drops(stage: Stage, event: Mapping[str, Any]) -> list[StartedDrop]:
    """Ask the unload function for drops, as the schedule does; InternalError with its words if it fails."""
    payload = json.dumps({**event, "settings": dict(stage.overrides)} if stage.overrides else dict(event))
    answer = stage.client("lambda").invoke(FunctionName=stage.layout.function("unload"), Payload=payload.encode())
    body = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise InternalError(f"The unload function failed: {body.get('errorType')}: {body.get('errorMessage')}")
    return [StartedDrop(**drop) for drop in body["drops"]]


def await_runs(
    stage: Stage, drops: Sequence[StartedDrop], *, timeout: float, seen: Callable[[list[Run]], None] = lambda _: None
) -> list[Run]:
    """Wait until every drop's run has ended; drops without rows start no run.

    Raises:
        DataError: an UNLOAD failed, or runs were still open after `timeout` seconds; both are named.
    """
    deadline = time.monotonic() + timeout
    waiting, runs = list(drops), dict[str, Run]()
    while waiting or any(run.open for run in runs.values()):
        for drop in list(waiting):
            source = _trigger(stage, drop)
            if source is not None:
                runs[source.run_id] = stage.ledger.find(source.run_id) or _unknown(source)
                waiting.remove(drop)
            elif _is_empty(stage, drop):
                waiting.remove(drop)
        runs = {name: (stage.ledger.find(name) or run) if run.open else run for name, run in runs.items()}
        seen(list(runs.values()))
        if time.monotonic() > deadline:
            late = [d.prefix for d in waiting] + [run.run_id for run in runs.values() if run.open]
            raise DataError(f"Still open after {timeout:.0f} s: {', '.join(late)}")
        time.sleep(POLL_SECONDS)
    return list(runs.values())


def _trigger(stage: Stage, drop: StartedDrop) -> TriggerObject | None:
    bucket, key = stage.layout.data_bucket, drop.prefix + TRIGGER_NAME
    s3 = stage.client("s3")
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
            raise
        return None
    return TriggerObject(bucket, key, head.get("VersionId") or head["ETag"])


def _is_empty(stage: Stage, drop: StartedDrop) -> bool:
    """Whether the UNLOAD ended without a row, so that no trigger will come."""
    found = stage.client("redshift-data").describe_statement(Id=drop.statement)
    if found["Status"] in {"FAILED", "ABORTED"}:
        raise DataError(f"The unload of {drop.prefix} failed: {found.get('Error')}")
    if found["Status"] != "FINISHED":
        return False
    manifest = f"s3://{stage.layout.data_bucket}/{drop.prefix}data/{MANIFEST_NAME}"
    return not manifest_rows(stage.client("s3"), manifest)


def _unknown(source: TriggerObject) -> Run:
    """A run that the ledger has not heard of yet."""
    from rightpack.ledger import RunState

    return Run(source.run_id, "", RunState.NEW, "", "", f"s3://{source.bucket}/{source.key}", source.version)
