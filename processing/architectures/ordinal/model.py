"""The damage model as an artefact: from raw columns to a damage rate for every package type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from processing.architectures.ordinal.policy import LearnedPolicy
from processing.architectures.ordinal.sight import Sight
from processing.architectures.ordinal.trees import DamageTrees
from processing.artefact import Card, check_text
from processing.columns import DAMAGE
from processing.decisions.arrays import Floats
from processing.features.raw import RawColumns
from rightpack.errors import InternalError

NAME: Final = "ordinal"


@dataclass(frozen=True, slots=True)
class DamageScorer:
    """The joint model with everything that raw columns need to become damage rates."""

    card: Card
    sight: Sight
    trees: DamageTrees
    policy: LearnedPolicy

    @property
    def types(self) -> tuple[str, ...]:
        """Package types that it knows, from least to most protective."""
        return tuple(self.policy.versions)

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """Names of the raw columns that it looks at."""
        return (*self.sight.encoder.features.raw, *self.sight.texts)

    def damage(self, raw: RawColumns) -> Floats:
        """Mean damage rates [products, types] per shipment, in (0, 1]; not yet in the order of protection."""
        return self.trees.predict(self.sight.matrix(raw).values)

    def columns(self, raw: RawColumns) -> dict[str, Floats]:
        """A score column for each package type; ContractError where a raw column is missing."""
        rates = self.damage(raw)
        if not np.isfinite(rates).all():
            raise InternalError("The damage model gives rates that are not numbers.")
        return {f"{DAMAGE}{name}": rates[:, place] for place, name in enumerate(self.types)}

    def save(self, folder: Path) -> None:
        """Write the model's folder; the card, which says that it is complete, comes last."""
        folder.mkdir(parents=True, exist_ok=True)
        self.sight.save(folder)
        self.trees.save(folder)
        self.policy.save(folder)
        check_text(folder)
        self.card.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model's folder; DataError if its training never ended, InternalError if its files do not agree."""
        card = Card.load(folder)
        loaded = cls(card, Sight.load(folder), DamageTrees.load(folder), LearnedPolicy.load(folder))
        if len(loaded.trees.start) != len(loaded.types):
            raise InternalError(f"The damage model in {folder.name!r} and its policy differ in their package types.")
        return loaded
