"""The last approved model, scoring the very rows that its challenger is judged by."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from botocore.exceptions import ClientError

from processing.artefact import Card
from processing.columns import ROW
from processing.features.expressions import FloatArray
from processing.fetching import fetch
from processing.job import Job
from processing.joining import aligned
from processing.scoring import Bundle
from rightpack.errors import ContractError
from rightpack.layout import split_uri
from rightpack.registry import ModelPackage, Registry


@dataclass(frozen=True, slots=True)
class Champion:
    """The approved package, what it was trained on, and its scores; None where it cannot score today's columns.

    `stored` are the metrics that it was registered with: value and standard deviation, by name. `accepted_damage` is
    the damage ratio that a person accepted by approving it by hand; 1 if the gate approved it.
    """

    package: ModelPackage
    card: Card
    scores: FloatArray | None
    note: str = ""
    stored: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    accepted_damage: float = 1.0


def score_champion(job: Job, group: str, validation: pa.Table) -> Champion | None:
    """Scores of the group's serving model on `validation`, in its order; None where nothing is approved yet."""
    package = Registry(job.client("sagemaker")).champion(group)
    if package is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Bundle.load(fetch(package, job.client("s3"), Path(scratch)))
    card, statistics = bundle.scorers[0].card, _statistics(package, job.client("s3"))
    scores, note = None, ""
    try:
        scored = bundle.score(validation, "the validation data")
    except ContractError as error:
        note = f"The last approved model cannot score today's columns, so nothing is compared with it: {error}"
    else:
        scores = aligned(scored, validation[ROW], [card.package_type])[card.package_type].to_numpy().astype(np.float64)
    return Champion(package, card, scores, note, _stored(statistics), _accepted_damage(package, statistics))


def _statistics(package: ModelPackage, s3: Any) -> dict[str, Any]:
    """What the package's evaluation measured; nothing where that is not kept any more."""
    if package.statistics_uri is None:
        return {}
    bucket, key = split_uri(package.statistics_uri)
    try:
        return dict(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"NoSuchKey", "404"}:
            raise
        return {}


def _accepted_damage(package: ModelPackage, statistics: Mapping[str, Any]) -> float:
    """Only a person approves a model that was held back for its damage ratio, and so accepts that ratio."""
    held = "damage_ratio" in package.metadata.get("reason", "")
    return float(statistics.get("damage_ratio") or 1.0) if held and package.changed_by else 1.0


def _stored(statistics: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    named = statistics.get("binary_classification_metrics", {})
    return {name: (float(one["value"]), float(one["standard_deviation"])) for name, one in named.items()}
