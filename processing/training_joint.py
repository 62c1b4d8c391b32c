"""Train the joint damage model from a prepared table of evidence: a row per product and package type."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from processing.architectures.ordinal.counts import Counts
from processing.architectures.ordinal.learning import Learned, Lesson, learn
from processing.architectures.ordinal.model import NAME, DamageScorer
from processing.architectures.ordinal.policy import LearnedPolicy
from processing.architectures.ordinal.trees import Recipe
from processing.artefact import Card, libraries
from processing.columns import EVIDENCE, PRODUCT
from processing.cores import threads_of
from processing.decisions import Policy
from processing.preparing_joint import first_rows, sound_rows
from processing.worth import damage_cost
from rightpack.errors import DataError
from rightpack.packaging import EVERY_TYPE
from rightpack.settings import Settings


def train_joint(table: pa.Table, settings: Settings) -> DamageScorer:
    """Learn damage in all package types; the same table and settings give the same files.

    DataError where there is too little to learn from.
    """
    _refuse_poor(table, settings.training.minimum_rows)
    types = settings.by_protection
    recipe = _recipe(settings)
    products = table.take(pa.array(first_rows(table)))
    lesson = Lesson.of(
        products,
        Counts.of(table, products[PRODUCT].combine_chunks(), [t.name for t in types]),
        types,
        settings.features,
        dimensions=recipe.parameters["title_dimensions"],
    )
    learned = learn(lesson, settings.labels, Policy.of(settings.recommendation), recipe, cost=damage_cost(settings))
    return DamageScorer(
        _card(table, learned, settings), lesson.sight, learned.trees, LearnedPolicy.of(learned.trust, types)
    )


def _recipe(settings: Settings) -> Recipe:
    training, types = settings.training, len(settings.package_types)
    given = settings.damage_model.parameters
    return Recipe.of(given, types=types, seed=training.seed, threads=threads_of(training))


def _card(table: pa.Table, learned: Learned, settings: Settings) -> Card:
    worth = learned.trust.worth
    tuning = {"rounds": float(learned.rounds), "deviance": learned.deviance, "saving": float(worth.saving)}
    return Card(
        package_type=EVERY_TYPE,
        architecture=NAME,
        parameters=dict(settings.damage_model.parameters),
        seed=settings.training.seed,
        rows=table.num_rows,
        positives=int(sound_rows(table).sum()),
        settings_digest=settings.digest,
        libraries=libraries(),
        tuning={**tuning, "caution": float(learned.trust.policy.caution), "tests": float(worth.tests)},
    )


def _refuse_poor(table: pa.Table, minimum_rows: int) -> None:
    rows = table.num_rows
    units = {name: int(np.sum(table[name].to_numpy())) for name in EVIDENCE}
    counts = f"{rows} products in package types: {units['shipped']} units shipped, {units['tested']} tested"
    if rows < minimum_rows:
        raise DataError(f"Only {counts}; training.minimum_rows asks for {minimum_rows}. Wait for more feedback.")
    if not units["bad"] + units["failed"]:
        raise DataError(f"{counts}, and nothing broke: there is no damage to learn from. Wait for more feedback.")
