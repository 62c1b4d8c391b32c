"""`explanation.json`: what drives a candidate's scores, in the shape of SageMaker Clarify's explainability analysis.

`explanations.kernel_shap.<label>` is Clarify's: mean absolute contribution by feature and the expected (base) score.
The rest is ours: directions in words, and the products that the candidate is surest of.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.architectures.ordinal.model import DamageScorer
from processing.artefact import unpack
from processing.columns import LABEL, PRODUCT
from processing.explaining.contributions import Contributions, contributions, features_of, rows_for
from processing.explaining.directions import push
from processing.explaining.joint import MOST_ROWS as MOST_JOINT_ROWS
from processing.explaining.joint import joint_contributions, reader, seen
from processing.features.encoder import Encoded, Encoder
from processing.features.expressions import FloatArray
from processing.features.raw import RawColumns
from processing.job import Job
from processing.scoring.bundle import Bundle, Scorer

Indices = npt.NDArray[np.intp]
MODEL: Final = "model"
ARCHIVE: Final = "model.tar.gz"
FILE: Final = "explanation.json"
VERSION: Final = "1.0"
MOST_ROWS: Final = 1000
EXAMPLES: Final = 3
SHOWN_REASONS: Final = 5
LONGEST_TEXT: Final = 80
SCORE: Final = "log odds of being suitable, before calibration"
JOINT_SCORE: Final = "minus log damage rate, mean over all package types"
NOT_EXPLAINED: Final[dict[str, Any]] = {"version": VERSION, "explanations": {}}


Labelled = Mapping[str, Contributions]


@dataclass(frozen=True, slots=True)
class Way:
    """How a kind of model is explained: what it sees of products, and what contributes, overall and by label.

    `explain` takes rows and, for sampling, other rows to exchange features with. `score` says what adds up, `chance`
    what a row's score means, for people. `most` rows are explained.
    """

    see: Callable[[RawColumns], Encoded]
    explain: Callable[[Encoded, Encoded | None], tuple[Contributions, Labelled]]
    reader: Encoder
    most: int
    score: str
    chance: str
    topics: str = ""

    @classmethod
    def single(cls, scorer: Scorer, seed: int) -> Self:
        """The model of one package type."""

        def explain(encoded: Encoded, background: Encoded | None) -> tuple[Contributions, Labelled]:
            found = contributions(scorer.model, encoded, seed=seed, background=background)
            return found, {LABEL: found}

        most = rows_for(scorer.model, MOST_ROWS)
        return cls(
            scorer.encoder.encode, explain, scorer.encoder, most, SCORE, "suitable with", topics=scorer.card.topics
        )

    @classmethod
    def joint(cls, scorer: DamageScorer, seed: int) -> Self:
        """The joint damage model: labels are the package types, overall is their mean."""

        def explain(encoded: Encoded, background: Encoded | None) -> tuple[Contributions, Labelled]:
            found = joint_contributions(scorer, encoded, seed=seed, background=background)
            return found.mean, found.by_type

        chance = "whole, on average over the package types, with"
        return cls(partial(seen, scorer), explain, reader(scorer), MOST_JOINT_ROWS, JOINT_SCORE, chance)


@dataclass(frozen=True, slots=True)
class Explained:
    """Some rows, how suitable they were scored, and what contributed to that."""

    table: pa.Table
    scores: FloatArray
    encoded: Encoded
    given: Contributions
    labelled: Labelled


def explain_candidate(job: Job, validation: pa.Table, scores: FloatArray, *, seed: int) -> dict[str, Any]:
    """Explanation of the model in the input `model`; without that input, of an image of its own say, an empty one."""
    folder = job.root / "processing" / "input" / MODEL
    if not (folder / ARCHIVE).is_file():
        return dict(NOT_EXPLAINED)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Bundle.load(unpack(folder / ARCHIVE, Path(scratch)))
    scorer = bundle.scorers[0]
    way = Way.single(scorer, seed) if isinstance(scorer, Scorer) else None
    way = Way.joint(scorer, seed) if isinstance(scorer, DamageScorer) else way
    return explanation(way, validation, scores, seed=seed) if way else dict(NOT_EXPLAINED)


def explanation(way: Way, table: pa.Table, scores: FloatArray, *, seed: int) -> dict[str, Any]:
    """Content of `explanation.json`; `scores` tell how good the rows of `table` are, from 0 to 1."""
    firsts = _firsts(table)
    drawn = np.sort(np.random.default_rng(seed).permutation(firsts)[: way.most])
    by_score = firsts[np.argsort(scores[firsts], kind="stable")]
    lowest, highest = by_score[:EXAMPLES], by_score[::-1][:EXAMPLES]
    overall = _explained(way, table, scores, chosen=drawn)
    return {
        "version": VERSION,
        "explanations": {"kernel_shap": {label: _clarify(own) for label, own in overall.labelled.items()}},
        "method": overall.given.method.value,
        "score": way.score,
        "chance": way.chance,
        "rows": len(drawn),
        "features": _features(way.reader, overall),
        "topics": way.topics,
        "examples": {
            name: _examples(_explained(way, table, scores, chosen=rows, background=overall.encoded))
            for name, rows in (("unsuitable", lowest), ("suitable", highest))
        },
    }


def _firsts(table: pa.Table) -> Indices:
    """Each product's first row."""
    _, firsts = np.unique(table[PRODUCT].to_numpy(zero_copy_only=False).astype(str), return_index=True)
    return np.sort(firsts)


def _explained(
    way: Way, table: pa.Table, scores: FloatArray, *, chosen: Indices, background: Encoded | None = None
) -> Explained:
    rows = table.take(pa.array(chosen))
    encoded = way.see(RawColumns(rows, "the validation data"))
    return Explained(rows, scores[chosen], encoded, *way.explain(encoded, background))


def _clarify(given: Contributions) -> dict[str, Any]:
    importance = np.abs(given.values).mean(axis=0)
    return {
        "global_shap_values": dict(zip(given.features, importance.tolist(), strict=True)),
        "expected_value": float(given.base.mean()),
    }


def _features(encoder: Encoder, overall: Explained) -> list[dict[str, Any]]:
    """Every feature, the most important one first."""
    given = overall.given
    importance = np.abs(given.values).mean(axis=0)
    total = float(importance.sum()) or 1.0
    columns = features_of(overall.encoded.columns)
    found = []
    for index in np.argsort(-importance, kind="stable"):
        name = given.features[index]
        values = overall.encoded.matrix[:, columns[name][0]].astype(np.float64)
        pushed = push(name, values, given.values[:, index], encoder)
        share = float(importance[index]) / total
        own = {"feature": name, "importance": float(importance[index]), "share": share}
        found.append({**own, "direction": pushed.direction.value, "words": pushed.words})
    return found


def _examples(some: Explained) -> list[dict[str, Any]]:
    given, raw = some.given, some.given.raw
    products = some.table[PRODUCT].to_pylist()
    return [
        {
            "product_id": str(products[row]),
            "suitability": float(some.scores[row]),
            "raw_score": float(raw[row]),
            "base": float(given.base[row]),
            "reasons": _reasons(some, row),
        }
        for row in range(len(products))
    ]


def _reasons(some: Explained, row: int) -> list[dict[str, Any]]:
    """The strongest contributions of one row; what the others add up to comes last, without a value."""
    own = some.given.values[row]
    order = np.argsort(-np.abs(own), kind="stable")
    found = [
        {
            "feature": some.given.features[index],
            "value": _value(some, some.given.features[index], row),
            "contribution": float(own[index]),
        }
        for index in order[:SHOWN_REASONS]
    ]
    rest: Sequence[int] = order[SHOWN_REASONS:].tolist()
    if rest:
        others = f"{len(rest)} other{'s' * (len(rest) != 1)}"
        found.append({"feature": others, "value": "", "contribution": float(own[rest].sum())})
    return found


def _value(some: Explained, feature: str, row: int) -> str:
    """What the product has there, as people write it."""
    if feature in some.table.column_names:
        value = some.table[feature][row].as_py()
    else:
        value = float(some.encoded.matrix[row, some.encoded.columns.index(feature)])
    if value is None or value != value:
        return "missing"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
