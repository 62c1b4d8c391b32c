"""LightGBM taken up from a checkpoint so that its trees are those of a training that was never interrupted.

Scores and sums are exact by themselves: a model's text holds every number in full, and going on from it adds the same
leaves in the same order. What the text does not hold is here: where the drawing of columns stood, and which round was
the best. Draws of rows (bagging) cannot be taken up: their state has a part for each block of rows.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from processing.architectures.base import Examples, Options
from processing.checkpoints import Checkpoints

COLUMN_SEED: Final = "feature_fraction_seed"
# LightGBM's generator (include/LightGBM/utils/random.h), one step for each draw
FACTOR, SUMMAND, MODULUS = 214_013, 2_531_011, 2**32
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stand:
    """How far boosting has come: its rounds, the best one and its loss, the next column seed, and the whole text.

    Of a `finished` one, `text` is the model and `rounds` how many it has.
    """

    rounds: int
    text: str
    best: int = 0
    least: float = math.inf
    column_seed: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where one boosting keeps its stand."""

    checkpoints: Checkpoints
    belongs: str

    @classmethod
    def of(cls, options: Options, settings: Mapping[str, Any], *seen: Any) -> Place | None:
        """That of boosting with these settings and whatever else it sees; None where nothing is to be kept."""
        if options.checkpoints is None:
            return None
        if settings["bagging_freq"] > 0 and settings["bagging_fraction"] < 1:
            log.warning("No checkpoints: LightGBM cannot take up the draws of rows that bagging_fraction asks for.")
            return None
        return cls(options.checkpoints, _identity({**settings, "num_threads": 0}, *seen))

    @property
    def every(self) -> int:
        """Rounds between two checkpoints."""
        return self.checkpoints.every

    def find(self) -> Stand | None:
        """How far a boosting before this one came."""
        kept = self.checkpoints.find(self.belongs)
        if kept is None:
            return None
        stand = Stand(**kept)
        log.info("Boosting goes on from round %d of a checkpoint.", stand.rounds)
        return stand

    def keep(self, stand: Stand) -> None:
        """Keep how far it has come."""
        self.checkpoints.keep(self.belongs, asdict(stand))


class Keeper:
    """Callback that keeps the stand every so many rounds; `judged` tells the best round so far and its loss."""

    order = 30  # after whoever watches, and may end the training

    def __init__(self, place: Place, judged: Any, fraction: float) -> None:
        self._place, self._judged, self._fraction = place, judged, fraction

    def __call__(self, now: Any) -> None:
        """LightGBM's own record of the round `now`."""
        done = now.iteration + 1
        if done % self._place.every or done >= now.end_iteration:
            return
        if now.model.num_trees() != done:  # a round found nothing to split: such a text does not tell the rounds
            return
        text = now.model.model_to_string(num_iteration=-1)
        seed = seed_after(text, done - now.begin_iteration, self._fraction)
        best, least = self._judged()
        self._place.keep(Stand(done, text, best, least, seed))


def seed_after(text: str, rounds: int, fraction: float) -> int:
    """The seed that draws columns as the training of this text would after so many rounds more than it began with."""
    seed = int(re.findall(rf"\[{COLUMN_SEED}: (-?\d+)\]", text)[0])
    columns = [info for info in re.findall(r"\nfeature_infos=(.*)\n", text)[0].split(" ") if info != "none"]
    return advanced(seed, rounds * _draws(len(columns), fraction))


def advanced(seed: int, steps: int) -> int:
    """LightGBM's generator so many steps on, as a signed number of 32 bits."""
    factor, summand, whole, rest = FACTOR, SUMMAND, 1, 0
    while steps:
        if steps & 1:
            whole, rest = whole * factor % MODULUS, (rest * factor + summand) % MODULUS
        factor, summand, steps = factor * factor % MODULUS, (factor + 1) * summand % MODULUS, steps >> 1
    state = (whole * seed + rest) % MODULUS
    return state - MODULUS if state >= MODULUS // 2 else state


def _draws(columns: int, fraction: float) -> int:
    """How often LightGBM draws to choose the columns of one tree (ColSampler and Random::Sample)."""
    chosen = max(math.floor(columns * fraction + 0.5), min(1, columns))
    if fraction >= 1 or chosen >= columns:
        return 0
    return columns if chosen > 1 and chosen > columns / math.log2(chosen) else chosen


def _identity(*seen: Any) -> str:
    """A digest of examples, texts and plain values."""
    digest = hashlib.sha256()
    for one in seen:
        for part in _parts(one):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _parts(one: Any) -> list[bytes]:
    """Of examples also the rows that these were taken from: bins come from all of them."""
    if not isinstance(one, Examples):
        return [json.dumps(one, sort_keys=True).encode()]
    encoded, whole = one.encoded, one.encoded.whole
    arrays = [one.labels, one.weights, *([] if encoded.chosen is None else [encoded.chosen])]
    shape = json.dumps([list(encoded.columns), sorted(encoded.categories.items()), encoded.rows, whole.rows])
    return [shape.encode(), whole.made("digest", lambda: _digest(whole.matrix)), *map(_digest, arrays)]


def _digest(array: Any) -> bytes:
    flat: Any = np.ascontiguousarray(array).ravel()
    return hashlib.sha256(flat).digest()
