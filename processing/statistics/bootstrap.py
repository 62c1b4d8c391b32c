"""Intervals by the bootstrap: stratified by label, paired between models, from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from processing.statistics.metrics import FloatArray, Ranked
from rightpack.gate import Estimate

CELLS: Final = 2_000_000  # weights held at once: samples times rows
TAIL: Final = 3  # samples that must lie beyond each end of an interval for it to be read off them


@dataclass(frozen=True, slots=True)
class Resampled:
    """Metrics of one model: on the rows as they are, and on every bootstrap sample."""

    values: Mapping[str, float]
    samples: Mapping[str, FloatArray]

    @property
    def measured(self) -> list[str]:
        """Metrics that could be measured."""
        return [name for name, value in self.values.items() if np.isfinite(value)]

    def estimate(self, name: str, confidence: float) -> Estimate:
        """Value and interval of a metric."""
        return _estimate(self.values[name], self.samples[name], confidence)

    def deviation(self, name: str) -> float:
        """Standard deviation of a metric over the samples."""
        samples = self.samples[name]
        return float(np.std(samples, ddof=1)) if len(samples) > 1 else 0.0

    def difference(self, other: Resampled, name: str, confidence: float) -> Estimate:
        """This model's metric less the other's, with the interval of the paired differences."""
        value = self.values[name] - other.values[name]
        return _estimate(value, self.samples[name] - other.samples[name], confidence)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How to resample: `rounds` samples from `seed`; the same one for every model makes the comparison paired."""

    rounds: int
    seed: int

    def resample(
        self,
        labels: FloatArray,
        weights: FloatArray,
        models: Mapping[str, FloatArray],
        means: Mapping[str, Mapping[str, FloatArray]] | None = None,
    ) -> dict[str, Resampled]:
        """Metrics of each model's scores on the same rows and the same samples of them.

        `means` are more metrics by model: each the weighted mean of one value per row.
        """
        ranked = {name: Ranked.of(labels, scores) for name, scores in models.items()}

        def measured(name: str, counted: FloatArray) -> dict[str, FloatArray]:
            more = (means or {}).get(name, {})
            return ranked[name].metrics(counted) | {m: counted @ v / counted.sum(axis=-1) for m, v in more.items()}

        return self.measure(labels, models, lambda name, counts: measured(name, counts * weights))

    def measure(
        self, strata: FloatArray, models: Iterable[str], metrics: Callable[[str, FloatArray], Mapping[str, FloatArray]]
    ) -> dict[str, Resampled]:
        """Metrics of each model under how often each row counts: once [rows], and as drawn [samples, rows]."""
        names, once = list(models), np.ones(len(strata))
        drawn: dict[str, list[Mapping[str, FloatArray]]] = {name: [] for name in names}
        for counts in self._counts(strata):
            for name in names:
                drawn[name].append(metrics(name, counts))
        return {name: _resampled(metrics(name, once), drawn[name]) for name in names}

    def _counts(self, labels: FloatArray) -> Iterator[FloatArray]:
        """How often each row is drawn, a block of samples at a time; each class keeps its number of rows."""
        generator = np.random.default_rng(self.seed)
        classes = [np.flatnonzero(labels == value) for value in (0, 1)]
        block = max(1, CELLS // max(1, len(labels)))
        for start in range(0, self.rounds, block):
            size = min(block, self.rounds - start)
            counts = np.zeros((size, len(labels)))
            for rows in classes:
                counts[:, rows] = _draw(generator, size, len(rows))
            yield counts


def _draw(generator: np.random.Generator, samples: int, rows: int) -> FloatArray:
    if not rows:
        return np.zeros((samples, 0))
    drawn: npt.NDArray[np.int64] = generator.integers(0, rows, size=(samples, rows))
    drawn += np.arange(samples)[:, None] * rows
    return np.bincount(drawn.ravel(), minlength=samples * rows).reshape(samples, rows).astype(np.float64)


def _resampled(values: Mapping[str, FloatArray], drawn: Sequence[Mapping[str, FloatArray]]) -> Resampled:
    samples = {name: np.concatenate([d[name] for d in drawn]) if drawn else np.zeros(0) for name in values}
    return Resampled({name: float(value) for name, value in values.items()}, samples)


def _estimate(value: float, samples: FloatArray, confidence: float) -> Estimate:
    """Percentile interval, or a normal one where fewer than `TAIL` samples lie beyond either end of it."""
    finite = samples[np.isfinite(samples)]
    if not len(finite):
        return Estimate.exactly(value)
    outside = (1 - confidence) / 2
    if len(finite) * outside < TAIL:
        low, high = _normal(value, finite, outside)
    else:
        low, high = map(float, np.quantile(finite, [outside, 1 - outside]))
    return Estimate(value, min(low, value), max(high, value))


def _normal(value: float, samples: FloatArray, outside: float) -> tuple[float, float]:
    deviation = float(np.std(samples, ddof=1)) if len(samples) > 1 else 0.0
    reach = NormalDist().inv_cdf(1 - outside) * deviation
    return value - reach, value + reach
