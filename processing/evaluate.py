"""Evaluate: how good is the candidate, how good the last approved model on the same rows, and may it replace that?"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from processing import tables
from processing.champion import Champion, score_champion
from processing.columns import LABEL, ROW, WEIGHT
from processing.features.expressions import FloatArray
from processing.job import Job, Record, manifest_of, parse_arguments, run_step
from processing.joining import aligned
from processing.reports.training import training_page
from processing.statistics.bootstrap import Bootstrap, Resampled
from processing.statistics.curves import precision_recall, reliability
from processing.statistics.metrics import METRICS, Ranked
from rightpack.errors import DataError
from rightpack.gate import Estimate, Evidence, Verdict, decide
from rightpack.layout import Metric
from rightpack.metrics import Metrics
from rightpack.settings import Gate, Settings

NEW: Final = "new model"
LAST: Final = "last approved"
SHOWN_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the pipeline tells this step."""

    package_type: str
    business_date: str
    group: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Labels and weights of the validation rows, the models' scores on them, and their metrics."""

    labels: FloatArray
    weights: FloatArray
    scores: Mapping[str, FloatArray]
    metrics: Mapping[str, Resampled]


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything that the verdict rests on; `profile` is that of the step Prepare."""

    arguments: Arguments
    profile: Mapping[str, Any]
    champion: Champion | None
    measured: Measured


def run(job: Job, arguments: Arguments) -> None:
    """Join, compare, decide; write output `evaluation` and the verdict's metrics."""
    record = Record("Evaluate")
    settings = job.settings(job.input("config"))
    trial = _try(job, arguments, settings, record)
    evidence = evidence_of(trial, settings.gate)
    verdict = decide(evidence, settings.gate)
    _write(job, record, _evaluation(trial, evidence, verdict), trial.measured)
    _emit(job, arguments.package_type, verdict, trial.measured)


def _try(job: Job, arguments: Arguments, settings: Settings, record: Record) -> Trial:
    before = manifest_of(job.input("profile"))
    labels = tables.read_folder(record.checked(before, "labels", job.input("labels")))
    validation = tables.read_folder(record.checked(before, "validation", job.input("validation")))
    record.read("scores", job.input("scores"))
    scores = tables.read_folder(job.input("scores"))
    candidate = aligned(scores, labels[ROW], [arguments.package_type])[arguments.package_type]
    champion = score_champion(job, arguments.group, validation)
    measured = measure(labels, candidate.to_numpy().astype(np.float64), champion, settings)
    profile = json.loads((job.input("profile") / "profile.json").read_text())
    return Trial(arguments, profile, champion, measured)


def measure(labels: pa.Table, candidate: FloatArray, champion: Champion | None, settings: Settings) -> Measured:
    """Metrics with bootstrap samples of the candidate and, where it could score, of the champion.

    Raises DataError where a class has no weight, since nothing can be measured then.
    """
    truth, weights = (labels[name].to_numpy().astype(np.float64) for name in (LABEL, WEIGHT))
    for value, name in ((1, "suitable"), (0, "unsuitable")):
        if not weights[truth == value].sum() > 0:
            raise DataError(f"No {name} row with a weight among {len(truth)} validation rows. Wait for more labels.")
    scores = {NEW: candidate}
    if champion is not None and champion.scores is not None:
        scores[LAST] = champion.scores
    bootstrap = Bootstrap(settings.gate.bootstrap_rounds, settings.training.seed)
    return Measured(truth, weights, scores, bootstrap.resample(truth, weights, scores))


def evidence_of(trial: Trial, gate: Gate) -> Evidence:
    """What the gate judges by, each metric with an interval at its own criterion's confidence."""
    at = dict.fromkeys(METRICS, SHOWN_CONFIDENCE) | {c.metric: c.confidence for c in gate.criteria}
    new, last = trial.measured.metrics[NEW], trial.measured.metrics.get(LAST)
    metrics = {name: new.estimate(name, at[name]) for name in METRICS}
    if trial.champion is None:
        return Evidence(metrics, None)
    train, card = trial.profile["train"], trial.champion.card
    metrics["label_shift"] = Estimate.exactly(abs(train["label_share"] - card.label_share))
    metrics["rows_ratio"] = Estimate.exactly(train["rows"] / card.rows)
    return Evidence(metrics, {name: new.difference(last, name, at[name]) for name in METRICS} if last else {})


def _evaluation(trial: Trial, evidence: Evidence, verdict: Verdict) -> dict[str, Any]:
    champion = trial.champion
    return {
        "version": 1,
        **asdict(trial.arguments),
        "decision": verdict.to_dict(),
        "metrics": {name: e.value for name, e in evidence.metrics.items()},
        "intervals": {name: asdict(e) for name, e in evidence.metrics.items()},
        "differences": {name: asdict(e) for name, e in (evidence.differences or {}).items()},
        "rows": {side: trial.profile[side] for side in ("train", "validation")},
        "champion": None if champion is None else _champion(champion, trial.measured),
        "note": "" if champion is None else champion.note,
    }


def _champion(champion: Champion, measured: Measured) -> dict[str, Any]:
    last = measured.metrics.get(LAST)
    return {
        "arn": champion.package.arn,
        "rows": champion.card.rows,
        "label_share": champion.card.label_share,
        "metrics": dict(last.values) if last else {},
    }


def _statistics(measured: Measured) -> dict[str, Any]:
    """The shape of SageMaker's own model quality statistics; `auc` is its name for the ROC-AUC."""
    new = measured.metrics[NEW]
    named = {name: {"value": new.values[name], "standard_deviation": new.deviation(name)} for name in METRICS}
    return {
        "version": 0.0,
        "dataset": {"item_count": len(measured.labels)},
        "binary_classification_metrics": {"auc": named["roc_auc"], **named},
    }


def _write(job: Job, record: Record, evaluation: Mapping[str, Any], measured: Measured) -> None:
    folder = job.output("evaluation")
    curves = {name: _curves(measured, scores) for name, scores in measured.scores.items()}
    (folder / "evaluation.json").write_text(json.dumps(evaluation, indent=1))
    (folder / "statistics.json").write_text(json.dumps(_statistics(measured), indent=1))
    (folder / "report.html").write_text(training_page(evaluation, curves))
    record.wrote("evaluation", folder, len(measured.labels))
    record.save(folder)


def _curves(measured: Measured, scores: FloatArray) -> dict[str, list[tuple[float, float]]]:
    ranked = Ranked.of(measured.labels, scores)
    weights = measured.weights
    return {"reliability": reliability(ranked, weights), "precision_recall": precision_recall(ranked, weights)}


def _emit(job: Job, package_type: str, verdict: Verdict, measured: Measured) -> None:
    approved = bool(verdict.to_dict()["approved"])
    values = {
        Metric.MODEL_APPROVED: float(approved),
        Metric.MODEL_REJECTED: float(not approved),
        Metric.ROC_AUC: measured.metrics[NEW].values["roc_auc"],
    }
    Metrics(job.client("cloudwatch"), job.variable("RIGHTPACK_STAGE")).put(values, PackageType=package_type)


def main() -> int:
    """Entry of the step."""
    return run_step(lambda job: run(job, parse_arguments(Arguments, sys.argv[1:], "evaluate")))


if __name__ == "__main__":
    sys.exit(main())
