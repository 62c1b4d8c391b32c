"""Two models on the validation rows that both have scored: metrics with intervals, and their paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import LABEL, ROW, WEIGHT
from processing.features.expressions import FloatArray
from processing.statistics.bootstrap import Bootstrap
from processing.statistics.curves import precision_recall, reliability
from processing.statistics.metrics import METRICS, Ranked
from rightpack.gate import Estimate

ROUNDS: Final = 500
CONFIDENCE: Final = 0.95
LEAST_ROWS: Final = 50
FIRST: Final = "first"
SECOND: Final = "second"
Curves = Mapping[str, Mapping[str, list[tuple[float, float]]]]


@dataclass(frozen=True, slots=True)
class Judged:
    """Validation labels of a run (row_id, suitable, weight) and its scores (row_id and a column per package type)."""

    labels: pa.Table
    scores: pa.Table


@dataclass(frozen=True, slots=True)
class Compared:
    """Metrics of both on `rows` common rows; a difference is second less first. Empty where too few rows are common."""

    rows: int
    metrics: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Estimate]
    curves: Curves


def compare(first: Judged, second: Judged, column: str) -> Compared:
    """Compare two models on the rows that both judged by the same label."""
    one, two = _scored(first, column), _scored(second, column)
    common = one.join(two, [ROW, LABEL], join_type="inner", right_suffix="_two").sort_by([(ROW, "ascending")])
    labels, weights, *scores = (common[n].to_numpy().astype(np.float64) for n in (LABEL, WEIGHT, "score", "score_two"))
    if len(labels) < LEAST_ROWS or len(np.unique(labels)) < 2:
        return Compared(len(labels), {}, {}, {})
    models = dict(zip((FIRST, SECOND), scores, strict=True))
    resampled = Bootstrap(ROUNDS, seed=0).resample(labels, weights, models)
    metrics = {m: {name: one.estimate(name, CONFIDENCE) for name in METRICS} for m, one in resampled.items()}
    differences = {name: resampled[SECOND].difference(resampled[FIRST], name, CONFIDENCE) for name in METRICS}
    return Compared(len(labels), metrics, differences, {n: _curves(labels, weights, s) for n, s in models.items()})


def _scored(judged: Judged, column: str) -> pa.Table:
    scores = judged.scores.select([ROW, column]).rename_columns([ROW, "score"])
    labels = judged.labels.select([ROW, LABEL, WEIGHT])
    joined = labels.join(scores, ROW, join_type="inner")
    return joined.set_column(joined.column_names.index(LABEL), LABEL, pc.cast(joined[LABEL], pa.int64()))


def _curves(labels: FloatArray, weights: FloatArray, scores: FloatArray) -> dict[str, list[tuple[float, float]]]:
    ranked = Ranked.of(labels, scores)
    return {"reliability": reliability(ranked, weights), "precision_recall": precision_recall(ranked, weights)}
