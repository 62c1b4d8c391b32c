"""Score raw columns with every model of a bundle in one pass; serving and evaluation both come through here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import pyarrow as pa

from processing.architectures.base import Architecture, resolve
from processing.architectures.calibration import Calibration
from processing.architectures.ordinal.model import DamageScorer
from processing.artefact import Card, Entry, check_text, read_index
from processing.columns import PRODUCT, ROW
from processing.features.encoder import Encoder
from processing.features.expressions import FloatArray
from processing.features.raw import RawColumns
from processing.plugins import Source
from rightpack.errors import DataError, InternalError
from rightpack.packaging import EVERY_TYPE


class Scores(Protocol):
    """What a bundle asks of each of its models."""

    @property
    def card(self) -> Card:
        """What the model is."""
        ...

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """Names of the raw columns that it looks at."""
        ...

    def columns(self, raw: RawColumns) -> dict[str, FloatArray]:
        """Its score columns by name; ContractError where a raw column is missing."""
        ...


@dataclass(frozen=True, slots=True)
class Scorer:
    """One package type's model with everything that raw columns need to become a probability."""

    card: Card
    encoder: Encoder
    model: Architecture
    calibration: Calibration

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """Names of the raw columns that it looks at."""
        return self.encoder.raw

    def score(self, raw: RawColumns) -> FloatArray:
        """Calibrated P(suitable) per row, in [0, 1]; ContractError where a raw column is missing."""
        chances = self.calibration.apply(self.model.predict(self.encoder.encode(raw)))
        if not np.isfinite(chances).all():
            raise InternalError(f"The model of {self.card.package_type!r} gives scores that are not numbers.")
        return chances

    def columns(self, raw: RawColumns) -> dict[str, FloatArray]:
        """P(suitable), in a column called as the package type."""
        return {self.card.package_type: self.score(raw)}

    def save(self, folder: Path) -> None:
        """Write the model's folder; the card, which says that it is complete, comes last.

        InternalError where the architecture wrote something else than text and JSON.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.encoder.save(folder)
        self.model.save(folder)
        self.calibration.save(folder)
        check_text(folder)
        self.card.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model's folder; DataError if its training never ended."""
        card = Card.load(folder)
        model = resolve(card.architecture, Source.load(folder, card.source)).load(folder)
        return cls(card, Encoder.load(folder), model, Calibration.load(folder))


@dataclass(frozen=True, slots=True)
class Bundle:
    """All models of an artefact."""

    entries: tuple[Entry, ...]
    scorers: tuple[Scores, ...]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read an unpacked artefact; DataError if it holds no model or one of another package type than it says."""
        entries, _ = read_index(folder)
        scorers = [_load(folder, entry) for entry in entries]
        if not scorers:
            raise DataError("The model artefact holds no model.")
        for entry, scorer in zip(entries, scorers, strict=True):
            if entry.package_type != scorer.card.package_type:
                raise DataError(f"Model {entry.package_type!r} is one of {scorer.card.package_type!r}; train it again.")
        return cls(tuple(entries), tuple(scorers))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the raw columns that any of its models looks at, each once."""
        return tuple(dict.fromkeys(name for scorer in self.scorers for name in scorer.raw_columns))

    def score(self, table: pa.Table, source: str = "the request") -> pa.Table:
        """One row per row of `table`, in its order: `row_id` and the columns of every model.

        A package type's model gives P(suitable), the joint one a damage rate for every type that it knows.
        """
        raw = RawColumns(table, source)
        columns = {ROW: raw.keys(ROW, PRODUCT)}
        for scorer in self.scorers:
            columns |= {name: pa.array(values, pa.float64()) for name, values in scorer.columns(raw).items()}
        return pa.table(columns)


def _load(folder: Path, entry: Entry) -> Scores:
    loading = DamageScorer if entry.package_type == EVERY_TYPE else Scorer
    return loading.load(folder / entry.directory)
