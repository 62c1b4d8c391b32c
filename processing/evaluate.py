"""Evaluate: how good is the candidate, how good the last approved model on the same rows, and may it replace that?"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from processing import tables
from processing.champion import Champion, score_champion
from processing.columns import ROW
from processing.evidence import LAST, NEW, Measured, damage_seen, evidence_of, measure
from processing.features.expressions import FloatArray
from processing.job import Job, Record, manifest_of, parse_arguments, run_step
from processing.joining import aligned
from processing.reports.training import training_page
from processing.statistics.curves import precision_recall, reliability
from processing.statistics.metrics import METRICS, Ranked
from rightpack.gate import Evidence, Outcome, Verdict, decide
from rightpack.layout import Metric
from rightpack.metrics import Metrics
from rightpack.registry import Registry, manual_changes
from rightpack.settings import Settings


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the pipeline tells this step."""

    package_type: str
    business_date: str
    group: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything that the verdict rests on; `profile` is that of the step Prepare.

    `hands` is what people have changed in the registry since the last report.
    """

    arguments: Arguments
    profile: Mapping[str, Any]
    champion: Champion | None
    measured: Measured
    hands: tuple[dict[str, str], ...] = ()


def run(job: Job, arguments: Arguments) -> None:
    """Join, compare, decide; write output `evaluation` and the verdict's metrics."""
    record = Record("Evaluate")
    settings = job.settings(job.input("config"))
    trial = _try(job, arguments, settings, record)
    evidence = evidence_of(trial.measured, trial.champion, trial.profile, gate=settings.gate)
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
    scored = candidate.to_numpy().astype(np.float64)
    measured = measure(labels, validation, candidate=scored, champion=champion, settings=settings)
    profile = json.loads((job.input("profile") / "profile.json").read_text())
    hands = manual_changes(Registry(job.client("sagemaker")), arguments.group)
    return Trial(arguments, profile, champion, measured, tuple(hands))


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
        "stored_differences": {name: asdict(e) for name, e in evidence.stored.items()},
        "slices": [asdict(part) for part in evidence.slices],
        "hands": list(trial.hands),
        "damage": trial.profile.get("damage"),
        "damage_ratio": damage_seen(trial.profile),
    }


def _champion(champion: Champion, measured: Measured) -> dict[str, Any]:
    last = measured.metrics.get(LAST)
    return {
        "arn": champion.package.arn,
        "rows": champion.card.rows,
        "label_share": champion.card.label_share,
        "metrics": dict(last.values) if last else {},
    }


def _statistics(measured: Measured, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """The shape of SageMaker's own model quality statistics; `auc` is its name for the ROC-AUC.

    `damage_ratio`, ours, is kept for the case that a person approves the model and thereby accepts it.
    """
    new = measured.metrics[NEW]
    named = {name: {"value": new.values[name], "standard_deviation": new.deviation(name)} for name in METRICS}
    return {
        "version": 0.0,
        "dataset": {"item_count": len(measured.labels)},
        "binary_classification_metrics": {"auc": named["roc_auc"], **named},
        "damage_ratio": evaluation["damage_ratio"],
    }


def _write(job: Job, record: Record, evaluation: Mapping[str, Any], measured: Measured) -> None:
    folder = job.output("evaluation")
    curves = {name: _curves(measured, scores) for name, scores in measured.scores.items()}
    (folder / "evaluation.json").write_text(json.dumps(evaluation, indent=1))
    (folder / "statistics.json").write_text(json.dumps(_statistics(measured, evaluation), indent=1))
    (folder / "report.html").write_text(training_page(evaluation, curves))
    record.wrote("evaluation", folder, len(measured.labels))
    record.save(folder)


def _curves(measured: Measured, scores: FloatArray) -> dict[str, list[tuple[float, float]]]:
    ranked = Ranked.of(measured.labels, scores)
    weights = measured.weights
    return {"reliability": reliability(ranked, weights), "precision_recall": precision_recall(ranked, weights)}


def _emit(job: Job, package_type: str, verdict: Verdict, measured: Measured) -> None:
    values = {
        Metric.MODEL_APPROVED: float(verdict.outcome is Outcome.APPROVED),
        Metric.MODEL_REJECTED: float(verdict.outcome is Outcome.REJECTED),
        Metric.MODEL_HELD: float(verdict.outcome is Outcome.HELD),
        Metric.ROC_AUC: measured.metrics[NEW].values["roc_auc"],
    }
    Metrics(job.client("cloudwatch"), job.variable("RIGHTPACK_STAGE")).put(values, PackageType=package_type)


def main() -> int:
    """Entry of the step."""
    return run_step(lambda job: run(job, parse_arguments(Arguments, sys.argv[1:], "evaluate")))


if __name__ == "__main__":
    sys.exit(main())
