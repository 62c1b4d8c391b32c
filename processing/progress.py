"""How well a training does, for people and tuning jobs: lines `name=value;` that metric definitions pick up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from processing.architectures.base import Examples
from processing.architectures.calibration import Calibration
from processing.features.expressions import FloatArray
from processing.statistics.metrics import Ranked

Say = Callable[[Mapping[str, float]], None]
ROUNDS: Final = "boosted_rounds"
PREFIX: Final = "tuning_"
MOST_VARIABLE: Final = "MOST_REPORTS"  # of a training; Hyperband ends one that makes more before it has saved its model


def unsaid(values: Mapping[str, float]) -> None:
    """Keep figures to oneself."""
    del values


def at_most(reports: int, say: Say) -> Say:
    """Say the first so many; the others are kept to oneself."""
    count = itertools.count()

    def sparing(values: Mapping[str, float]) -> None:
        if next(count) < reports:
            say(values)

    return sparing


def lines(values: Mapping[str, float]) -> str:
    """One line for each figure."""
    return "".join(f"{name}={value:.6g};\n" for name, value in values.items())


def prefixed(measured: Mapping[str, float]) -> dict[str, float]:
    """Figures under the names that metric definitions know."""
    return {PREFIX + name: value for name, value in measured.items()}


@dataclass(frozen=True, slots=True)
class Judge:
    """The rows set aside: they calibrate a model, measure it, and say so while it is still learning."""

    tuning: Examples
    say: Say

    def measure(self, chances: FloatArray) -> tuple[Calibration, dict[str, float]]:
        """Calibration of a model that gives the rows these chances, and metrics with it."""
        rows = self.tuning
        calibration = Calibration.learn(chances, rows.labels, rows.weights)
        measured = Ranked.of(rows.labels, calibration.apply(chances)).metrics(rows.weights)
        return calibration, {name: float(value) for name, value in measured.items()}

    def watch(self, rounds: int, chances: FloatArray) -> None:
        """Say what the model so far would be measured to be."""
        self.say({ROUNDS: rounds, **prefixed(self.measure(chances)[1])})
