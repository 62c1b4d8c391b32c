"""How the damage model sees a product: the configured columns, and texts as a few factors instead of hashed words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np

from processing.architectures.ordinal.trees import Matrix
from processing.features.encoder import Encoder
from processing.features.factors import Factors
from processing.features.raw import RawColumns
from rightpack.errors import InternalError
from rightpack.settings import Features

FILE: Final = "factors.json"


@dataclass(frozen=True, slots=True)
class Sight:
    """An encoder of everything but texts, and the factors of each text column."""

    encoder: Encoder
    texts: Mapping[str, Factors]

    @classmethod
    def learn(cls, raw: RawColumns, features: Features, dimensions: int) -> Self:
        """Learn vocabularies and factors from products, which may have no label at all."""
        encoder = Encoder.learn(raw, replace(features, text=()))
        texts = {name: Factors.learn(raw.plain_text(name), dimensions) for name in features.text if dimensions}
        return cls(encoder, texts)

    def matrix(self, raw: RawColumns) -> Matrix:
        """Products as numbers; ContractError names a column that is missing or of another kind."""
        encoded = self.encoder.encode(raw)
        texts = [factors.of(raw.plain_text(name)) for name, factors in self.texts.items()]
        return Matrix(np.concatenate([encoded.matrix, *texts], axis=1), tuple(sorted(encoded.categories)))

    def save(self, folder: Path) -> None:
        """Write `encoder.json` and `factors.json`."""
        self.encoder.save(folder)
        content = {name: factors.to_dict() for name, factors in self.texts.items()}
        (folder / FILE).write_text(json.dumps(content, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; InternalError if it is something else."""
        try:
            raw = json.loads((folder / FILE).read_text())
            texts = {str(name): Factors.from_dict(one) for name, one in raw.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InternalError(f"{folder.name}/{FILE} holds no factors of texts: {error!r}") from error
        return cls(Encoder.load(folder), texts)
