"""False alarms and misses of the gate: `python -m benchmarks.gate_weeks [--json FILE] [--weeks N]`.

Simulated weeks use the product's own measurement, bootstrap and decision, and the criteria of `config/base.toml`; only
the scores are drawn instead of learned. Each week a candidate that is as good as the champion (with noise of its own)
and one with half the signal are judged on the same rows.

The concept drift is played whole: the generator halves the mailer's cushion, labels come from the product's SQL, models
from its training. The exit code is 0 when equal candidates are rejected in at most 5 % of the weeks, bad ones in at
least 95 %, the drift is caught within two weekly runs, and at most 5 % of the runs alarm where nothing drifts.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import erf, log, sqrt
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import sqlglot

from processing.artefact import Card
from processing.champion import Champion
from processing.columns import ROW, conform, training_columns
from processing.damage import damage_counts
from processing.evidence import NEW, damage_seen, evidence_of, measure
from processing.features.expressions import FloatArray
from processing.features.raw import RawColumns
from processing.generator import Catalogue, Drift
from processing.prepare import prepare
from processing.profiling import label_counts
from processing.scoring.bundle import Scorer
from processing.train import train
from rightpack import warehouse
from rightpack.gate import Verdict, decide
from rightpack.registry import ModelPackage, Outcome
from rightpack.settings import Settings

ROWS: Final = 4000
SIZES: Final = (ROWS, 1000, 400, 200)
UNSUITABLE: Final = 0.15
OWN_NOISE: Final = 0.5  # of each training, next to a spread of 1 in the products themselves
TRAINING_ROWS: Final = 3  # per validation row
CATEGORIES: Final = 6
TYPE: Final = "padded-mailer"
PRODUCTS: Final = (20_000, 5_000)
DRIFT_WEEK: Final = 2
LAST_WEEK: Final = 3
SEEDS: Final = (7, 8, 9, 10, 11)


@dataclass(frozen=True, slots=True)
class Skill:
    """How well scores tell suitable rows: the ROC-AUC before a model's own noise, and the share that is left of it."""

    roc_auc: float = 0.87
    signal: float = 1.0


def scores(labels: FloatArray, products: FloatArray, skill: Skill, rng: np.random.Generator) -> FloatArray:
    """Calibrated probabilities of a model: evidence in the products, noise of its own, then Bayes' rule.

    With less than the whole signal, noise fills the gap, so that only the separation shrinks.
    """
    gap, spread = _separation(skill.roc_auc), sqrt(1 + OWN_NOISE**2)
    known = skill.signal * (gap * labels + products)
    noise = sqrt(spread**2 - skill.signal**2) * rng.normal(size=len(labels))
    mean, variance = skill.signal * gap, spread**2
    evidence = ((known + noise) * mean - mean**2 / 2) / variance
    odds = log((1 - UNSUITABLE) / UNSUITABLE) + evidence
    chances: FloatArray = 1 / (1 + np.exp(-odds))
    return chances


def _separation(roc_auc: float) -> float:
    """Distance of two normal distributions that are told apart so well."""
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + erf(middle / 2)) / 2 < roc_auc else (low, middle)
    return low


def simulated_week(seed: int, rows: int, signal: float) -> Verdict:
    """One week: a champion, stored metrics of the week before, and a candidate with `signal`."""
    rng, settings = np.random.default_rng([seed, rows, round(100 * signal)]), _settings()
    before = _validation(rows, rng)
    then = scores(before[0], before[1], Skill(), rng)
    stored = measure(before[2], before[2], candidate=then, champion=None, settings=settings).metrics[NEW]
    labels, products, table = _validation(rows, rng)
    kept = {name: (stored.values[name], stored.deviation(name)) for name in stored.values}
    champion = Champion(_package(), _card(rows, rng), scores(labels, products, Skill(), rng), stored=kept)
    candidate = scores(labels, products, Skill(signal=signal), rng)
    measured = measure(table, table, candidate=candidate, champion=champion, settings=settings)
    usual = 0.16 * rows  # reported damage in two weeks
    damage = {"seen": float(rng.poisson(usual)), "expected": usual, "deviation": sqrt(usual), "units": 20.0 * rows}
    card = _card(rows, rng)
    profile = {"train": {"rows": card.rows, "label_share": card.label_share}, "damage": damage}
    return decide(evidence_of(measured, champion, profile, gate=settings.gate), settings.gate)


def _settings() -> Settings:
    return Settings.load("dev", [{"training": {"threads": 1}}])


def _validation(rows: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, pa.Table]:
    """Labels, what their products show of them, and the rows as a table with what slices need."""
    labels = (rng.random(rows) >= UNSUITABLE).astype(np.float64)
    columns = {
        "suitable": labels,
        "weight": np.ones(rows),
        "category": rng.integers(0, CATEGORIES, rows).astype(str),
        "weight_g": np.exp(rng.normal(6.73, 1.35, rows)),
    }
    return labels, rng.normal(size=rows), pa.table(columns)


def _card(rows: int, rng: np.random.Generator) -> Card:
    learned = TRAINING_ROWS * rows
    return Card(TYPE, "simulated", {}, 0, learned, int(rng.binomial(learned, 1 - UNSUITABLE)), "", {})


def _package() -> ModelPackage:
    moment = dt.datetime(2026, 9, 13, tzinfo=dt.UTC)
    return ModelPackage("arn", TYPE, 1, Outcome.APPROVED.value, moment, "", "", {})


def simulate(weeks: int, rows: int, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Share of weeks with each outcome, and which checks failed how often, for an equal and a halved candidate."""
    found: dict[str, Any] = {"rows": rows, "weeks": weeks}
    for name, signal in (("equal", 1.0), ("halved", 0.5)):
        verdicts = list(pool.map(partial(simulated_week, rows=rows, signal=signal), range(weeks), chunksize=5))
        outcomes = Counter(verdict.outcome for verdict in verdicts)
        failed = Counter(_kind(c.name) for v in verdicts for c in v.checks if not c.passed)
        rates = {outcome.name.lower(): outcomes[outcome] / weeks for outcome in Outcome}
        found[name] = {**rates, "failed_checks": dict(failed.most_common())}
    return found


def _kind(name: str) -> str:
    return name.split(" in ", maxsplit=1)[0] + " in a slice" if " in " in name else name


@dataclass(slots=True)
class Shop:
    """A generated shop with the product's own warehouse statements, on DuckDB."""

    settings: Settings
    catalogue: Catalogue
    connection: duckdb.DuckDBPyConnection

    @classmethod
    def open(cls, seed: int, products: int, drift: Drift) -> Shop:
        """An empty warehouse."""
        settings = _settings()
        catalogue = Catalogue(seed, products, settings.package_types, drift=drift)
        shop = cls(settings, catalogue, duckdb.connect(config={"threads": 1}))
        for statement in warehouse.schema_statements(settings):
            shop.run(statement)
        return shop

    def week(self, week: int) -> pa.Table:
        """Load a week and unload the training drop of its last day."""
        own = {"products": self.catalogue.products(week), "packaging_feedback": self.catalogue.feedback(week)}
        for name, batches in own.items():
            self.connection.register("incoming", pa.Table.from_batches(list(batches)))
            self.connection.execute(f"INSERT INTO {self.schema}.{name} BY NAME SELECT * FROM incoming")  # noqa: S608
        date = self.catalogue.start + dt.timedelta(days=7 * week + 6)
        for statement in warehouse.derive_labels(TYPE, date, self.settings):
            self.run(statement)
        features, labels = self.settings.features, self.settings.labels
        rows = self.run(warehouse.training_rows(TYPE, date, features, schema=self.schema, labels=labels))
        return conform(rows.to_arrow_table(), training_columns(features), "the drop")

    @property
    def schema(self) -> str:
        """Where the tables are."""
        return self.settings.warehouse.schema

    def run(self, statement: str) -> duckdb.DuckDBPyConnection:
        """Run a statement of Redshift's; how tables are spread over a cluster does not matter here."""
        ignore = sqlglot.ErrorLevel.IGNORE
        ours = sqlglot.transpile(statement, read="redshift", write="duckdb", unsupported_level=ignore)
        return self.connection.execute(ours[0])


@dataclass(frozen=True, slots=True)
class Week:
    """What a weekly run decided."""

    week: int
    status: str
    damage_ratio: float
    label_shift: float | None
    failed: tuple[str, ...]

    @property
    def alarmed(self) -> bool:
        """Whether people were told that the world has changed."""
        return any(name.startswith(("damage_ratio", "label_shift")) for name in self.failed)


def weekly_runs(seed: int, products: int, drift: Drift) -> Iterator[Week]:
    """Weekly trainings and verdicts of one shop, from the week before the drift on."""
    shop, champion = Shop.open(seed, products, drift), None
    for week in range(LAST_WEEK + 1):
        drop = shop.week(week)
        if week >= DRIFT_WEEK - 1:
            found, champion = _judge(week, drop, champion, shop.settings)
            yield found


def _judge(week: int, drop: pa.Table, champion: Champion | None, settings: Settings) -> tuple[Week, Champion | None]:
    prepared = prepare(drop, settings.split)
    scorer = train(prepared.train, TYPE, settings)
    validation, given = prepared.validation, champion
    if given is not None and given.note:
        raise ValueError(given.note)
    given = given and replace(given, scores=_scores(_scorers[given.package.arn], validation))
    candidate = _scores(scorer, validation)
    measured = measure(validation, validation, candidate=candidate, champion=given, settings=settings)
    profile = {"train": label_counts(prepared.train), "damage": damage_counts(drop)}
    evidence = evidence_of(measured, given, profile, gate=settings.gate)
    verdict = decide(evidence, settings.gate)
    if verdict.outcome is Outcome.APPROVED:
        arn = f"{settings.training.seed}/{week}"
        _scorers[arn] = scorer
        new = measured.metrics[NEW]
        stored = {name: (value, new.deviation(name)) for name, value in new.values.items()}
        champion = Champion(replace(_package(), arn=arn), scorer.card, None, stored=stored)
    shift = evidence.metrics.get("label_shift")
    failed = tuple(_kind(c.name) for c in verdict.checks if not c.passed)
    ratio = damage_seen(profile) or 0.0
    return Week(week, verdict.outcome.value, ratio, shift.value if shift else None, failed), champion


_scorers: dict[str, Scorer] = {}


def _scores(scorer: Scorer, rows: pa.Table) -> FloatArray:
    return scorer.score(RawColumns(rows, f"the validation rows by {ROW}"))


def drifts(pool: ProcessPoolExecutor) -> list[dict[str, Any]]:
    """Each shop with and without drift: after how many weekly runs it was caught, and false alarms without it."""
    cases = [(seed, products) for products in PRODUCTS for seed in SEEDS]
    return list(pool.map(drift_of, cases))


def drift_of(case: tuple[int, int]) -> dict[str, Any]:
    """One shop, played twice."""
    seed, products = case
    drifting = list(weekly_runs(seed, products, Drift(concept=DRIFT_WEEK, concept_type=TYPE)))
    steady = list(weekly_runs(seed, products, Drift()))
    caught = [w.week - DRIFT_WEEK + 1 for w in drifting if w.week >= DRIFT_WEEK and w.alarmed]
    return {
        "seed": seed,
        "products": products,
        "caught_after_runs": min(caught, default=None),
        "false_alarms": sum(w.alarmed for w in steady),
        "drifting": [asdict(w) for w in drifting],
        "steady": [asdict(w) for w in steady],
    }


def measure_all(weeks: int) -> dict[str, Any]:
    """Everything, with seconds."""
    started = time.monotonic()
    with ProcessPoolExecutor(2) as pool:
        simulated = [simulate(weeks, rows, pool) for rows in SIZES]
        concept = drifts(pool)
    large = [case for case in concept if case["products"] == PRODUCTS[0]]
    judged = sum(week["week"] >= DRIFT_WEEK for case in large for week in case["steady"])  # with a champion
    equal, halved = simulated[0]["equal"], simulated[0]["halved"]
    holds = {
        "equal_rejected_at_most_5_percent": equal["rejected"] <= 0.05,
        "halved_rejected_at_least_95_percent": halved["rejected"] >= 0.95,
        "drift_caught_within_two_runs": all((case["caught_after_runs"] or 9) <= 2 for case in large),
        "drift_alarms_without_drift_at_most_5_percent": sum(c["false_alarms"] for c in large) <= 0.05 * judged,
    }
    seconds = round(time.monotonic() - started, 1)
    return {"simulated": simulated, "concept_drift": concept, "holds": holds, "seconds": seconds}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 0 if everything holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate_weeks", description="False alarms and misses.")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--weeks", type=int, default=200)
    given = parser.parse_args(arguments)
    found = measure_all(given.weeks)
    sys.stdout.write(_words(found))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if all(found["holds"].values()) else 1


def _words(found: dict[str, Any]) -> str:
    lines = []
    for size in found["simulated"]:
        for name in ("equal", "halved"):
            rates = ", ".join(f"{key} {size[name][key]:.1%}" for key in ("approved", "rejected", "held"))
            lines.append(f"{size['rows']:>5} rows, {name:>6}: {rates}  {size[name]['failed_checks']}")
    for case in found["concept_drift"]:
        ratios = ", ".join(f"{w['damage_ratio']:.2f} {w['status']}" for w in case["drifting"])
        lines.append(
            f"{case['products']} products, seed {case['seed']}: drift caught after {case['caught_after_runs']} runs "
            f"({ratios}); {case['false_alarms']} alarms without drift"
        )
    lines += [f"{'holds' if held else 'FAILS'}: {name}" for name, held in found["holds"].items()]
    return "\n".join([*lines, f"{found['seconds']} s"]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
