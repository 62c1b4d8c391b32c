"""The last approved model, scoring the very rows that its challenger is judged by."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from botocore.exceptions import ClientError

from processing.architectures.ordinal.model import DamageScorer
from processing.artefact import Card
from processing.baselines import Baseline, Baselines
from processing.columns import DAMAGE, ROW
from processing.features.expressions import FloatArray
from processing.fetching import fetch
from processing.job import Job
from processing.joining import aligned
from processing.scoring.bundle import Bundle
from rightpack.errors import ContractError
from rightpack.layout import split_uri
from rightpack.registry import ModelPackage, Registry

GONE: Final = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class Champion:
    """The approved package, what it was trained on, and its scores; None where it cannot score today's columns.

    `scores` are [rows], of the joint model damage rates [rows, types]. `stored` are the metrics that it was registered
    with: value and standard deviation, by name. `accepted_damage` is the damage ratio that a person accepted by
    approving it by hand; 1 if the gate approved it. `caution` is the joint model's own. `baseline` is the profile of
    the rows that it learned from, None where that is not kept.
    """

    package: ModelPackage
    card: Card
    scores: FloatArray | None
    note: str = ""
    stored: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    accepted_damage: float = 1.0
    caution: float = 1.0
    baseline: Baseline | None = None


def score_champion(
    job: Job, group: str, validation: pa.Table, *, columns: Sequence[str] | None = None, candidate: str = ""
) -> Champion | None:
    """Scores of the group's serving model on `validation`, in its order; None where nothing is approved yet.

    The artefact `candidate` itself does not count, though it may have been approved before.

    `columns` are the joint model's; other models have one.
    """
    package = Registry(job.client("sagemaker")).champion(group, other_than=candidate)
    if package is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Bundle.load(fetch(package, job.client("s3"), Path(scratch)))
    scorer, s3 = bundle.scorers[0], job.client("s3")
    statistics = _statistics(package, s3)
    scores, note = _scores(bundle, validation, columns)
    return Champion(
        package=package,
        card=scorer.card,
        scores=scores,
        note=note,
        stored=_stored(statistics),
        accepted_damage=_accepted_damage(package, statistics),
        caution=scorer.policy.caution if isinstance(scorer, DamageScorer) else 1.0,
        baseline=_baseline(package, Baselines(s3, job.layout)),
    )


def _scores(bundle: Bundle, validation: pa.Table, columns: Sequence[str] | None) -> tuple[FloatArray | None, str]:
    """The wanted columns, or None and why they cannot be had."""
    wanted = columns or [bundle.scorers[0].card.package_type]
    try:
        scored = bundle.score(validation, "the validation data")
    except ContractError as error:
        return None, f"The last approved model cannot score today's columns, so nothing is compared with it: {error}"
    missing = [name for name in wanted if name not in scored.column_names]
    if missing:
        types = ", ".join(name.removeprefix(DAMAGE) for name in missing)
        return None, f"The last approved model does not know {types}, so nothing is compared with it."
    found = aligned(scored, validation[ROW], wanted)
    values = np.stack([found[name].to_numpy().astype(np.float64) for name in wanted], axis=1)
    return values if columns else values[:, 0], ""


def _baseline(package: ModelPackage, baselines: Baselines) -> Baseline | None:
    """Profile of the rows that it learned from; None where that is not kept any more."""
    try:
        return baselines.training(package)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        return None


def _statistics(package: ModelPackage, s3: Any) -> dict[str, Any]:
    """What the package's evaluation measured; nothing where that is not kept any more."""
    if package.statistics_uri is None:
        return {}
    bucket, key = split_uri(package.statistics_uri)
    try:
        return dict(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        return {}


def _accepted_damage(package: ModelPackage, statistics: Mapping[str, Any]) -> float:
    """Only a person approves a model that was held back for its damage ratio, and so accepts that ratio."""
    held = "damage_ratio" in package.metadata.get("reason", "")
    return float(statistics.get("damage_ratio") or 1.0) if held and package.changed_by else 1.0


def _stored(statistics: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    named = statistics.get("binary_classification_metrics", {})
    return {name: (float(one["value"]), float(one["standard_deviation"])) for name, one in named.items()}
