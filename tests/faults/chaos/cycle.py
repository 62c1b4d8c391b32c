"""One seed: the full cycle under faults, waited for by conditions, until nothing moves any more."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from local_cloud import backends
from local_cloud.faults.fault import Fault
from rightpack.drops import REQUEST_NAME, manifest_rows, statement_prefix
from rightpack.layout import MANIFEST_NAME, TRIGGER_NAME
from rightpack.ledger import NOTICE, Run
from rightpack.trigger import TriggerObject
from tests.faults.chaos.plan import Plan
from tests.faults.chaos.world import World, until

LONGEST = 300.0
BETWEEN_RECONCILIATIONS = 1.0
UNLOADS = "unload-"  # schedules of drops are fired by the plan, all others by time


@dataclass(slots=True)
class Watch:
    """What happened in one seed: its triggers, and what did not come to an end."""

    world: World
    date: str
    triggers: dict[str, TriggerObject] = field(default_factory=dict)
    redriven: int = 0  #: messages that a person put back from the dead letters
    stuck: str = ""

    def runs(self) -> dict[str, Run | None]:
        """The ledger's record of every trigger."""
        return {run_id: self.world.ledger.find(run_id) for run_id in self.triggers}


def play(watch: Watch, plan: Plan) -> None:
    """Run the cycle of a plan; the faults are cleared at the end, whatever comes."""
    training = {"pipeline": "training", "mode": "weekly", "package_types": list(plan.types)}
    inference = {"pipeline": "inference", "mode": "monthly"}
    try:
        _phase(watch, training, plan.training_faults, race=plan.race_training)
        _phase(watch, inference, plan.inference_faults, race=plan.race_inference)
    except TimeoutError as error:
        watch.stuck = str(error)
    finally:
        watch.world.cloud.faults.clear()


def _phase(watch: Watch, event: dict[str, Any], faults: tuple[Fault, ...], *, race: bool) -> None:
    """Ask for drops as the schedule does, and see everything that follows to its end."""
    world = watch.world
    for fault in faults:
        world.cloud.faults.inject(fault)
    order = {**event, "business_date": watch.date, "settings": dict(world.stage.overrides)}
    name = world.stage.layout.function("unload")
    world.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(order).encode())
    _Settling(watch, event["pipeline"], len(event.get("package_types", [1])), race).wait()


class _Settling:
    """Waits until every drop has become a run, or a notice, and every run has ended."""

    def __init__(self, watch: Watch, pipeline: str, drops: int, race: bool) -> None:
        self._watch, self._world = watch, watch.world
        self._prefix = f"drops/{pipeline}/{watch.date}/"
        self._drops, self._race = drops, race
        self._next_reconciliation = time.monotonic() + BETWEEN_RECONCILIATIONS

    def wait(self) -> None:
        until(self._settled, f"the end of {self._prefix}", LONGEST)

    def _settled(self) -> bool:
        self._reconcile()
        if self._world.busy() and not self._race:
            return False
        triggers = self._triggers()
        if not self._every_drop_told(triggers):
            return False
        if self._race and triggers:
            self._race = False
            self._put_again(next(iter(triggers.values())))
            return False
        self._watch.triggers.update(triggers)
        runs = [self._world.ledger.find(run_id) for run_id in triggers]
        return all(run is not None and not run.open for run in runs) and self._quiet()

    def _reconcile(self) -> None:
        """Let time pass: every schedule but those that make drops."""
        if self._world.cloud.functions_busy:  # one at a time: a clock that outruns them would never let them end
            self._next_reconciliation = time.monotonic() + BETWEEN_RECONCILIATIONS
        if time.monotonic() < self._next_reconciliation:
            return
        self._world.let_time_pass()
        self._watch.redriven += redrive(self._world)
        for name in schedules():
            if UNLOADS not in name:
                self._world.cloud.fire_schedule(name)
        self._next_reconciliation = time.monotonic() + BETWEEN_RECONCILIATIONS

    def _triggers(self) -> dict[str, TriggerObject]:
        found = {}
        for key, version in versions(self._world, self._prefix):
            if key.endswith(TRIGGER_NAME):
                source = TriggerObject(self._world.stage.layout.data_bucket, key, version)
                found[source.run_id] = source
        return found

    def _every_drop_told(self, triggers: dict[str, TriggerObject]) -> bool:
        keys = {key for key, _ in versions(self._world, self._prefix)}
        requests = {key.removesuffix(REQUEST_NAME) for key in keys if key.endswith(REQUEST_NAME)}
        answered = {source.key.removesuffix(TRIGGER_NAME) for source in triggers.values()}
        return len(requests) >= self._drops and all(drop in answered or self._failed(drop) for drop in requests)

    def _failed(self, drop: str) -> bool:
        """Whether the UNLOAD of a drop ended without anything to start: badly, or without rows."""
        states = {found["Status"] for found in unloads(self._world, drop)}
        if "FINISHED" in states:
            uri = f"s3://{self._world.stage.layout.data_bucket}/{drop}data/{MANIFEST_NAME}"
            return not manifest_rows(self._world.client("s3"), uri)
        return bool(states) and states <= {"FAILED", "ABORTED"}

    def _put_again(self, source: TriggerObject) -> None:
        """The same trigger once more, while its first run is on its way."""
        s3 = self._world.client("s3")
        body = s3.get_object(Bucket=source.bucket, Key=source.key, VersionId=source.version)["Body"].read()
        s3.put_object(Bucket=source.bucket, Key=source.key, Body=body)

    def _quiet(self) -> bool:
        """Nothing runs, nothing is queued, nothing is to be told."""
        world = self._world
        telling = world.ledger.queued(NOTICE) or world.cloud.functions_busy
        return not (telling or waiting_messages(world) or open_executions(world))


def versions(world: World, prefix: str) -> list[tuple[str, str]]:
    """Key and version id of the objects below a prefix of the data bucket; asked for all the time, so not over HTTP."""
    keys = backends.s3().buckets[world.stage.layout.data_bucket].keys
    names = [name for name in list(keys) if name.startswith(prefix)]
    return [(name, key.version_id) for name in names for key in keys.getlist(name, [])]


def unloads(world: World, drop: str) -> list[dict[str, Any]]:
    """Statements of a drop."""
    name = f"{statement_prefix(world.stage.layout.stage)}{drop}"
    return list(world.client("redshift-data").list_statements(StatementName=name, Status="ALL")["Statements"])


def schedules() -> list[str]:
    """Names of all enabled schedules."""
    rules = backends.events().event_buses["default"].rules.values()
    groups = backends.scheduler().schedule_groups.values()
    names = [rule.name for rule in rules if rule.scheduled_expression and rule.state == "ENABLED"]
    return names + [name for group in groups for name, found in group.schedules.items() if found.state == "ENABLED"]


def open_executions(world: World) -> list[str]:
    """ARNs of executions that have not ended."""
    return [e["PipelineExecutionArn"] for e in executions(world) if e["PipelineExecutionStatus"] in _RUNNING]


_RUNNING = {"Executing", "Stopping"}


def executions(world: World) -> list[dict[str, Any]]:
    """Summaries of all executions."""
    sagemaker = world.client("sagemaker")
    names = [pipeline["PipelineName"] for pipeline in sagemaker.list_pipelines()["PipelineSummaries"]]
    pages = sagemaker.get_paginator("list_pipeline_executions")
    return [
        s for name in names for page in pages.paginate(PipelineName=name) for s in page["PipelineExecutionSummaries"]
    ]


def redrive(world: World) -> int:
    """What a person does about the alarm of the dead letters: put them back into the queue."""
    dead = backends.sqs().queues[world.stage.layout.dead_letter_queue]
    if not dead.messages:
        return 0
    sqs = world.client("sqs")
    here, back = (
        sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in (dead.name, world.stage.layout.trigger_queue)
    )
    found = sqs.receive_message(QueueUrl=here, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.send_message(QueueUrl=back, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=here, ReceiptHandle=message["ReceiptHandle"])
    return len(found)


def waiting_messages(world: World) -> int:
    """Messages that are in the trigger queue or on their way out of it."""
    queue = backends.sqs().queues[world.stage.layout.trigger_queue]
    return len(queue.messages) + queue.approximate_number_of_messages_not_visible
