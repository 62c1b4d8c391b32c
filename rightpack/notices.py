"""Notices: what people are told, once per outcome, through one SNS topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightpack.ledger import Run

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SUBJECT_LENGTH: Final = 99


@dataclass(frozen=True, slots=True)
class Notices:
    """Publishes to the notice topic of one stage."""

    client: SNSClient
    topic_arn: str

    def failed(self, run: Run, step: str, reason: str) -> None:
        """A run failed: which step, why, and how to go on."""
        self._publish(
            f"{_what(run)} failed in {step}",
            f"{_what(run)} of {run.business_date} failed in step {step}.\n\n{reason}\n\n"
            f"Run: {run.run_id}\nTrigger: {run.trigger_uri}\nExecution: {run.execution_arn}\n\n"
            "What was approved and loaded before stays in use. Mend the cause, then drop the trigger again.",
        )

    def refused(self, run: Run, reason: str) -> None:
        """A trigger could not be used."""
        self._publish(
            "Trigger refused",
            f"The trigger {run.trigger_uri} was refused and nothing was started.\n\n{reason}\n\n"
            f"A copy with the reason lies under quarantine/{run.run_id}/ in the same bucket.",
        )

    def drop_failed(self, name: str, reason: str) -> None:
        """An UNLOAD ended badly, so no trigger was written."""
        self._publish("Drop failed", f"The unload {name} failed; no trigger was written.\n\n{reason}")

    def _publish(self, subject: str, message: str) -> None:
        self.client.publish(TopicArn=self.topic_arn, Subject=f"rightpack: {subject}"[:SUBJECT_LENGTH], Message=message)


def _what(run: Run) -> str:
    subject = f" of {run.package_type}" if run.package_type else f" ({run.mode})" if run.mode else ""
    return f"{run.pipeline.capitalize()}{subject}"
