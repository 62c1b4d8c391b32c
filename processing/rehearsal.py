"""Learn and judge a model of every package type on the same products, in this process: to try settings out.

The products are encoded and binned once, however many types learn from them; each type sees its own labelled ones.
Training and validation sides are those of the pipeline. There is no topic model, no champion and no gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.architectures.base import Examples
from processing.columns import LABEL, PRODUCT, TYPE, WEIGHT
from processing.cores import threads_of
from processing.features.encoder import Encoded, Encoder
from processing.features.expressions import FloatArray
from processing.features.rows import Rows
from processing.scoring.bundle import Scorer
from processing.splitting import split
from processing.statistics.bootstrap import Bootstrap, Resampled
from processing.train import Seen, refuse_poor, scorer_of
from rightpack.settings import Settings

PLACE: Final = "place"  # of a label's product among all products


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A model, and what it says of the `held` rows, which it has not learned from."""

    scorer: Scorer
    held: Examples
    chances: FloatArray

    def metrics(self, settings: Settings) -> Resampled:
        """Metrics on the held rows, with the bootstrap samples that the gate would look at."""
        bootstrap = Bootstrap(settings.gate.bootstrap_rounds, settings.training.seed)
        return bootstrap.resample(self.held.labels, self.held.weights, {"": self.chances})[""]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Products as models see them, and labels of any package types, in the order of the products."""

    settings: Settings
    encoder: Encoder
    encoded: Encoded
    labels: pa.Table

    @classmethod
    def of(cls, products: Rows, labels: pa.Table, settings: Settings) -> Self:
        """Encode the products; labels of others are left out. ContractError where a column is missing."""
        known = pc.index_in(labels[PRODUCT], value_set=products.narrow[PRODUCT].combine_chunks())
        placed = labels.append_column(PLACE, known).filter(known.is_valid()).sort_by(PLACE)
        encoder, encoded = products.encode(settings.features, None, workers=threads_of(settings.training))
        return cls(settings, encoder, encoded, placed)

    @property
    def types(self) -> tuple[str, ...]:
        """Trained package types that have a label."""
        there = set(pc.unique(self.labels[TYPE]).to_pylist())
        return tuple(t.name for t in self.settings.package_types if t.trained and t.name in there)

    def run(self, package_types: Sequence[str]) -> list[Rehearsed]:
        """Types side by side on all cores, in the order given; DataError where one has too little to learn from."""
        threads = threads_of(self.settings.training)
        workers = max(1, min(threads, len(package_types)))
        with ThreadPoolExecutor(workers) as pool:  # growing trees lets other threads run
            return list(pool.map(partial(self._learn, threads=threads // workers), package_types))

    def _learn(self, package_type: str, *, threads: int) -> Rehearsed:
        own = self.labels.filter(pc.equal(self.labels[TYPE], package_type))
        sides = split(own, self.settings.split)
        train = own.filter(pa.array(sides.train))
        refuse_poor(train, package_type, self.settings.training.minimum_rows)
        sparing = replace(self.settings, training=replace(self.settings.training, threads=threads))
        scorer = scorer_of(self._seen(train), package_type, sparing)
        scorer = replace(scorer, card=replace(scorer.card, settings_digest=self.settings.digest))
        held = self._seen(own.filter(pa.array(sides.validation))).examples
        return Rehearsed(scorer, held, scorer.calibration.apply(scorer.model.predict(held.encoded)))

    def _seen(self, rows: pa.Table) -> Seen:
        places = np.asarray(rows[PLACE].to_numpy(), dtype=np.intp)
        return Seen.of(self.encoder, self.encoded.take(places), rows.select([PRODUCT, LABEL, WEIGHT]), self.settings)
