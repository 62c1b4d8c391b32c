"""The queue of runs: who starts next when an execution may, so that the account's quota is respected, not run into.

Scheduled runs go first, in the order of their triggers. Batches share what is left after `launching.reserved`: the
batch with the fewest executions in flight goes next. Several dispatchers may work at once: at worst they start one run
by the same token, or find the quota used up and leave the run where it is.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rightpack.causes import PATIENT
from rightpack.ledger import BATCHES, RETRY, SCHEDULED, Ledger, Run, RunState, stamp
from rightpack.settings import Launching
from rightpack.starting import Starter


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Fills the free slots of one stage; `policy` is the stage's own."""

    starter: Starter
    policy: Launching

    @property
    def ledger(self) -> Ledger:
        """The run table."""
        return self.starter.ledger

    def fill(self, *, most: int = 0, turn: int = 0) -> list[str]:
        """Start what may start now; return the run ids that were tried, in order.

        Where many slots come free at once, many are told to fill them. So that they do not all start the same runs,
        each takes at most `most` of those whose turn has come (0: all), from another place on, by its `turn`.
        """
        flying = self.ledger.in_flight(self.policy.concurrent)
        free = self.policy.concurrent - len(flying)
        tried: list[str] = []
        chosen = list(self._in_order(free, flying))
        at = turn % len(chosen) if chosen else 0
        for run in [*chosen[at:], *chosen[:at]][: most or None]:
            tried.append(run.run_id)
            refusal = self.starter.start(run) if run.state is RunState.NEW else self.starter.retry(run)
            if refusal is not None and refusal.transient and refusal.cause in PATIENT:
                break  # the others would hear the same
        return tried

    def slot_free(self) -> bool:
        """Whether one more execution may start."""
        return len(self.ledger.in_flight(self.policy.concurrent)) < self.policy.concurrent

    def oldest_wait(self) -> float:
        """Seconds that the oldest scheduled run has waited for its start; 0 if none waits."""
        waiting = self.ledger.queued(f"new/{SCHEDULED}", limit=1)
        waiting += [run for run in self.ledger.queued(RETRY) if run.state is RunState.NEW and not run.batch]
        begun = [dt.datetime.fromisoformat(run.created_at) for run in waiting]
        return (self.starter.now() - min(begun)).total_seconds() if begun else 0.0

    def _in_order(self, free: int, flying: list[str]) -> Iterator[Run]:
        """At most `free` runs: what is due again, then scheduled ones, then batches by turns.

        `flying` are the batches of the runs in flight, empty for scheduled ones.
        """
        if free <= 0:
            return
        first = [*self._due(), *self.ledger.queued(f"new/{SCHEDULED}", limit=free)][:free]
        yield from first
        held = sum(map(bool, (*flying, *(run.batch for run in first))))
        left = min(free - len(first), self.policy.concurrent - self.policy.reserved - held)
        if left > 0:
            yield from self._by_turns(left, Counter(filter(None, flying)))

    def _due(self) -> list[Run]:
        moment = stamp(self.starter.now())
        return sorted(
            (run for run in self.ledger.queued(RETRY) if run.next_try_at <= moment), key=lambda run: run.next_try_at
        )

    def _by_turns(self, free: int, flying: Counter[str]) -> Iterator[Run]:
        batches = [batch.run_id for batch in self.ledger.queued(BATCHES)]
        waiting = {name: found for name in batches if (found := self.ledger.queued(f"new/{name}", limit=free))}
        for _ in range(free):
            if not waiting:
                return
            name = min(waiting, key=lambda batch: (flying[batch], batches.index(batch)))
            flying[name] += 1
            yield waiting[name].pop(0)
            if not waiting[name]:
                del waiting[name]
