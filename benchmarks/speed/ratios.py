"""A ratio with its goal, and how two ways of doing one thing are measured side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Clock = Callable[[], float]
CPU: Clock = time.process_time
WALL: Clock = time.perf_counter


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of `runs`, which must be at least or at most the goal; `figures` say what stands behind it.

    Without runs there is nothing to compare, and the goal is missed; `why` says what was wrong.
    """

    name: str
    runs: tuple[float, ...]
    goal: float
    at_least: bool
    figures: dict[str, Any] = field(default_factory=dict)
    why: str = ""

    @property
    def value(self) -> float | None:
        """The median, if there is one."""
        return statistics.median(self.runs) if self.runs else None

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        if self.value is None:
            return False
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with the spread of the runs; `why` explains a goal that is missed."""
        value = None if self.value is None else round(self.value, 4)
        plain: dict[str, Any] = {"value": value, "goal": self.goal, "met": self.met}
        plain["bound"] = "at least" if self.at_least else "at most"
        plain["runs"] = [round(run, 4) for run in self.runs]
        plain["figures"] = self.figures
        return plain | ({"why": self.why} if self.why else {})


def seconds(work: Callable[[], object], clock: Clock) -> float:
    """How long it takes."""
    began = clock()
    work()
    return clock() - began


def alternating(works: Sequence[Callable[[], object]], runs: int, clock: Clock) -> list[list[float]]:
    """Seconds [works, runs], measured in turns, so that what disturbs one disturbs all."""
    rounds = [[seconds(work, clock) for work in works] for _ in range(runs)]
    return [list(column) for column in zip(*rounds, strict=True)]


def quotients(slow: Sequence[float], fast: Sequence[float]) -> tuple[float, ...]:
    """Run by run, how many times the one takes of the other."""
    return tuple(one / other for one, other in zip(slow, fast, strict=True))
