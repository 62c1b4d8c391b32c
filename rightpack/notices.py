"""Notices: what people are told, once per outcome, through one SNS topic.

An outcome enters the ledger together with the mark that people are to be told (`queue` is `notice`). Whoever gets the
mark from `due` to `sending` publishes, then sets `sent`. SNS knows no request token for topics that send mail, so a
crash between publishing and `sent` leaves it open whether people were told. They are then told again after
`launching.notice_lease_seconds`: at least once, and twice only if a function died within that instant, because a
failure that nobody hears of costs more than a mail that comes twice. Every notice names the run, so a reader can tell.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rightpack.layout import Metric
from rightpack.ledger import NOTICE, Ledger, Run, RunState, Telling, stamp
from rightpack.metrics import Metrics

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from rightpack.mapping_desk import Held

SUBJECT_LENGTH: Final = 99
HELD_STEP: Final = "RegisterHeld"
BATCH: Final = "batch"  # what the ledger files batches under
COUNTED: Final[Mapping[RunState, Metric]] = {
    RunState.COMPLETED: Metric.RUN_SUCCEEDED,
    RunState.FAILED: Metric.RUN_FAILED,
    RunState.REFUSED: Metric.TRIGGER_QUARANTINED,
}


@dataclass(frozen=True, slots=True)
class Notices:
    """Publishes to the notice topic of one stage."""

    client: SNSClient
    topic_arn: str

    def failed(self, run: Run, *, log: str = "") -> None:
        """A run failed: which step, why, its last words, and how to go on."""
        where = f"in {run.step}" if run.step else "before it started"
        self._publish(
            f"{_what(run)} failed {where}",
            f"{_what(run)} of {run.business_date} failed {where} ({run.cause}).\n\n{run.reason}\n\n"
            f"{_last_words(log)}{_facts(run)}\n"
            "What was approved and loaded before stays in use. Mend the cause, then `rightpack retry "
            f"{run.run_id}`, or drop the trigger again.",
        )

    def stopped(self, run: Run) -> None:
        """Somebody stopped a run."""
        who = f" by {run.who}" if run.who else ""
        self._publish(
            f"{_what(run)} stopped",
            f"{_what(run)} of {run.business_date} was stopped{who}.\n\n{run.reason}\n\n{_facts(run)}\n"
            f"`rightpack retry {run.run_id}` goes on with it.",
        )

    def refused(self, run: Run) -> None:
        """A trigger could not be used."""
        self._publish(
            "Trigger refused",
            f"The trigger {run.trigger_uri} was refused and nothing was started.\n\n{run.reason}\n\n"
            f"A copy with the reason lies under quarantine/{run.run_id}/ in the same bucket.",
        )

    def held(self, run: Run) -> None:
        """A model waits for a person."""
        self._publish(
            f"{_what(run)} waits for a person",
            f"The new model for {run.package_type} of {run.business_date} is held: a person decides.\n\n{_facts(run)}\n"
            f"Model: {run.model}\n\nUntil then the last approved one stays in use. Read the report, then `rightpack "
            f"approve {run.package_type}/{run.model.rpartition('/')[2]} --why TEXT`, or reject it.",
        )

    def mapping_held(self, held: Held) -> None:
        """The mapping between two layers of topics waits for a person, and the pipeline for the mapping."""
        self._publish(
            f"Topic mapping of layer {held.layer} waits for a person",
            f"The topics pipeline goes on when somebody has accepted the mapping of layer {held.layer}.\n\n"
            f"Execution: {held.execution}\nDraft of the rule: {held.mapping}\n\n"
            f"Read it with `rightpack mapping show {held.token}`, change it with `rightpack mapping edit`, and let the "
            f"pipeline go on with `rightpack mapping accept {held.token}`.",
        )

    def batch_ended(self, run: Run) -> None:
        """All runs of a batch have ended, or it was cancelled."""
        self._publish(
            f"Batch {run.variant} has ended",
            f"{run.reason}\n\nBatch: {run.run_id}\nResults: rightpack batch show {run.run_id}",
        )

    def drop_failed(self, name: str, reason: str) -> None:
        """An UNLOAD ended badly, so no trigger was written."""
        self._publish("Drop failed", f"The unload {name} failed; no trigger was written.\n\n{reason}")

    def _publish(self, subject: str, message: str) -> None:
        self.client.publish(TopicArn=self.topic_arn, Subject=f"rightpack: {subject}"[:SUBJECT_LENGTH], Message=message)


@dataclass(frozen=True, slots=True)
class Outbox:
    """Tells the outcomes that the ledger has marked; `last_words` gives the end of a failed step's log."""

    ledger: Ledger
    metrics: Metrics
    notices: Notices
    now: Callable[[], dt.datetime]
    last_words: Callable[[Run], str] = lambda _: ""

    def tell(self, run: Run) -> bool:
        """Tell one outcome; False if somebody else does, or has done it."""
        moment = self.now()
        if not self.ledger.mark(run, Telling.SENDING, _expected(run), now=moment):
            return False
        mine = replace(run, notice_at=stamp(moment), notice=Telling.SENDING)
        try:
            self._send(run)
        except Exception:
            # Nothing tells whether people heard of it; the next pass tells them, at once rather than after the lease.
            self.ledger.mark(mine, Telling.DUE, [Telling.SENDING], now=moment)
            raise
        self.ledger.mark(mine, Telling.SENT, [Telling.SENDING], now=self.now())
        return True

    def tell_all(self, lease_seconds: float) -> int:
        """Tell every outcome that is due, or whose teller has not come back within the lease."""
        before = stamp(self.now() - dt.timedelta(seconds=lease_seconds))
        waiting = [run for run in self.ledger.queued(NOTICE) if run.notice == Telling.DUE or run.notice_at < before]
        return sum(self.tell(run) for run in waiting)

    def _send(self, run: Run) -> None:
        if run.pipeline != BATCH and run.state in COUNTED:
            dimensions: dict[str, Any] = {} if run.state is RunState.REFUSED else {"Pipeline": run.pipeline}
            refused = {Metric.ROWS_QUARANTINED: run.rows_quarantined} if run.rows_quarantined else {}
            self.metrics.put({COUNTED[run.state]: 1, **refused}, **dimensions)
        if run.pipeline == BATCH:
            self.notices.batch_ended(run)
        elif run.state is RunState.FAILED:
            self.notices.failed(run, log=self.last_words(run))
        elif run.state is RunState.REFUSED:
            self.notices.refused(run)
        elif run.state is RunState.STOPPED and not run.batch:
            self.notices.stopped(run)
        elif run.step == HELD_STEP:
            self.notices.held(run)


def _expected(run: Run) -> list[Telling]:
    return [Telling.SENDING] if run.notice == Telling.SENDING else [Telling.DUE]


def _what(run: Run) -> str:
    subject = f" of {run.package_type}" if run.package_type else f" ({run.mode})" if run.mode else ""
    return f"{run.pipeline.capitalize()}{subject}"


def _facts(run: Run) -> str:
    lines = [f"Run: {run.run_id}", f"Trigger: {run.trigger_uri}", f"Execution: {run.execution_arn}"]
    lines += [f"Batch: {run.batch} ({run.variant})"] if run.batch else []
    lines += [f"Report: {run.report}"] if run.report else []
    lines += [f"Rows refused: {run.rows_quarantined:,}, see {run.quarantine}"] if run.rows_quarantined else []
    return "\n".join(lines) + "\n"


def _last_words(log: str) -> str:
    return f"The last lines of its log:\n{log}\n\n" if log else ""
