"""Trends in the ledger: how long runs take, how often they fail and why, what was tried again, what machines it took.

Pure arithmetic over records; dollars come from prices, which are not the ledger's to know.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rightpack.ledger import Run, RunState


def trends(runs: Iterable[Run]) -> dict[str, Any]:
    """Facts by pipeline, by ISO week, and of every cause; times in seconds, costs in instance-seconds."""
    found = list(runs)
    return {
        "pipelines": [_pipeline(name, _of(found, name)) for name in sorted({run.pipeline for run in found})],
        "weeks": [_week(week, members) for week, members in _by_week(found)],
        "causes": _causes(found),
    }


def seconds_of(run: Run) -> float | None:
    """How long a run's work took, from its launch to its end; None if it has not ended or never started."""
    return _between(run.launched_at, run.ended_at) if run.launched_at and run.ended_at else None


def waited(run: Run) -> float | None:
    """How long a run waited for its start; None if it never started."""
    return _between(run.created_at, run.launched_at) if run.launched_at else None


def _of(runs: Sequence[Run], pipeline: str) -> list[Run]:
    return [run for run in runs if run.pipeline == pipeline]


def _pipeline(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    states = Counter(run.state for run in runs)
    ended = states[RunState.COMPLETED] + states[RunState.FAILED]
    return {
        "pipeline": name,
        "runs": len(runs),
        "completed": states[RunState.COMPLETED],
        "failed": states[RunState.FAILED],
        "stopped": states[RunState.STOPPED],
        "refused": states[RunState.REFUSED],
        "open": sum(run.open for run in runs),
        "failure_rate": round(states[RunState.FAILED] / ended, 4) if ended else None,
        "retried": sum(bool(run.retries or run.relaunches) for run in runs),
        "seconds": _spread(seconds_of(run) for run in runs),
        "waited": _spread(waited(run) for run in runs),
        "instance_seconds": round(sum(run.instance_seconds for run in runs), 1),
    }


def _week(week: str, runs: Sequence[Run]) -> dict[str, Any]:
    by_pipeline = Counter[str]()
    for run in runs:
        by_pipeline[run.pipeline] += round(run.instance_seconds)
    return {
        "week": week,
        "runs": len(runs),
        "failed": sum(run.state is RunState.FAILED for run in runs),
        "instance_seconds": round(sum(run.instance_seconds for run in runs), 1),
        "by_pipeline": dict(sorted(by_pipeline.items())),
    }


def _by_week(runs: Iterable[Run]) -> list[tuple[str, list[Run]]]:
    weeks: dict[str, list[Run]] = {}
    for run in runs:
        year, week, _ = dt.datetime.fromisoformat(run.created_at).isocalendar()
        weeks.setdefault(f"{year}-W{week:02}", []).append(run)
    return sorted(weeks.items())


def _causes(runs: Sequence[Run]) -> list[dict[str, Any]]:
    retries = Counter(cause for run in runs for cause in run.troubles.split(",") if cause)
    failures = Counter(run.cause for run in runs if run.state in (RunState.FAILED, RunState.REFUSED) and run.cause)
    return [
        {"cause": cause, "tried_again": retries[cause], "failures": failures[cause]}
        for cause in sorted({*retries, *failures})
    ]


def _spread(values: Iterable[float | None]) -> dict[str, float] | None:
    """Median and 90th percentile."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return {"median": round(statistics.median(known), 1), "p90": round(known[int(0.9 * (len(known) - 1))], 1)}


def _between(begin: str, end: str) -> float:
    return (dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(begin)).total_seconds()
