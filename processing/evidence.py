"""What the gate judges by: metrics with intervals, on the whole and by slice, and what surrounds the candidate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import pyarrow as pa

from processing.champion import Champion
from processing.columns import LABEL, WEIGHT
from processing.features.expressions import FloatArray
from processing.slices import slices
from processing.statistics.bootstrap import Bootstrap, Resampled
from processing.statistics.drift import compare
from processing.worth import saved_by
from rightpack.errors import DataError
from rightpack.gate import Estimate, Evidence, Slice
from rightpack.settings import Criterion, Drift, Gate, Settings

NEW: Final = "new model"
LAST: Final = "last approved"
SHOWN_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Measured:
    """Labels and weights of the validation rows, the models' scores on them, and their metrics.

    `slices` are metrics on parts of the rows: as many as the gate's criteria ask for.
    """

    labels: FloatArray
    weights: FloatArray
    scores: Mapping[str, FloatArray]
    metrics: Mapping[str, Resampled]
    slices: Mapping[str, Mapping[str, Resampled]]


def measure(
    labels: pa.Table,
    validation: pa.Table,
    *,
    candidate: FloatArray,
    champion: Champion | None,
    settings: Settings,
    package_type: str = "",
) -> Measured:
    """Metrics with bootstrap samples of the candidate and, where it could score, of the champion.

    With a `package_type` also what choosing between it and the baseline saves. Raises DataError where a class has no
    weight, since nothing can be measured then.
    """
    truth, weights = (labels[name].to_numpy().astype(np.float64) for name in (LABEL, WEIGHT))
    for value, name in ((1, "suitable"), (0, "unsuitable")):
        if not weights[truth == value].sum() > 0:
            raise DataError(f"No {name} row with a weight among {len(truth)} validation rows. Wait for more labels.")
    scores = {NEW: candidate}
    if champion is not None and champion.scores is not None:
        scores[LAST] = champion.scores
    gate = settings.gate
    bootstrap = Bootstrap(gate.bootstrap_rounds, settings.training.seed)
    parts = {}
    if any(criterion.slices for criterion in gate.criteria):
        for name, rows in slices(validation, truth, gate.slicing):
            parts[name] = bootstrap.resample(truth[rows], weights[rows], {m: s[rows] for m, s in scores.items()})
    means = {}
    if package_type:
        means = {name: saved_by(validation, truth, chances, package_type, settings) for name, chances in scores.items()}
    return Measured(truth, weights, scores, bootstrap.resample(truth, weights, scores, means), parts)


def evidence_of(
    measured: Measured,
    champion: Champion | None,
    profile: Mapping[str, Any],
    *,
    gate: Gate,
    more: Mapping[str, Estimate] | None = None,
    baseline: str = "",
) -> Evidence:
    """What the gate judges by, each metric with an interval at its own criterion's confidence.

    `profile` is that of the step Prepare; `more` are metrics of the surroundings that somebody else has measured;
    `baseline` is the package type that savings are measured against.
    """
    at = _confidences([c for c in gate.criteria if not c.slices])
    new, last = measured.metrics[NEW], measured.metrics.get(LAST)
    names = new.measured
    metrics = {name: new.estimate(name, at[name]) for name in names}
    metrics |= {**_surroundings(champion, profile, at["damage_ratio"]), **(more or {})}
    evidence = Evidence(metrics, slices=_slices(measured, gate))
    if baseline:
        evidence = replace(evidence, baseline=baseline)
    if champion is None:
        return evidence
    return replace(
        evidence,
        differences={name: new.difference(last, name, at[name]) for name in names if name in last.measured}
        if last
        else {},
        stored={name: _since(new, name, champion.stored[name], at[name]) for name in names if name in champion.stored},
    )


def _confidences(criteria: Sequence[Criterion], parts: int = 1) -> defaultdict[str, float]:
    """Confidence by metric, raised so that it holds for all `parts` together (Sidak)."""
    raised = {c.metric: c.confidence ** (1 / max(parts, 1)) for c in criteria}
    return defaultdict(lambda: SHOWN_CONFIDENCE, raised)


def _surroundings(champion: Champion | None, profile: Mapping[str, Any], confidence: float) -> dict[str, Estimate]:
    """What has changed since the champion was approved; nothing where there is none."""
    if champion is None:
        return {}
    train, card, damage = profile["train"], champion.card, profile.get("damage")
    found = {
        "label_shift": Estimate.exactly(abs(train["label_share"] - card.label_share)),
        "rows_ratio": Estimate.exactly(train["rows"] / card.rows),
    }
    if damage and damage["expected"] > 0:
        found["damage_ratio"] = damage_ratio(damage, champion.accepted_damage, confidence)
    return found


def feature_drift(champion: Champion | None, profile: Mapping[str, Any], limits: Drift) -> dict[str, Estimate]:
    """The largest PSI of a feature between what the champion and the candidate learned from; chance is ruled out first.

    Nothing where there is no champion, or the profile of its rows is not kept.
    """
    if champion is None or champion.baseline is None:
        return {}
    shifts = compare(champion.baseline.columns, profile["columns"]).shifts
    sure = [shift.psi for shift in shifts if shift.chi_square_p < limits.chi_square_p]
    return {"feature_drift": Estimate.exactly(max(sure, default=0.0))}


def damage_seen(profile: Mapping[str, Any]) -> float | None:
    """Damage of the newest days over what was expected, as it is; None where the drop has no counts."""
    damage = profile.get("damage")
    return float(damage["seen"] / damage["expected"]) if damage and damage["expected"] > 0 else None


def damage_ratio(damage: Mapping[str, float], accepted: float, confidence: float) -> Estimate:
    """Damaged shipments of the newest days over those expected, when a person has accepted `accepted` times as many."""
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * damage["deviation"]
    ends = (max(damage["seen"] - reach, 0.0), damage["seen"] + reach)
    low, value, high = (x / (damage["expected"] * accepted) for x in (ends[0], damage["seen"], ends[1]))
    return Estimate(value, low, high)


def _since(new: Resampled, name: str, stored: tuple[float, float], confidence: float) -> Estimate:
    """Difference from a stored metric: two independent measurements, so their variances add up."""
    value, deviation = new.values[name] - stored[0], hypot(new.deviation(name), stored[1])
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * deviation
    return Estimate(value, value - reach, value + reach)


def _slices(measured: Measured, gate: Gate) -> tuple[Slice, ...]:
    at = _confidences([c for c in gate.criteria if c.slices], len(measured.slices))
    found = []
    for name, models in measured.slices.items():
        new, last = models[NEW], models.get(LAST)
        metrics = {metric: new.estimate(metric, at[metric]) for metric in new.measured}
        differences = {metric: new.difference(last, metric, at[metric]) for metric in new.measured} if last else None
        found.append(Slice(name, metrics, differences))
    return tuple(found)
