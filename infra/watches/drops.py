"""Drops and what handles them: triggers that were refused, runs that wait, functions that fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import aws_cdk.aws_sqs as sqs

from infra.constructs.alarms import Watch
from infra.constructs.metrics import StageMetrics
from rightpack.layout import Metric

# A failed asynchronous call is tried twice more within about three minutes; three errors may mean a lost event.
GIVEN_UP_AFTER: Final = 3
GIVEN_UP_MINUTES: Final = 15
WAITING_SECONDS: Final = 4 * 3600


def of_drops(metrics: StageMetrics, dead_letters: sqs.Queue) -> Iterator[Watch]:
    """A drop did not become a run."""
    yield Watch(
        "trigger-quarantined",
        metrics.total(Metric.TRIGGER_QUARANTINED),
        "A trigger file was refused and nothing was started. The reason lies under quarantine/ in the data bucket.",
    )
    yield Watch(
        "drop-failed",
        metrics.total(Metric.DROP_FAILED),
        "An unload failed, so no trigger was written and no run will start. The notice says why.",
    )
    yield Watch(
        "launch-waiting",
        metrics.highest(Metric.LAUNCH_WAIT, minutes=15),
        f"A scheduled run has waited {WAITING_SECONDS // 3600} hours for its start: the account's quota of executions "
        "or machines is used up, or nobody starts runs. `rightpack runs` shows what occupies the slots, the log of "
        "reconcile what went wrong, `rightpack doctor` what the quotas are.",
        threshold=WAITING_SECONDS,
    )
    yield Watch(
        "dead-letters",
        metrics.waiting(dead_letters),
        "A trigger could not be handled, however often it was tried. Read the log of start-pipeline, mend the cause, "
        "then move the messages back to the trigger queue.",
    )


def of_function(metrics: StageMetrics, name: str) -> Watch:
    """A function failed so often that an event may have been given up."""
    return Watch(
        f"function-failing-{name}",
        metrics.function_errors(name, minutes=GIVEN_UP_MINUTES),
        f"The function {name} failed {GIVEN_UP_AFTER} times in {GIVEN_UP_MINUTES} minutes, so an event may be lost. "
        "Read its log; once it is mended, reconciling or a new unload makes up for it.",
        threshold=GIVEN_UP_AFTER,
    )
