"""Train: learn one package type's model and write it as a bundle of one.

Part of the training rows (by another hash of the product id) is set aside: it tunes the model and calibrates it. The
model is then learned again from all of them. Hyperparameters of the job are laid over the settings' parameters.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import pyarrow as pa

from processing import hyperparameters, tables
from processing.architectures.base import BUILT_IN, Architecture, Examples, Options, resolve
from processing.architectures.calibration import Calibration
from processing.architectures.ordinal.trees import DEFAULTS as JOINT
from processing.artefact import Card, Entry, libraries, write_index
from processing.checkpoints import Checkpoints
from processing.columns import LABEL, PRODUCT, WEIGHT
from processing.cores import threads_of
from processing.features.encoder import Encoded, Encoder
from processing.features.rows import Rows
from processing.features.topical import Topical
from processing.job import Job, run_step
from processing.plugins import Source, blaming, fetch_source
from processing.progress import MOST_VARIABLE, Judge, Say, at_most, lines, prefixed, unsaid
from processing.scoring.bundle import Scorer
from processing.splitting import Flags, fractions
from processing.topics.approved import approved
from processing.training_joint import train_joint
from rightpack.errors import DataError, InternalError
from rightpack.packaging import EVERY_TYPE
from rightpack.settings import Settings
from rightpack.topic_model import without_topics

TUNING_SHARE: Final = 0.2
LEAST_PER_CLASS: Final = 5  # fewer rows of a class can neither stop a model nor calibrate it


@dataclass(frozen=True, slots=True)
class Learned:
    """A model, its calibration, and how it did on the rows set aside before it saw them."""

    model: Architecture
    calibration: Calibration
    tuning: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Seen:
    """Labelled rows as a model sees them; those set `aside` tune it."""

    encoder: Encoder
    examples: Examples
    aside: Flags

    @classmethod
    def of(cls, encoder: Encoder, encoded: Encoded, table: pa.Table, settings: Settings) -> Self:
        """Rows that are encoded, and a table of their products, labels and weights."""
        labels, weights = (table[name].to_numpy().astype(np.float64) for name in (LABEL, WEIGHT))
        aside = fractions(table[PRODUCT], f"{settings.split.salt}/tuning") < TUNING_SHARE
        return cls(encoder, Examples(encoded, labels, weights), aside)


def run(job: Job) -> None:
    """Read the channels `train` and `config`, write `model/`."""
    settings = job.settings(job.channel("config"))
    package_type = settings.target(job.variable("PACKAGE_TYPE"))
    given = hyperparameters.read(job.root / "input" / "config")
    card = (_joint if package_type == EVERY_TYPE else _single)(job, settings, given)
    write_index(job.model, [Entry(package_type, package_type, card.architecture)])
    _announce(card)


def _joint(job: Job, settings: Settings, given: Mapping[str, str]) -> Card:
    table, model = tables.read_folder(job.channel("train")), settings.damage_model
    parameters = {**model.parameters, **hyperparameters.typed(given, JOINT, "the damage model")}
    scorer = train_joint(table, replace(settings, damage_model=replace(model, parameters=parameters)))
    scorer = replace(scorer, card=replace(scorer.card, settings_digest=settings.digest))
    scorer.save(job.model / EVERY_TYPE)
    return scorer.card


def _single(job: Job, settings: Settings, given: Mapping[str, str]) -> Card:
    """The model of one package type."""
    training, package_type = settings.training, job.variable("PACKAGE_TYPE")
    rows = Rows.read(job.channel("train"), (PRODUCT, LABEL, WEIGHT))
    refuse_poor(rows.narrow, package_type, training.minimum_rows)
    source, folder = _source(job, settings), job.model / package_type
    topics = approved(settings, job.client)
    with blaming(training.architecture, source):
        defaults = getattr(resolve(training.architecture, source), "defaults", None)
        parameters = {**training.parameters, **hyperparameters.typed(given, defaults, training.architecture)}
        tuned = replace(settings, training=replace(training, parameters=parameters))
        marks = Checkpoints.of(job)
        scorer = train(rows, package_type, tuned, source, say=_interim(job), topics=topics, checkpoints=marks)
        # the card holds the parameters; the digest finds the settings that they were laid over
        scorer = replace(scorer, card=replace(scorer.card, settings_digest=settings.digest))
        if source:
            source.save(folder)
        scorer.save(folder)
    return scorer.card


def _source(job: Job, settings: Settings) -> Source | None:
    """Code of an architecture from outside; None for a built-in or installed one."""
    training = settings.training
    if not training.source or training.architecture in BUILT_IN:
        return None
    return fetch_source(training.source, job.client("s3"))


def train(
    rows: Rows | pa.Table,
    package_type: str,
    settings: Settings,
    source: Source | None = None,
    *,
    say: Say = unsaid,
    topics: Topical | None = None,
    checkpoints: Checkpoints | None = None,
) -> Scorer:
    """Learn from a prepared training table; the same table, settings and `topics` give the same files.

    `say` is told how good the model is while it learns; with `checkpoints` it goes on where one was interrupted.
    """
    rows = rows if isinstance(rows, Rows) else Rows.of(rows)
    encoder, encoded = rows.encode(settings.features, topics, workers=threads_of(settings.training))
    seen = Seen.of(encoder, encoded, rows.narrow, settings)
    return scorer_of(seen, package_type, settings, source, say=say, checkpoints=checkpoints)


def scorer_of(
    seen: Seen,
    package_type: str,
    settings: Settings,
    source: Source | None = None,
    *,
    say: Say = unsaid,
    checkpoints: Checkpoints | None = None,
) -> Scorer:
    """Learn a package type's model from rows that are encoded."""
    training, topics = settings.training, seen.encoder.topics
    options = Options(training.parameters, training.seed, threads_of(training), checkpoints=checkpoints)
    learned = _learn(seen, resolve(training.architecture, source), options, say=say)
    card = Card(
        package_type=package_type,
        architecture=training.architecture,
        parameters=dict(training.parameters),
        seed=training.seed,
        rows=seen.examples.rows,
        positives=int(seen.examples.labels.sum()),
        settings_digest=settings.digest,
        libraries=libraries(),
        tuning=dict(learned.tuning),
        source=source.digest if source else "",
        topics=topics.model if topics else without_topics(settings),
    )
    return Scorer(card, seen.encoder, learned.model, learned.calibration)


def _learn(seen: Seen, architecture: type[Architecture], options: Options, *, say: Say) -> Learned:
    examples = seen.examples
    tuning, learning = examples.take(seen.aside), examples.take(~seen.aside)
    if min(_rarer(tuning), _rarer(learning)) < LEAST_PER_CLASS:
        return Learned(architecture.fit(examples, None, options), Calibration(), {})
    judge = Judge(tuning, say)
    first = architecture.fit(learning, tuning, replace(options, watch=judge.watch))
    calibration, measured = judge.measure(first.predict(tuning.encoded))
    return Learned(first.refit(examples, options), calibration, measured)


def _rarer(examples: Examples) -> int:
    """Rows with a say of the rarer class."""
    positives = int(examples.labels[examples.weights > 0].sum())
    return min(positives, int((examples.weights > 0).sum()) - positives)


def refuse_poor(table: pa.Table, package_type: str, minimum_rows: int) -> None:
    """DataError where there is too little to learn from."""
    rows, positives = table.num_rows, int(table[LABEL].to_numpy().sum())
    counts = f"{rows} training rows for {package_type!r}, {positives} suitable and {rows - positives} not"
    if rows < minimum_rows:
        raise DataError(f"Only {counts}; training.minimum_rows asks for {minimum_rows}. Wait for more labels.")
    if positives in {0, rows}:
        raise DataError(f"{counts}: a model needs both. Wait for more labels, or set trained = false for this type.")
    if not table[WEIGHT].to_numpy().sum() > 0:
        raise DataError(f"{counts}, but every weight is 0; there is nothing to learn from.")


def _announce(card: Card) -> None:
    _say({"train_rows": card.rows, "train_label_share": card.label_share, **prefixed(card.tuning)})


def _interim(job: Job) -> Say:
    """How the training says how it does before its end, which is the last report that a tuning job counts."""
    most = job.environment.get(MOST_VARIABLE, "")
    if not most:
        return _say
    if not most.isdecimal() or not int(most):
        raise InternalError(f"{MOST_VARIABLE} is {most!r}; the pipeline definition must give a whole number.")
    return at_most(int(most) - 1, _say)


def _say(values: Mapping[str, float]) -> None:
    sys.stdout.write(lines(values))
    sys.stdout.flush()


def main() -> int:
    """Entry of the image's command `train`: the environment variable LAYER asks for a layer of topics instead."""
    if os.environ.get("LAYER"):
        from processing.topics.train import main as train_layer  # a model of packaging needs none of it

        return train_layer()
    return run_step(run, note="failure")


if __name__ == "__main__":
    sys.exit(main())
