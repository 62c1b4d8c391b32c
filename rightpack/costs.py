"""What runs cost: instance-seconds from the ledger times prices of `config/prices.toml`.

Seconds are facts and dollars an estimate, so both are told, with the day of the prices. A price that is missing is an
error: leaving a machine out would make the sum look better than it is.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from rightpack.errors import SettingsError
from rightpack.ledger import Run
from rightpack.planned import PlannedJob
from rightpack.settings.building import build
from rightpack.settings.layers import read_toml

PRICE_FILE: Final = Path(__file__).resolve().parents[1] / "config" / "prices.toml"
HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices per hour by region, kind of job and instance type, of one day."""

    as_of: dt.date
    source: str
    per_hour: dict[str, dict[str, dict[str, float]]]
    currency: str = "USD"
    assumed_seconds: float = 300.0

    @classmethod
    def load(cls, path: Path = PRICE_FILE) -> Self:
        """Read the price file; SettingsError names the key that is wrong."""
        return build(cls, read_toml(path), origin=lambda _key: path.name)

    def of(self, region: str, kind: str, instance_type: str) -> float:
        """Price of an hour; SettingsError says what must be put into the file."""
        try:
            return self.per_hour[region][kind][instance_type]
        except KeyError:
            raise SettingsError(
                f"config/prices.toml has no price of {instance_type} for {kind} jobs in {region}; put it in under "
                f"[per_hour.{region}.{kind}], and the day on which you looked under as_of."
            ) from None


@dataclass(frozen=True, slots=True)
class JobCost:
    """One job: its machine time in seconds, and what that costs. `assumed` says that nobody has measured it."""

    step: str
    kind: str
    instance_type: str
    instance_seconds: float
    cost: float
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class RunCost:
    """A run with its jobs; jobs that a cache saved cost nothing and are not here."""

    run_id: str
    pipeline: str
    business_date: str
    jobs: tuple[JobCost, ...]

    @property
    def instance_seconds(self) -> float:
        """Machine time of all jobs."""
        return round(sum(job.instance_seconds for job in self.jobs), 3)

    @property
    def cost(self) -> float:
        """Dollars of all jobs."""
        return round(sum(job.cost for job in self.jobs), 4)


def spent(run: Run, prices: Prices, region: str) -> RunCost:
    """What a run has cost, by what the ledger says of its jobs."""
    jobs = tuple(
        _priced(
            PlannedJob(job["step"], job["kind"], job["instance_type"], job.get("instances", 1)),
            job["instance_seconds"],
            prices=prices,
            region=region,
        )
        for job in _machine_jobs(run)
    )
    return RunCost(run.run_id, run.pipeline, run.business_date, jobs)


def expected(
    pipeline: str, planned: Sequence[PlannedJob], past: Iterable[Run], *, prices: Prices, region: str
) -> RunCost:
    """What one more run will cost: the median of what each step has taken, or what the price file assumes."""
    seen = seconds_by_step(past)
    jobs = []
    for job in planned:
        known = seen.get(job.step)
        seconds = statistics.median(known) if known else prices.assumed_seconds * job.instances
        jobs.append(_priced(job, seconds, prices=prices, region=region, assumed=not known))
    return RunCost("", pipeline, "", tuple(jobs))


def seconds_by_step(past: Iterable[Run]) -> dict[str, list[float]]:
    """Instance-seconds of every step that was really run."""
    seen: dict[str, list[float]] = {}
    for run in past:
        for job in _machine_jobs(run):
            seen.setdefault(job["step"], []).append(float(job["instance_seconds"]))
    return seen


def _machine_jobs(run: Run) -> list[dict[str, Any]]:
    found = json.loads(run.jobs) if run.jobs else []
    return [job for job in found if job.get("instance_type") and job.get("instance_seconds")]


def _priced(job: PlannedJob, seconds: float, *, prices: Prices, region: str, assumed: bool = False) -> JobCost:
    cost = seconds / HOUR * prices.of(region, job.kind, job.instance_type)
    return JobCost(job.step, job.kind, job.instance_type, round(seconds, 3), round(cost, 6), assumed)
