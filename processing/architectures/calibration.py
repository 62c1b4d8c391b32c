"""Calibration: a model's probabilities put on one scale with those of the other package types (Platt, on log-odds)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from processing.features.expressions import FloatArray
from rightpack.errors import InternalError

FILE: Final = "calibration.json"
EDGE: Final = 1e-6
LEAST_SLOPE: Final = 0.05
STEPS: Final = 100
RIDGE: Final = 1e-3
TOLERANCE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Calibration:
    """Log-odds times `slope` plus `intercept`; the slope is above 0, so the order of products never changes."""

    slope: float = 1.0
    intercept: float = 0.0

    @classmethod
    def learn(cls, chances: FloatArray, labels: FloatArray, weights: FloatArray) -> Self:
        """Fit to rows that the model has not learned from; labels are pulled in a little, as Platt does."""
        positive, negative = float(weights @ labels), float(weights @ (1 - labels))
        targets = np.where(labels > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))
        odds = log_odds(chances)
        slope, intercept = _fit(odds, targets, weights, free_slope=True)
        if slope < LEAST_SLOPE:
            slope = LEAST_SLOPE
            _, intercept = _fit(slope * odds, targets, weights, free_slope=False)
        return cls(slope, intercept)

    def apply(self, chances: FloatArray) -> FloatArray:
        """Calibrated probabilities."""
        return sigmoid(self.slope * log_odds(chances) + self.intercept)

    def save(self, folder: Path) -> None:
        """Write `calibration.json`."""
        content = {"method": "platt", "slope": self.slope, "intercept": self.intercept}
        (folder / FILE).write_text(json.dumps(content, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `calibration.json`; InternalError if it is not one."""
        try:
            raw = json.loads((folder / FILE).read_text())
            slope, intercept = float(raw["slope"]), float(raw["intercept"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InternalError(f"{folder.name}/{FILE} is not a calibration: {error!r}") from error
        if not (slope > 0 and np.isfinite(slope) and np.isfinite(intercept)):
            raise InternalError(f"{folder.name}/{FILE}: slope {slope} and intercept {intercept} cannot calibrate.")
        return cls(slope, intercept)


def log_odds(chances: FloatArray) -> FloatArray:
    """Log-odds of probabilities, finite at 0 and 1."""
    safe = np.clip(chances, EDGE, 1 - EDGE)
    odds: FloatArray = np.log(safe) - np.log1p(-safe)
    return odds


def sigmoid(margin: FloatArray) -> FloatArray:
    """Probabilities of log-odds, however large."""
    exponential = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1 / (1 + exponential), exponential / (1 + exponential))


def _fit(odds: FloatArray, targets: FloatArray, weights: FloatArray, *, free_slope: bool) -> tuple[float, float]:
    """Newton's method on slope and intercept, with a whiff of ridge towards the identity.

    A step is halved until it helps: from far away a whole one jumps to and fro for ever.
    """
    columns = np.stack([odds, np.ones_like(odds)]) if free_slope else np.ones((1, len(odds)))
    offset = np.zeros_like(odds) if free_slope else odds
    centre = np.array([1.0, 0.0]) if free_slope else np.array([0.0])

    def loss(at: FloatArray) -> float:
        margin = offset + at @ columns
        surprise = np.logaddexp(0.0, margin) - targets * margin
        return float(weights @ surprise + RIDGE / 2 * np.sum((at - centre) ** 2))

    current, now = centre.copy(), loss(centre)
    for _ in range(STEPS):
        chance = sigmoid(offset + current @ columns)
        gradient = columns @ (weights * (chance - targets)) + RIDGE * (current - centre)
        curvature = (columns * (weights * chance * (1 - chance))) @ columns.T + RIDGE * np.eye(len(current))
        step = np.linalg.solve(curvature, gradient)
        tries = (current - step / 2**halvings for halvings in range(40))
        moved = next((at for at in tries if loss(at) < now), None)
        if moved is None or now - loss(moved) < TOLERANCE * (1 + now):
            break
        current, now = moved, loss(moved)
    return (float(current[0]) if free_slope else 1.0, float(current[-1]))
