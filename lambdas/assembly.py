"""Puts together what several functions around runs share; each part is built once per environment.

What one of them needs alone is put together there, so that none imports what only others need.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lambdas import environment
from rightpack.dispatch import Dispatcher
from rightpack.ledger import Ledger, Run
from rightpack.metrics import Metrics
from rightpack.notices import Notices, Outbox
from rightpack.settings import Settings
from rightpack.starting import Starter

if TYPE_CHECKING:
    from rightpack.run_jobs import RunJobs


@cache
def ledger() -> Ledger:
    """The run table."""
    return Ledger(environment.client("dynamodb"), environment.layout().ledger_table)


@cache
def metrics() -> Metrics:
    """The stage's metrics."""
    return Metrics(environment.client("cloudwatch"), environment.layout().stage)


@cache
def outbox() -> Outbox:
    """What tells people; a function that may not read job logs only tells of refused triggers."""
    notices = Notices(environment.client("sns"), environment.layout().topic_arn)
    return Outbox(ledger(), metrics(), notices, environment.now, _last_words)


def _last_words(run: Run) -> str:
    from rightpack.run_jobs import JobLogs  # a cold start must not wait for what only failures need

    logs = JobLogs(environment.client("logs"), jobs())
    return logs.last_words(run.execution_arn, run.step)


@cache
def jobs() -> RunJobs:
    """Reads steps and jobs."""
    from rightpack.run_jobs import RunJobs  # likewise

    return RunJobs(environment.client("sagemaker"), environment.client("s3"))


@cache
def dispatcher() -> Dispatcher:
    """Starts what may start."""
    layout = environment.layout()
    starter = Starter(layout, environment.client("sagemaker"), ledger(), environment.now)
    return Dispatcher(starter, Settings.load(layout.stage).launching)
