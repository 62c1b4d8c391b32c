"""Regularised logistic regression: with few unsuitable products it beats trees.

Newton's method on the penalised log likelihood, in blocks of rows, always in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from processing.architectures.base import Examples, Options, checked_parameters
from processing.architectures.calibration import sigmoid
from processing.architectures.design import Design, Scale
from processing.features.encoder import Encoded
from processing.features.expressions import FloatArray
from rightpack.errors import InternalError, SettingsError

FILE: Final = "logistic.json"
BLOCK: Final = 50_000
STEPS: Final = 60
TOLERANCE: Final = 1e-9
DEFAULTS: Final[Mapping[str, Any]] = {"penalty": 30.0, "penalties": [3.0, 10.0, 30.0, 100.0, 300.0]}


class Logistic:
    """Coefficients over a design, and the penalty they were found with."""

    defaults: ClassVar[Mapping[str, Any]] = DEFAULTS

    def __init__(self, design: Design, coefficients: FloatArray, penalty: float) -> None:
        self.design, self.coefficients, self.penalty = design, coefficients, penalty

    @classmethod
    def fit(cls, learning: Examples, tuning: Examples | None, options: Options) -> Self:
        """Take the penalty of least log loss on `tuning`, or the `penalty` parameter without it."""
        parameters = checked_parameters(options.parameters, DEFAULTS, "logistic")
        design = Design.learn(learning.encoded)
        candidates = parameters["penalties"] if tuning is not None else [parameters["penalty"]]
        models: list[Self] = []
        start = np.zeros(design.width)
        for penalty in sorted((_positive(p) for p in candidates), reverse=True):
            start = _Problem.of(design, learning, penalty).solve(start)
            models.append(cls(design, start, penalty))
        if tuning is None:
            return models[0]
        return min(models, key=lambda m: _loss(m.predict(tuning.encoded), tuning))

    def refit(self, examples: Examples, options: Options) -> Self:
        """Learn from all examples with the penalty that was chosen."""
        del options
        design = Design.learn(examples.encoded)
        coefficients = _Problem.of(design, examples, self.penalty).solve(np.zeros(design.width))
        return type(self)(design, coefficients, self.penalty)

    def predict(self, encoded: Encoded) -> FloatArray:
        """P(suitable) of each row."""
        rows = len(encoded.matrix)
        blocks = [self._block(encoded.take(slice(at, at + BLOCK))) for at in range(0, rows, BLOCK)]
        return np.concatenate(blocks) if blocks else np.zeros(0)

    def _block(self, encoded: Encoded) -> FloatArray:
        # not a matrix product: its rounding may depend on how many rows there are
        return sigmoid((self.design.matrix(encoded) * self.coefficients).sum(axis=1))

    def explain(self, encoded: Encoded) -> FloatArray:
        """Coefficient times value, summed over all that a column became; the base value is the intercept.

        Numbers are standardised, so an average or missing one contributes (almost) nothing.
        """
        parts = self.design.matrix(encoded) * self.coefficients
        out = np.zeros((len(parts), len(encoded.columns) + 1))
        for part, source in enumerate(self.design.sources):
            out[:, source] += parts[:, part]
        return out

    def save(self, folder: Path) -> None:
        """Write `logistic.json`."""
        content = {
            "penalty": self.penalty,
            "scales": [asdict(s) for s in self.design.scales],
            "categories": self.design.categories,
            "coefficients": self.coefficients.tolist(),
        }
        (folder / FILE).write_text(json.dumps(content, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `logistic.json`; InternalError if it is not one."""
        try:
            raw = json.loads((folder / FILE).read_text())
            scales = tuple(Scale(**s) for s in raw["scales"])
            design = Design(scales, tuple((int(c), int(n)) for c, n in raw["categories"]))
            return cls(design, np.asarray(raw["coefficients"], dtype=np.float64), float(raw["penalty"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InternalError(f"{folder.name}/{FILE} is not a logistic model: {error!r}") from error


@dataclass(frozen=True, slots=True)
class _Problem:
    """Penalised loss of coefficients over examples, with its derivatives."""

    design: Design
    examples: Examples
    ridge: FloatArray

    @classmethod
    def of(cls, design: Design, examples: Examples, penalty: float) -> Self:
        """Everything but the intercept is pulled towards 0."""
        ridge = np.full(design.width, penalty, dtype=np.float64)
        ridge[0] = 1e-6
        return cls(design, examples, ridge)

    def solve(self, start: FloatArray) -> FloatArray:
        """Coefficients of least loss by Newton's method."""
        current, loss = start, self.loss(start)
        for _ in range(STEPS):
            gradient, curvature = self.derivatives(current)
            moved, new_loss = self._move(
                current, np.asarray(np.linalg.solve(curvature, gradient), dtype=np.float64), loss
            )
            if not loss - new_loss > TOLERANCE * abs(loss):
                break
            current, loss = moved, new_loss
        return current

    def _move(self, current: FloatArray, step: FloatArray, loss: float) -> tuple[FloatArray, float]:
        """Take the step, halved until it helps, so that the method cannot diverge."""
        for halvings in range(20):
            moved = current - step / 2**halvings
            new_loss = self.loss(moved)
            if new_loss < loss:
                return moved, new_loss
        return current, loss

    def loss(self, coefficients: FloatArray) -> float:
        """Penalised negative log likelihood."""
        total = 0.5 * float(np.sum(self.ridge * coefficients**2))
        for matrix, part in self._blocks():
            margin = matrix @ coefficients
            total += float(np.sum(part.weights * (np.logaddexp(0.0, margin) - part.labels * margin)))
        return total

    def derivatives(self, coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient and curvature of the loss."""
        gradient, curvature = self.ridge * coefficients, np.diag(self.ridge)
        for matrix, part in self._blocks():
            chance = sigmoid(matrix @ coefficients)
            gradient = gradient + matrix.T @ (part.weights * (chance - part.labels))
            spread = part.weights * chance * (1 - chance)
            curvature = curvature + matrix.T @ (matrix * spread[:, None])
        return gradient, curvature

    def _blocks(self) -> Iterator[tuple[FloatArray, Examples]]:
        for start in range(0, self.examples.rows, BLOCK):
            part = self.examples.take(slice(start, start + BLOCK))
            yield self.design.matrix(part.encoded), part


def _positive(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
        raise SettingsError(f"training.parameters: a penalty of logistic must be a number above 0, not {value!r}.")
    return float(value)


def _loss(chances: FloatArray, examples: Examples) -> float:
    safe = np.clip(chances, 1e-12, 1 - 1e-12)
    each = examples.labels * np.log(safe) + (1 - examples.labels) * np.log1p(-safe)
    return -float(np.sum(examples.weights * each))
