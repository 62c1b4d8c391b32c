"""From a trigger file in S3 to a message that waits until it is handled, or lies with the dead letters."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_events as events
import aws_cdk.aws_events_targets as targets
import aws_cdk.aws_sqs as sqs
from constructs import Construct

from rightpack.layout import TRIGGER_NAME, Layout

TRIES: Final = 5  # fewer, and a throttled function uses them up while nothing is wrong
VISIBILITY_FACTOR: Final = 6  # in function timeouts; below that a slow batch is delivered twice


class TriggerQueue(Construct):
    """The queue of triggers with its dead letters, and the rule that fills it."""

    def __init__(self, scope: Construct, name_in_stack: str, *, layout: Layout, function_timeout: cdk.Duration) -> None:
        super().__init__(scope, name_in_stack)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=layout.dead_letter_queue,
            retention_period=cdk.Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=layout.trigger_queue,
            retention_period=cdk.Duration.days(4),  # shorter than the dead letters': their age goes on counting
            visibility_timeout=cdk.Duration.seconds(VISIBILITY_FACTOR * function_timeout.to_seconds()),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=TRIES),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        self._fill(layout)

    def _fill(self, layout: Layout) -> None:
        rule = events.Rule(
            self,
            "TriggerDropped",
            rule_name=layout.named("trigger-dropped"),
            description="A drop is complete: its trigger file was written.",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],  # by put, copy or multipart upload alike
                detail={
                    "bucket": {"name": [layout.data_bucket]},
                    "object": {"key": events.Match.wildcard(f"drops/*/{TRIGGER_NAME}")},
                },
            ),
        )
        # A message that EventBridge cannot deliver has the same body, so it can be moved back as well.
        rule.add_target(targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters))
