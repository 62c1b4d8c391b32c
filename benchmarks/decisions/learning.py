"""What is learned from a shop's labelled products: damage rates, how far to trust them, and today's suitability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from benchmarks.decisions.factors import Factors
from benchmarks.decisions.labels import training_table
from benchmarks.decisions.ordinal import SEVERITY, DamageModel, Matrix, Reports
from benchmarks.decisions.shop import Shop
from processing.decisions import Evidence, Policy, Trust, trust
from processing.decisions.arrays import Flags, Floats
from processing.features.encoder import Encoder
from processing.features.raw import RawColumns
from processing.train import train
from rightpack.settings import Settings

DIMENSIONS: Final = 12
FOLDS: Final = 5
CROSSED: Final = 50_000  # up to so many products every fold is held out once; beyond, one fold is evidence enough
CEILING_ROUNDS: Final = 300
CEILING_SHARE: Final = 0.4  # of the products' fitting types; the others change nothing but the time it takes


@dataclass(frozen=True, slots=True)
class Class:
    """Labelled products and those to decide about, as the damage model sees both."""

    labelled: Shop
    learning: Matrix
    asked: Matrix
    threads: int

    @classmethod
    def of(cls, labelled: Shop, asked: Shop, settings: Settings, threads: int) -> Class:
        """Encode the configured columns, the title as factors instead of hashed words."""
        features = replace(settings.features, text=())
        encoder = Encoder.learn(RawColumns(labelled.table, "the labelled products"), features)
        factors = Factors.learn(labelled.table["title"].combine_chunks(), DIMENSIONS)
        learning, wanted = (_matrix(shop, encoder, factors) for shop in (labelled, asked))
        return cls(labelled, learning, wanted, threads)

    @property
    def types(self) -> int:
        """Number of package types."""
        return len(self.labelled.types)


@dataclass(frozen=True, slots=True)
class Learned:
    """Damage rates of the products asked about [products, types], and the policy that held-out tests support."""

    damage: Floats
    trust: Trust
    rounds: int


def learn(room: Class, settings: Settings, policy: Policy) -> Learned:
    """Tune on held-out products, ask their tests how far to trust the model, then learn from all."""
    reports = Reports.of(room.labelled.counts, settings.labels)
    fold = np.arange(len(room.labelled)) % FOLDS
    tuned = list(_tuned(room, reports, fold))
    shortest = min(len(history) for _, _, history in tuned)
    rounds = int(np.argmin(np.mean([history[:shortest] for _, _, history in tuned], axis=0))) + 1
    held = np.concatenate([np.flatnonzero(side) for _, side, _ in tuned])
    believed = [m.predict(room.learning.values[side], threads=room.threads, rounds=rounds) for m, side, _ in tuned]
    found = _trust(room, held, np.concatenate(believed), policy)
    model = DamageModel.fit(room.learning, reports, rounds=rounds, types=room.types, threads=room.threads)
    return Learned(model.predict(room.asked.values, threads=room.threads), found, rounds)


def ceiling(room: Class) -> Floats:
    """Damage rates by the same model and features, taught the truth about every product."""
    fits = room.labelled.offer().fits
    known = fits & (np.random.default_rng(7).random(fits.shape) < CEILING_SHARE)
    reports = Reports.of_truth(room.labelled.damage, known)
    model = DamageModel.fit(room.learning, reports, rounds=CEILING_ROUNDS, types=room.types, threads=room.threads)
    return model.predict(room.asked.values, threads=room.threads)


def suitability(labelled: Shop, asked: Shop, settings: Settings) -> Floats:
    """P(suitable) by one model per package type, as the training step makes them; the fallback suits by assumption."""
    chances = np.ones((len(asked), len(asked.types)))
    raw = RawColumns(asked.table, "the products asked about")
    for place, package in enumerate(asked.types):
        if package.trained:
            table = training_table(labelled, place, settings.labels)
            chances[:, place] = train(table, package.name, settings).score(raw)
    return chances


def _matrix(shop: Shop, encoder: Encoder, factors: Factors) -> Matrix:
    encoded = encoder.encode(RawColumns(shop.table, "the products"))
    titles = factors.of(shop.table["title"].combine_chunks())
    return Matrix(np.concatenate([encoded.matrix, titles], axis=1), tuple(sorted(encoded.categories)))


def _tuned(room: Class, reports: Reports, fold: Any) -> Iterator[tuple[DamageModel, Flags, list[float]]]:
    """Models with the products that each has not seen, and how they did there by round."""
    for number in range(FOLDS if len(room.labelled) <= CROSSED else 1):
        side: Flags = fold == number
        out = side[reports.row]
        model, history = DamageModel.tune(
            room.learning, reports.take(~out), reports.take(out), types=room.types, threads=room.threads
        )
        yield model, side, history


def _trust(room: Class, held: Any, believed: Floats, policy: Policy) -> Trust:
    shop = room.labelled
    offer = shop.offer(damage=_scattered(believed, held, shop)).take(_flags(held, len(shop)))
    counts = shop.counts.take(np.sort(held))
    return trust(offer, policy, Evidence.of_tests(counts.tested, counts.failed, SEVERITY))


def _flags(rows: Any, length: int) -> Flags:
    flags = np.zeros(length, np.bool_)
    flags[rows] = True
    return flags


def _scattered(values: Floats, rows: Any, shop: Shop) -> Floats:
    """Values at their products' places; 0 elsewhere."""
    out = np.zeros((len(shop), len(shop.types)))
    out[rows] = values
    return out
