"""SQS event source mappings: pollers receive with the function's role, invoke it, and delete what it dealt with."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_cloud import backends
from local_cloud.account import REGION
from local_cloud.lambdas.environment import Result
from local_cloud.wire import AwsError, Json

LOG = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25  # how late a message is noticed that became visible again; new ones wake the poller at once
_PAUSE_SECONDS = 1.0
_RECEIVE_LIMIT = 10


@dataclass(frozen=True, slots=True)
class PollerHost:
    """What pollers need: an SQS client of a role, the address of a queue, and a way to invoke."""

    sqs: Callable[[str], Any]  # by role ARN
    url: str
    invoke: Callable[[str, bytes], Result]
    concurrency: int = 1


class Sources:
    """Keeps one or more polling threads per mapping, until the mapping is deleted."""

    def __init__(self, host: PollerHost) -> None:
        self._host = host
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def add(self, mapping_id: str) -> None:
        """Begin to poll for a mapping that moto has just stored."""
        for number in range(self._host.concurrency):
            name = f"poller-{mapping_id[:8]}-{number}"
            thread = threading.Thread(target=self._run, args=(mapping_id,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop polling; a batch in progress is finished first."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _run(self, mapping_id: str) -> None:
        while not self._stopping.is_set():
            mapping = backends.functions().get_event_source_mapping(mapping_id)
            if mapping is None:
                return
            try:
                self._look(mapping)
            except Exception:  # a poller must outlive a bad message, a missing queue or a deleted function
                LOG.exception("polling %s for %s failed", mapping.event_source_arn, mapping.function_arn)
                self._stopping.wait(_PAUSE_SECONDS)

    def _look(self, mapping: Any) -> None:
        queue = backends.sqs().queues.get(mapping.event_source_arn.rsplit(":", 1)[-1])
        if queue is None or not mapping.enabled:
            self._stopping.wait(_LOOK_SECONDS)
            return
        _wait_for_message(queue)
        if queue.messages and not self._stopping.is_set():
            _Batch(mapping, queue.name, self._host).run()


def _wait_for_message(queue: Any) -> None:
    with queue._messages_lock:  # noqa: SLF001 - checked by patches.contract()
        queue._messages_lock.wait_for(lambda: queue.messages, timeout=_LOOK_SECONDS)  # noqa: SLF001 - as above


class _Batch:
    """One receive, one invocation, and the deletion of what succeeded."""

    def __init__(self, mapping: Any, queue: str, host: PollerHost) -> None:
        self._mapping, self._host = mapping, host
        self._url = f"{host.url}/{mapping.account_id}/{queue}"
        self._sqs = host.sqs(backends.functions().get_function(mapping.function_arn).role)

    def run(self) -> None:
        messages = self._receive()
        if not messages:  # moto has moved them to the dead letters instead
            return
        event = {"Records": [_record(message, self._mapping.event_source_arn) for message in messages]}
        try:
            result = self._host.invoke(self._mapping.function_arn, json.dumps(event).encode())
        except AwsError as error:
            LOG.warning("messages of %s stay in the queue: %s", self._url, error)
            return
        failed = self._failed(result, messages)
        self._delete([message for message in messages if message["MessageId"] not in failed])

    def _receive(self) -> list[Json]:
        size, until = int(self._mapping.batch_size), time.monotonic() + float(self._mapping.max_batch_window or 0)
        messages: list[Json] = []
        while True:
            count = min(_RECEIVE_LIMIT, size - len(messages))
            messages += self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=count,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            left = until - time.monotonic()
            if len(messages) >= size or left <= 0:
                return messages
            time.sleep(min(_LOOK_SECONDS, left))

    def _failed(self, result: Result, messages: list[Json]) -> set[str]:
        everything = {message["MessageId"] for message in messages}
        if result.failed:
            return everything
        if "ReportBatchItemFailures" not in (self._mapping.function_response_types or []):
            return set()
        return _reported(result.body, everything)

    def _delete(self, messages: list[Json]) -> None:
        for start in range(0, len(messages), _RECEIVE_LIMIT):
            part = messages[start : start + _RECEIVE_LIMIT]
            entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(part)]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)


def _reported(body: bytes, everything: set[str]) -> set[str]:
    """Failed message ids of a partial batch response; anything unintelligible means all of them, as in AWS."""
    try:
        answer = json.loads(body) or {}
        failed = {item["itemIdentifier"] for item in answer.get("batchItemFailures") or []}
    except (ValueError, TypeError, KeyError, AttributeError):
        return everything
    return failed if failed <= everything else everything


def _record(message: Json, queue_arn: str) -> Json:
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: _lower(value) for name, value in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _lower(attribute: Json) -> Json:
    return {name[0].lower() + name[1:]: value for name, value in attribute.items()}
