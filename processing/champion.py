"""The last approved model, scoring the very rows that its challenger is judged by."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from processing.artefact import Card
from processing.columns import ROW
from processing.features.expressions import FloatArray
from processing.fetching import fetch
from processing.job import Job
from processing.joining import aligned
from processing.scoring import Bundle
from rightpack.errors import ContractError
from rightpack.registry import ModelPackage, Registry


@dataclass(frozen=True, slots=True)
class Champion:
    """The approved package, what it was trained on, and its scores; None where it cannot score today's columns."""

    package: ModelPackage
    card: Card
    scores: FloatArray | None
    note: str = ""


def score_champion(job: Job, group: str, validation: pa.Table) -> Champion | None:
    """Scores of the group's serving model on `validation`, in its order; None where nothing is approved yet."""
    package = Registry(job.client("sagemaker")).champion(group)
    if package is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Bundle.load(fetch(package, job.client("s3"), Path(scratch)))
    card = bundle.scorers[0].card
    try:
        scores = bundle.score(validation, "the validation data")
    except ContractError as error:
        note = f"The last approved model cannot score today's columns, so nothing is compared with it: {error}"
        return Champion(package, card, None, note)
    column = aligned(scores, validation[ROW], [card.package_type])[card.package_type]
    return Champion(package, card, column.to_numpy().astype(np.float64))
