"""How long ago a schedule has last done what it is for; an alarm rings when that is too long.

One record of the ledger per pipeline and mode says since when a success is owed: since the first look, which comes
within minutes of the deployment, or since a daily unload has last found nothing to do.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from rightpack.layout import PipelineKind
from rightpack.ledger import Ledger, Run, RunState, stamp

LOOK_BACK: Final = dt.timedelta(days=60)  # where the last success is looked for
PIPELINE: Final = "schedule"  # what the ledger files these records under
MAY_BE_EMPTY: Final = frozenset({"daily"})  # other modes always have rows, unless something is wrong


@dataclass(frozen=True, slots=True)
class Ages:
    """Ages of the schedules of one stage."""

    ledger: Ledger

    def hours(self, kind: PipelineKind, mode: str, *, now: dt.datetime) -> float:
        """Hours since the newest success of a mode, batches apart, or since a success is owed if that is later."""
        success, owed = self._last_success(kind, mode, now), _owed(kind, mode, now)
        known = self.ledger.find(owed.run_id)
        if known is None and not success:
            known = self.ledger.claim(owed)
        since = max(success, known.created_at if known else "")
        return (now - dt.datetime.fromisoformat(since)).total_seconds() / 3600

    def nothing_to_do(self, kind: PipelineKind, mode: str, *, now: dt.datetime) -> None:
        """An unload has found no row; where that is as it should be, the age counts from now."""
        if mode in MAY_BE_EMPTY:
            self.ledger.overwrite(_owed(kind, mode, now))

    def _last_success(self, kind: PipelineKind, mode: str, now: dt.datetime) -> str:
        for run in self.ledger.history(kind.value, since=stamp(now - LOOK_BACK), scheduled=True):
            if run.mode == mode and run.state is RunState.COMPLETED:
                return run.ended_at or run.updated_at
        return ""


def _owed(kind: PipelineKind, mode: str, now: dt.datetime) -> Run:
    moment = stamp(now)
    return Run(f"{PIPELINE}-{kind.value}-{mode}", PIPELINE, RunState.COMPLETED, moment, moment, mode=mode)
