"""Between two layers of topics: the queue that callback steps write to, and the function that revises mappings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_lambda as lambda_
import aws_cdk.aws_sqs as sqs
from constructs import Construct

from infra.arns import Arns
from infra.constructs.alarms import Watch
from infra.constructs.function import Function, FunctionPlan
from infra.constructs.metrics import StageMetrics
from infra.constructs.trigger_queue import TRIES, VISIBILITY_FACTOR
from infra.permissions.topics import revise_mapping
from rightpack.layout import Metric
from rightpack.topic_model import GROUP as TOPIC_MODELS

REVISE_MAPPING: Final = FunctionPlan("revise-mapping", "Revises the mapping between two topic layers, or holds it.")
BATCH_SIZE: Final = 10


class TopicMappings(Construct):
    """Queue, dead letters and function; the pipeline's callback steps know the queue by its URL."""

    def __init__(self, scope: Construct, name_in_stack: str, *, arns: Arns, code: lambda_.Code) -> None:
        super().__init__(scope, name_in_stack)
        self.dead_letters = self._queue("DeadLetters", arns.layout.mapping_dead_letter_queue, days=14)
        self.queue = self._queue("Queue", arns.layout.mapping_queue, days=4, dead_letters=self.dead_letters)
        function = Function(self, REVISE_MAPPING, arns=arns, code=code, statements=revise_mapping(arns))
        lambda_.EventSourceMapping(
            self,
            "ReviseFromQueue",
            target=function,
            event_source_arn=self.queue.queue_arn,
            batch_size=BATCH_SIZE,
            report_batch_item_failures=True,
        )

    def _queue(self, name: str, queue_name: str, *, days: int, dead_letters: sqs.Queue | None = None) -> sqs.Queue:
        undeliverable = sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=TRIES) if dead_letters else None
        return sqs.Queue(
            self,
            name,
            queue_name=queue_name,
            retention_period=cdk.Duration.days(days),
            visibility_timeout=cdk.Duration.seconds(VISIBILITY_FACTOR * REVISE_MAPPING.timeout_seconds),
            dead_letter_queue=undeliverable,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )

    def watches(self, metrics: StageMetrics) -> Iterator[Watch]:
        """A topic model waits for a person, or a callback step for an answer that nobody will give."""
        yield Watch(
            f"model-held-{TOPIC_MODELS}",
            metrics.total(Metric.MODEL_HELD, PackageType=TOPIC_MODELS),
            "A new topic model waits for a person; until then models see the topics of the last approved one, or none. "
            "Read its mapping (`rightpack mapping show s3://...`), then `rightpack approve` or `rightpack reject` it.",
        )
        yield Watch(
            "dead-mappings",
            metrics.waiting(self.dead_letters),
            "A message of the topics pipeline could not be handled, however often it was tried, so its execution waits "
            "for an answer. Read the log of revise-mapping, mend the cause, then move the messages back to the queue "
            "of mappings; or stop the execution.",
        )
