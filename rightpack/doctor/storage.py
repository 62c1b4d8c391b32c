"""Buckets, ledger, queues, functions and schedules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rightpack.doctor.finding import Finding, Patient, broken, code_of, fine, warned

ABSENT: Final = frozenset({"404", "NoSuchBucket", "NotFound", "ResourceNotFoundException"})
NO_QUEUE: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


def buckets(patient: Patient) -> Iterator[Finding]:
    """Whether both are there, encrypted, and the data bucket tells of new drops."""
    for name in (patient.layout.data_bucket, patient.layout.artefact_bucket):
        yield _bucket(patient, name)


def _bucket(patient: Patient, name: str) -> Finding:
    s3 = patient.client("s3")
    try:
        s3.head_bucket(Bucket=name)
        told = s3.get_bucket_notification_configuration(Bucket=name)
    except s3.exceptions.ClientError as error:
        if code_of(error) not in ABSENT:
            raise
        fix = f"`{patient.stack_command('storage')}`; a deleted bucket's objects come back from a backup only."
        return broken("bucket", name, "There is no such bucket.", fix)
    if name == patient.layout.data_bucket and "EventBridgeConfiguration" not in told:
        cause = "It sends no events to EventBridge, so no drop will ever start a run."
        return broken("bucket", name, cause, f"`{patient.stack_command('storage')}` puts its properties right.")
    return fine("bucket", name)


def ledger(patient: Patient) -> Iterator[Finding]:
    """Whether runs can be recorded."""
    dynamodb, name = patient.client("dynamodb"), patient.layout.ledger_table
    try:
        status = dynamodb.describe_table(TableName=name)["Table"]["TableStatus"]
    except dynamodb.exceptions.ResourceNotFoundException:
        yield broken("ledger", name, "There is no such table.", f"`{patient.stack_command('storage')}`.")
        return
    if status in ("ACTIVE", "UPDATING"):
        yield fine("ledger", name)
    else:
        yield broken("ledger", name, f"The table is {status}.", "Wait, or restore it to a point in time.")


def triggers(patient: Patient) -> Iterator[Finding]:
    """Whether triggers are read from the queue, and none lies with the dead letters."""
    sqs, layout = patient.client("sqs"), patient.layout
    for name in (layout.trigger_queue, layout.dead_letter_queue):
        try:
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        except sqs.exceptions.ClientError as error:
            if code_of(error) not in NO_QUEUE:
                raise
            yield broken("queue", name, "There is no such queue.", f"`{patient.stack_command('platform')}`.")
            continue
        wanted = ["ApproximateNumberOfMessages"]
        waiting = int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"][wanted[0]])
        if waiting and name == layout.dead_letter_queue:
            fix = "Read the log of start-pipeline, mend the cause, move the messages back."
            yield warned("queue", name, f"{waiting} triggers could not be handled.", fix)
        else:
            yield fine("queue", name)
    yield _reader(patient)


def _reader(patient: Patient) -> Finding:
    name = patient.layout.function("start-pipeline")
    mappings = patient.client("lambda").list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    if any(mapping["State"] in ("Enabled", "Enabling", "Creating", "Updating") for mapping in mappings):
        return fine("queue", f"{name} reads it")
    fix = f"Enable its trigger in the Lambda console, or `{patient.stack_command('platform')}`."
    return broken("queue", name, "Nobody reads the queue of triggers, so drops start nothing.", fix)


def schedules(patient: Patient) -> Iterator[Finding]:
    """Whether every scheduled unload is there and switched on."""
    events = patient.client("events")
    for (kind, mode), cron in patient.deployment.schedules.all.items():
        if not cron:
            continue
        name = patient.layout.named(f"unload-{kind.value}-{mode}")
        try:
            rule = events.describe_rule(Name=name)
        except events.exceptions.ResourceNotFoundException:
            yield broken("schedule", name, "There is no such rule.", f"`{patient.stack_command('platform')}`.")
            continue
        if rule["State"] == "ENABLED":
            yield fine("schedule", f"{name}: {rule['ScheduleExpression']}")
        else:
            yield broken("schedule", name, "It is switched off.", f"`aws events enable-rule --name {name}`.")
