"""Batches: thousands of training runs from one file, queued at once and started as slots become free.

A batch trains on drops that exist already, so its runs share their prepared data through the step cache. Its runs are
records in the ledger like any other; their ids follow from the file, so the same file submitted again adds what is
missing and nothing else. Whether a candidate of a batch may be approved is the file's decision; by default none is.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rightpack.ledger import BATCHES, TERMINAL, Ledger, Run, RunState, stamp
from rightpack.notices import BATCH

if TYPE_CHECKING:
    from rightpack.batch_file import BatchFile, Variant


@dataclass(frozen=True, slots=True)
class Totals:
    """How a batch stands."""

    expected: int
    states: Mapping[str, int] = field(default_factory=dict)

    @property
    def submitted(self) -> int:
        """How many of its runs are in the ledger."""
        return sum(self.states.values())

    @property
    def ended(self) -> int:
        """How many of them will not change any more."""
        return sum(self.states.get(state, 0) for state in TERMINAL)

    def words(self) -> str:
        """One line."""
        counts = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return f"{self.submitted} of {self.expected} runs: {counts or 'none'}"


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of a stage in its ledger."""

    ledger: Ledger
    now: Callable[[], dt.datetime]

    def open(self, file: BatchFile) -> Run:
        """Record a batch, or find it recorded."""
        moment = stamp(self.now())
        record = Run(
            run_id=file.batch_id,
            pipeline=BATCH,
            state=RunState.IN_PROGRESS,
            created_at=moment,
            updated_at=moment,
            business_date=file.business_date,
            variant=file.name,
            parameters=json.dumps({"expected": len(file.variants)}),
            queue=BATCHES,
        )
        return self.ledger.claim(record)

    def member(self, batch: Run, variant: Variant, planned: Run) -> Run:
        """The run of one variant: `planned` as its trigger would start it, with an id and a token of its own."""
        digest = hashlib.sha256(f"{batch.run_id}\n{variant.digest}".encode()).hexdigest()
        run_id = f"{planned.pipeline}-{planned.business_date}-{digest[:12]}"
        parameters = json.dumps({**json.loads(planned.parameters), "RunId": run_id})
        member = replace(
            planned, run_id=run_id, token=digest, parameters=parameters, batch=batch.run_id, variant=variant.label
        )
        return replace(member, queue=member.waiting)

    def close(self) -> list[str]:
        """End every batch whose runs have all ended; return their ids."""
        return [batch.run_id for batch in self.ledger.queued(BATCHES) if self._close(batch)]

    def cancel(self, batch_id: str, *, who: str) -> tuple[Run, list[Run]]:
        """Stop what has not started, end the batch, and return it with its runs that are still in flight."""
        batch = self.ledger.get(batch_id)
        now = self.now()
        reason = f"The batch was cancelled by {who}."
        for run in self.ledger.of_batch(batch_id):
            if run.state is RunState.NEW:
                self.ledger.finish(run.run_id, RunState.STOPPED, reason=reason, now=now, who=who)
        flying = [run for run in self.ledger.of_batch(batch_id) if run.open]
        words = f"{reason} {self.totals(batch).words()}"
        self.ledger.finish(batch_id, RunState.STOPPED, reason=words, now=now, who=who)
        return self.ledger.get(batch_id), flying

    def totals(self, batch: Run) -> Totals:
        """How many runs of a batch are in which state."""
        expected = int(json.loads(batch.parameters)["expected"])
        return Totals(expected, dict(Counter(map(str, self.ledger.states_of_batch(batch.run_id)))))

    def _close(self, batch: Run) -> bool:
        if self.ledger.queued(f"new/{batch.run_id}", limit=1):
            return False
        totals = self.totals(batch)
        if totals.ended < totals.expected:
            return False
        runs = self.ledger.of_batch(batch.run_id)
        seconds = sum(run.instance_seconds for run in runs)
        retries = sum(run.retries + run.relaunches for run in runs)
        reason = f"{totals.words()}; {retries} retries, {seconds:,.0f} instance-seconds."
        return self.ledger.finish(batch.run_id, RunState.COMPLETED, reason=reason, now=self.now())
