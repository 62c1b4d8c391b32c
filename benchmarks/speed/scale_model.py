"""What a catalogue of any size takes: lines through the measured sizes, machines and their prices.

Time is counted in seconds of one processor core, so that it hardly depends on how busy the measuring machine was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from processing.tables import Limits
from rightpack.costs import HOUR, Prices
from rightpack.settings import Settings

REGION: Final = "us-east-1"
STEPS: Final = ("prepare", "score", "recommend")
KINDS: Final = {"prepare": "Processing", "score": "Transform", "recommend": "Processing"}
MACHINES: Final = {"ml.m5.xlarge": (4, 16), "ml.m5.2xlarge": (8, 32), "ml.m5.4xlarge": (16, 64)}  # vCPUs, GiB
SCORING: Final = "ml.m5.xlarge"
PARALLEL: Final = frozenset({"score"})  # the other steps are counted as if they had one core
GIB: Final = 2**30

MEMORY_SHARE: Final = 0.8  # of a machine's memory that a step may take
BILLED_STARTS: Final = 120.0  # seconds of each job that are paid for beside its work
RPUS: Final = 8
RPU_HOUR: Final = 0.36  # dollars
MEASURED_CORES: Final = 2  # of the embedded warehouse; one RPU is taken to do what it does


@dataclass(frozen=True, slots=True)
class Line:
    """So much whatever the size, and so much for each product."""

    fixed: float
    each: float

    def at(self, rows: float) -> float:
        """The value at a size."""
        return self.fixed + self.each * rows

    def rows(self, value: float) -> float:
        """The size at which it reaches a value."""
        return (value - self.fixed) / self.each if self.each > 0 else math.inf

    @classmethod
    def through(cls, first: tuple[float, float], second: tuple[float, float]) -> Line:
        """The line through two points; one that would begin below nothing begins at it."""
        slope = max((second[1] - first[1]) / (second[0] - first[0]), 0.0)
        fixed = first[1] - slope * first[0]
        return cls(fixed, slope) if fixed >= 0 else cls(0.0, second[1] / second[0])


@dataclass(frozen=True, slots=True)
class Job:
    """Jobs of one step: machine, how many run, instances of each, machine-hours and dollars of all."""

    step: str
    machine: str
    runs: int
    instances: int
    hours: float
    dollars: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What so many products of so many types take, in `drops` of equal size; hours and dollars of all drops."""

    products: int
    drops: int
    jobs: tuple[Job, ...]
    files_to_score: int
    gigabytes: Mapping[str, float]
    warehouse_hours: float
    warehouse_dollars: float

    @property
    def dollars(self) -> float:
        """All together."""
        return self.warehouse_dollars + sum(job.dollars for job in self.jobs)

    @property
    def hours_in_turn(self) -> float:
        """Elapsed time if one drop follows the other."""
        return self.warehouse_hours + sum(job.hours / job.instances for job in self.jobs)


class Model:
    """The lines of each stage, by what was measured at the two smallest sizes."""

    def __init__(self, report: Mapping[str, Any], settings: Settings, prices: Prices) -> None:
        self.report, self.settings, self.prices = report, settings, prices

    def line(self, stage: str, key: str) -> Line:
        """How `key` of a stage grows."""
        first, second = self.points(stage, key)[:2]
        return Line.through(first, second)

    def points(self, stage: str, key: str) -> list[tuple[float, float]]:
        """Sizes and values, as far as they were measured."""
        sizes: Sequence[Mapping[str, Any]] = self.report["sizes"]
        return [(size["rows"], size["stages"][stage][key]) for size in sizes if stage in size["stages"]]

    def most_rows(self, step: str, machine: str) -> float:
        """Products of one drop that a machine's memory holds in a step."""
        return self.line(step, "peak").rows(MEMORY_SHARE * MACHINES[machine][1] * GIB)

    @property
    def drop_rows(self) -> int:
        """Products of one drop at most, on the largest machine."""
        largest = list(MACHINES)[-1]
        return int(min(self.settings.defence.most_rows, *(self.most_rows(step, largest) for step in KINDS)))

    def plan(self, products: int) -> Plan:
        """Everything for so many products."""
        drops = math.ceil(products / self.drop_rows)
        rows = math.ceil(products / drops)
        jobs = tuple(self._job(step, rows, drops) for step in STEPS)
        hours = drops * self._warehouse_seconds(rows) / HOUR
        return Plan(
            products,
            drops,
            jobs,
            drops * self._files(rows),
            {what: products * each / 1e9 for what, each in self.bytes_each().items()},
            hours,
            hours * RPUS * RPU_HOUR,
        )

    def bytes_each(self) -> dict[str, float]:
        """Bytes of one product in each kind of file."""
        size = max((s for s in self.report["sizes"] if "score" in s["stages"]), key=lambda s: s["rows"])
        stages, rows = size["stages"], size["rows"]
        return {
            "drop": size["in_bytes"] / rows,
            "features": stages["prepare"]["out_bytes"] / rows,
            "scores": stages["score"]["out_bytes"] / rows,
            "predictions": stages["recommend"]["predictions_out_bytes"] / rows,
            "recommendations": stages["recommend"]["recommendations_out_bytes"] / rows,
        }

    def _job(self, step: str, rows: int, drops: int) -> Job:
        machine = SCORING if step == "score" else self._machine(step, rows)
        cores = MACHINES[machine][0] if step in PARALLEL else 1
        instances = 1  # of Score: the pipeline has no more
        seconds = self.line(step, "cpu_seconds").at(rows) / cores + BILLED_STARTS * instances
        hours = drops * seconds / HOUR
        dollars = hours * self.prices.of(REGION, KINDS[step], machine)
        return Job(step, machine, drops, instances, hours, dollars)

    def _machine(self, step: str, rows: int) -> str:
        fitting = [name for name in MACHINES if self.most_rows(step, name) >= rows]
        return fitting[0] if fitting else list(MACHINES)[-1]

    def _files(self, rows: int) -> int:
        limits = Limits.of_requests(self.settings.inference, instances=1)
        by_size = math.ceil(rows * self.bytes_each()["features"] / (limits.megabytes * 1e6))
        return limits.files(rows, by_size)

    def _warehouse_seconds(self, rows: int) -> float:
        """UNLOAD of a drop; COPY and MERGE of a prediction per type and of a recommendation for each product."""
        each: dict[str, float] = {name: one["seconds"] / one["rows"] for name, one in self.report["statements"].items()}
        loaded = rows * (len(self.settings.package_types) + 1)
        return (rows * each["unload"] + loaded * (each["copy"] + each["merge"])) / RPUS
