"""Throwing examples at doors and counting how each ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.faults.fuzz.doors import Door

SHARES = {"trigger": 0.3, "manifest": 0.2, "parquet": 0.2, "invocations": 0.1, "intake": 0.1, "archive": 0.1}


@dataclass(frozen=True, slots=True)
class Thrown:
    """How the examples at one door ended; `broken` says what went wrong with one, if anything did."""

    door: str
    outcomes: dict[str, int]
    broken: str = ""

    @property
    def examples(self) -> int:
        """How many there were."""
        return sum(self.outcomes.values())


def throw(door: Door, examples: int, number: int) -> Thrown:
    """Throw `examples` at a door; the same `number` throws the same ones."""
    outcomes: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(door.inputs)
    def one(given_: Any) -> None:
        outcomes[door.knock(given_)] += 1

    try:
        one()
    except BaseException as error:  # whatever it is, it is the finding
        if isinstance(error, KeyboardInterrupt):
            raise
        notes = " ".join(getattr(error, "__notes__", []))[:2000]
        return Thrown(door.name, dict(outcomes), f"{type(error).__name__}: {error} {notes}"[:4000])
    return Thrown(door.name, dict(outcomes))
