"""Evaluate: how good is the candidate, how good the last approved model on the same rows, and may it replace that?"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from processing import tables
from processing.architectures.ordinal.model import NAME as ORDINAL
from processing.artefact import Entry, joint_policy
from processing.champion import Champion, score_champion
from processing.columns import DAMAGE, ROW
from processing.evidence import LAST, NEW, Measured, damage_seen, evidence_of, feature_drift, measure
from processing.evidence_joint import Believer, HeldOut, measure_joint, models_of
from processing.explanations import FILE as EXPLANATION
from processing.explanations import explain_candidate
from processing.features.expressions import FloatArray
from processing.job import Job, Record, manifest_of, parse_arguments, run_step
from processing.joining import aligned
from processing.reports.training import training_page
from processing.statistics.curves import precision_recall, reliability
from processing.statistics.drift import compare
from processing.statistics.metrics import Ranked
from rightpack.candidates import NOBODY
from rightpack.gate import Evidence, Verdict, decide
from rightpack.layout import Metric
from rightpack.metrics import Metrics
from rightpack.packaging import EVERY_TYPE
from rightpack.registry import Outcome, Registry, manual_changes
from rightpack.settings import Settings


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the pipeline tells this step: nothing that differs in a run of the same, for its result is cached.

    `candidate` is the URI of the artefact. `standing` is who was approved, and when people last changed anything, when
    it was made a model: a cached verdict holds as long as that is the same. Judged is against who is approved now,
    which may be later.
    """

    package_type: str
    business_date: str
    group: str
    candidate: str
    standing: str = NOBODY


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything that the verdict rests on; `profile` is that of the step Prepare.

    `hands` is what people have changed in the registry since the last report. `policy` is how far the joint model found
    out that it may be trusted; other models have none.
    """

    arguments: Arguments
    profile: Mapping[str, Any]
    champion: Champion | None
    measured: Measured
    hands: tuple[dict[str, str], ...] = ()
    explanation: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """What was set aside: labels, the rows that were scored, and the candidate's scores."""

    labels: pa.Table
    validation: pa.Table
    scores: pa.Table


def run(job: Job, arguments: Arguments) -> None:
    """Join, compare, decide; write output `evaluation` and the verdict's metrics."""
    record = Record("Evaluate")
    settings = job.settings(job.input("config"))
    trial = _try(job, arguments, settings, record)
    gate = settings.gate_of(arguments.package_type)
    drift = feature_drift(trial.champion, trial.profile, settings.drift)
    baseline = settings.recommendation.baseline
    evidence = evidence_of(trial.measured, trial.champion, trial.profile, gate=gate, more=drift, baseline=baseline)
    verdict = decide(evidence, gate)
    _write(job, record, _evaluation(trial, evidence, verdict), trial)
    _emit(job, arguments.package_type, verdict, trial.measured)


def _try(job: Job, arguments: Arguments, settings: Settings, record: Record) -> Trial:
    before = manifest_of(job.input("profile"))
    labels = tables.read_folder(record.checked(before, "labels", job.input("labels")))
    validation = tables.read_folder(record.checked(before, "validation", job.input("validation")))
    record.read("scores", job.input("scores"))
    held = Held(labels, validation, tables.read_folder(job.input("scores")))
    profile = json.loads((job.input("profile") / "profile.json").read_text())
    hands = tuple(manual_changes(Registry(job.client("sagemaker")), arguments.group))
    judge = _joint if arguments.package_type == EVERY_TYPE else _single
    return replace(judge(job, arguments, settings, held), profile=profile, hands=hands)


def _single(job: Job, arguments: Arguments, settings: Settings, held: Held) -> Trial:
    """The model of one package type."""
    name = arguments.package_type
    candidate = aligned(held.scores, held.labels[ROW], [name])[name].to_numpy().astype(np.float64)
    champion = score_champion(job, arguments.group, held.validation, candidate=arguments.candidate)
    measured = measure(
        held.labels, held.validation, candidate=candidate, champion=champion, settings=settings, package_type=name
    )
    explained = explain_candidate(job, held.validation, candidate, seed=settings.training.seed)
    return Trial(arguments, {}, champion, measured, explanation=explained)


def _joint(job: Job, arguments: Arguments, settings: Settings, held: Held) -> Trial:
    """The joint damage model."""
    out = HeldOut.of(held.labels, held.validation, settings)
    columns = [f"{DAMAGE}{t.name}" for t in out.types]
    scored = aligned(held.scores, held.validation[ROW], columns)
    rates = np.stack([scored[name].to_numpy().astype(np.float64) for name in columns], axis=1)
    policy = joint_policy(job.input("model"), [Entry(EVERY_TYPE, EVERY_TYPE, ORDINAL)])
    champion = score_champion(job, arguments.group, held.validation, columns=columns, candidate=arguments.candidate)
    known = champion and champion.scores is not None and Believer(champion.scores, champion.caution)
    measured = measure_joint(out, models_of(Believer(rates, policy["caution"]), known or None))
    whole = 1 - rates.mean(axis=1)
    explained = explain_candidate(job, held.validation, whole, seed=settings.training.seed)
    return Trial(arguments, {}, champion, measured, explanation=explained, policy=policy)


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
        "quarantine": trial.profile.get("quarantine"),
        "damage_ratio": damage_seen(trial.profile),
        "policy": dict(trial.policy),
        "shifts": _shifts(trial),
    }


def _shifts(trial: Trial) -> list[dict[str, Any]]:
    """How far each feature has moved since the champion learned; nothing where that is not kept."""
    if trial.champion is None or trial.champion.baseline is None:
        return []
    found = compare(trial.champion.baseline.columns, trial.profile["columns"]).shifts
    return [{"column": shift.column, "psi": shift.psi, "chi_square_p": shift.chi_square_p} for shift in found]


def _champion(champion: Champion, measured: Measured) -> dict[str, Any]:
    last = measured.metrics.get(LAST)
    return {
        "arn": champion.package.arn,
        "approved_at": champion.package.approved_at.isoformat(timespec="seconds"),
        "rows": champion.card.rows,
        "label_share": champion.card.label_share,
        "metrics": {name: last.values[name] for name in last.measured} if last else {},
    }


def _statistics(measured: Measured, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """The shape of SageMaker's own model quality statistics; `auc` is its name for the ROC-AUC.

    `damage_ratio`, ours, is kept for the case that a person approves the model and thereby accepts it.
    """
    new = measured.metrics[NEW]
    named = {name: {"value": new.values[name], "standard_deviation": new.deviation(name)} for name in new.measured}
    auc = {"auc": named["roc_auc"]} if "roc_auc" in named else {}
    return {
        "version": 0.0,
        "dataset": {"item_count": len(measured.labels)},
        "binary_classification_metrics": {**auc, **named},
        "damage_ratio": evaluation["damage_ratio"],
    }


def _write(job: Job, record: Record, evaluation: Mapping[str, Any], trial: Trial) -> None:
    folder, measured = job.output("evaluation"), trial.measured
    curves = {name: _curves(measured, scores) for name, scores in measured.scores.items()}
    (folder / "evaluation.json").write_text(json.dumps(evaluation, indent=1))
    (folder / "statistics.json").write_text(json.dumps(_statistics(measured, evaluation), indent=1))
    (folder / EXPLANATION).write_text(json.dumps(trial.explanation, indent=1, allow_nan=False))
    (folder / "report.html").write_text(training_page(evaluation, curves, trial.explanation))
    record.wrote("evaluation", folder, len(measured.labels))
    record.save(folder)


def _curves(measured: Measured, scores: FloatArray) -> dict[str, list[tuple[float, float]]]:
    if not len(scores):
        return {"reliability": [], "precision_recall": []}
    ranked = Ranked.of(measured.labels, scores)
    weights = measured.weights
    return {"reliability": reliability(ranked, weights), "precision_recall": precision_recall(ranked, weights)}


def _emit(job: Job, package_type: str, verdict: Verdict, measured: Measured) -> None:
    values = {
        Metric.MODEL_APPROVED: float(verdict.outcome is Outcome.APPROVED),
        Metric.MODEL_REJECTED: float(verdict.outcome is Outcome.REJECTED),
        Metric.MODEL_HELD: float(verdict.outcome is Outcome.HELD),
        Metric.LABEL_SHIFT: float(verdict.failed("label_shift")),
        Metric.ROWS_OUT_OF_RANGE: float(verdict.failed("rows_ratio")),
    }
    new = measured.metrics[NEW]
    values |= {Metric.ROC_AUC: new.values["roc_auc"]} if "roc_auc" in new.measured else {}
    Metrics(job.client("cloudwatch"), job.variable("RIGHTPACK_STAGE")).put(values, PackageType=package_type)


def main() -> int:
    """Entry of the step."""
    return run_step(lambda job: run(job, parse_arguments(Arguments, sys.argv[1:], "evaluate")))


if __name__ == "__main__":
    sys.exit(main())
