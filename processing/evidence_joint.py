"""What the gate judges the joint damage model by: tests, shipments and money on products it has not learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final

import numpy as np
import pyarrow as pa

from processing.architectures.ordinal.counts import Counts
from processing.architectures.ordinal.likelihood import SEVERITY, Reports
from processing.columns import ROW
from processing.decisions import Evidence, Offer, Policy, Savings, baseline_types, decide, savings
from processing.decisions.arrays import Flags, Floats, some
from processing.decisions.reading import products_of
from processing.evidence import LAST, NEW, Measured
from processing.statistics.bootstrap import Bootstrap, Resampled
from processing.statistics.metrics import METRICS, Ranked
from processing.worth import damage_cost
from rightpack.packaging import PackageType
from rightpack.settings import Settings

LEAST_TESTS: Final = 2  # one test has no spread, so nothing tells how far to believe it


@dataclass(frozen=True, slots=True)
class Believer:
    """A model as its decisions are made: damage rates of the held-out products [products, types], and its caution."""

    rates: Floats
    caution: float


@dataclass(frozen=True)
class HeldOut:
    """Products of the validation side with what was heard about them, in the order of their rows."""

    table: pa.Table
    counts: Counts
    settings: Settings

    @classmethod
    def of(cls, labels: pa.Table, validation: pa.Table, settings: Settings) -> HeldOut:
        """Bring the evidence into the order of the scored products."""
        names = [t.name for t in settings.by_protection]
        return cls(validation, Counts.of(labels, validation[ROW].combine_chunks(), names), settings)

    @cached_property
    def reports(self) -> Reports:
        """Shipments and tests, each an observation."""
        return Reports.of(self.counts, self.settings.labels)

    @cached_property
    def tests(self) -> Reports:
        """The tests among them."""
        return self.reports.take(self.reports.test > 0)

    @cached_property
    def passed(self) -> Floats:
        """1 for every test that no unit failed, else 0 [tests]."""
        return np.asarray(self.tests.bad == 0, dtype=np.float64)

    @property
    def tested(self) -> Flags:
        """Products with a test."""
        return some(self.counts.tested > 0)

    def chances(self, rates: Floats) -> Floats:
        """Chance by these rates that no unit of a test fails [tests]: that of a negative binomial count of 0."""
        return np.asarray(1 / (1 + self.tests.mean(np.log(self._at(self.tests, rates)))[0].astype(np.float64)))

    def surprise(self, rates: Floats) -> tuple[Floats, Floats]:
        """Weighted deviance of each product's observations, and their weights [products]."""
        weights = self.reports.weight.astype(np.float64)
        each = weights * self.reports.unit_deviance(self._at(self.reports, rates))
        deviance, counted = (np.bincount(self.reports.row, v, minlength=self.table.num_rows) for v in (each, weights))
        return deviance.astype(np.float64), counted.astype(np.float64)

    def savings(self, believer: Believer) -> Savings:
        """What deciding by it saves each product: by its own word, and by how much tests say more (NaN: no test)."""
        offer = Offer.of(products_of(self.table), self.types, damage=believer.rates, cost=damage_cost(self.settings))
        policy = replace(Policy.of(self.settings.recommendation).unguarded, caution=believer.caution)
        evidence = Evidence.of_tests(self.counts.tested, self.counts.failed, SEVERITY)
        return savings(offer, decide(offer, policy).chosen, baseline_types(offer, policy), evidence)

    @property
    def types(self) -> tuple[PackageType, ...]:
        """All package types, from least to most protective."""
        return self.settings.by_protection

    @staticmethod
    def _at(reports: Reports, rates: Floats) -> Floats:
        return np.asarray(np.clip(rates[reports.row, reports.place], 1e-9, 1.0))


def measure_joint(held: HeldOut, models: Mapping[str, Believer]) -> Measured:
    """Metrics of the `models` with bootstrap samples, drawn by product; those tested keep their number.

    `scores` and `labels` are of tests: the chance that no unit fails, and whether none did.
    """
    settings = held.settings
    bootstrap = Bootstrap(settings.gate.bootstrap_rounds, settings.training.seed)
    judges = {name: _Judge.of(held, model) for name, model in models.items()}
    strata = held.tested.astype(np.float64)
    metrics = bootstrap.measure(strata, models, lambda name, counts: judges[name].metrics(counts))
    parts: dict[str, dict[str, Resampled]] = {}
    if any(criterion.slices for criterion in settings.damage_model.criteria):
        parts = {
            part: bootstrap.measure(strata, models, partial(_of_tests, judges, rows)) for part, rows in _slices(held)
        }
    scores = {name: judge.chances for name, judge in judges.items()}
    return Measured(held.passed, np.ones(len(held.passed)), scores, metrics, parts)


def _of_tests(judges: Mapping[str, _Judge], rows: Flags, name: str, counts: Floats) -> dict[str, Floats]:
    return judges[name].of_tests(counts, rows)


def models_of(candidate: Believer, champion: Believer | None) -> dict[str, Believer]:
    """The models to measure, by the names that evidence has for them."""
    return {NEW: candidate} | ({LAST: champion} if champion else {})


@dataclass(frozen=True, slots=True)
class _Judge:
    """One model's standing with every held-out product, ready to be added up under any weights."""

    held: HeldOut
    chances: Floats
    deviance: Floats
    evidence: Floats
    savings: Savings

    @classmethod
    def of(cls, held: HeldOut, model: Believer) -> _Judge:
        return cls(held, held.chances(model.rates), *held.surprise(model.rates), held.savings(model))

    def metrics(self, counts: Floats) -> dict[str, Floats]:
        """Every metric, when product i counts `counts[..., i]` times."""
        every = np.ones(len(self.chances), np.bool_)
        with np.errstate(invalid="ignore", divide="ignore"):
            deviance = (counts @ self.deviance) / (counts @ self.evidence)
        tests = np.full(counts.shape[:-1], float(self.held.tested.sum()))
        return {
            **self.of_tests(counts, every),
            "deviance": deviance,
            "cost_saving": self._saving(counts),
            "tests": tests,
        }

    def of_tests(self, counts: Floats, rows: Flags) -> dict[str, Floats]:
        """How well some of the tests are told apart; NaN where none or all of them were passed."""
        ranked = Ranked.of(self.held.passed[rows], self.chances[rows])
        drawn = np.atleast_2d(counts)[:, self.held.tests.row[rows]][:, ranked.order]
        with np.errstate(invalid="ignore", divide="ignore"):
            found = METRICS["roc_auc"](ranked, drawn)
        return {"roc_auc": found if counts.ndim == 2 else found[0]}

    def _saving(self, counts: Floats) -> Floats:
        """Mean of what the model believes, corrected by what tests say more (doubly robust)."""
        own = self.savings
        known, seen = ~np.isnan(own.believed), ~np.isnan(own.surprise)
        if seen.sum() < LEAST_TESTS:
            return np.full(counts.shape[:-1], np.nan)
        believed = (counts[..., known] @ own.believed[known]) / counts[..., known].sum(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            correction = (counts[..., seen] @ own.surprise[seen]) / counts[..., seen].sum(axis=-1)
        return np.asarray(believed + correction)


def _slices(held: HeldOut) -> Iterator[tuple[str, Flags]]:
    """The tests of each package type that has enough of them to judge by."""
    slicing = held.settings.gate.slicing
    for place, package in enumerate(held.types):
        rows = held.tests.place == place
        rarer = min(int(held.passed[rows].sum()), int((1 - held.passed[rows]).sum()))
        if rows.sum() >= slicing.minimum_rows and rarer >= slicing.minimum_of_each_label:
            yield package.name, rows
