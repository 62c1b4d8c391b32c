"""Topics of a text column as features: a copy of the topic model that a model learned with, and what of it is seen.

The copy lies in the model's own folder, so training and serving see the same topics whatever is approved since.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import pyarrow as pa

from processing.features.expressions import FloatArray
from processing.features.raw import RawColumns
from rightpack.errors import InternalError
from rightpack.settings import Topics

if TYPE_CHECKING:  # topics bring large libraries along: only models that see them import it
    from processing.topics.ensemble import Ensemble

FOLDER: Final = "topics"  # below the model's
FILE: Final = "features.json"


@dataclass(frozen=True, slots=True)
class Topical:
    """Topics of the column `text`, of so many layers, and with `coordinates` where a text lies among those of layer 1.

    `model` says which topic model it is a copy of (an ARN).
    """

    ensemble: Ensemble
    model: str
    text: str
    layers: int
    coordinates: bool

    @classmethod
    def of(cls, ensemble: Ensemble, settings: Topics) -> Self:
        """What the settings want to be seen of a topic model; layers that nobody looks at are left behind."""
        kept = ensemble.layers[: max(settings.layers, 1)]  # the coordinates are layer 1's
        small = replace(ensemble, layers=kept)
        return cls(small, settings.model, settings.text, min(settings.layers, len(kept)), settings.coordinates)

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the columns of topics, one per layer."""
        return tuple(f"topic_{layer}" for layer in range(1, self.layers + 1))

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the columns of numbers: distances from the topics' centres, and coordinates."""
        distances = tuple(f"topic_distance_{layer}" for layer in range(1, self.layers + 1))
        return (*distances, *(name for name in self._numbers if name.startswith("topic_at_")))

    @property
    def _numbers(self) -> tuple[str, ...]:
        from processing.topics.assign import numeric

        return numeric(self.ensemble, coordinates=self.coordinates)

    @property
    def vocabularies(self) -> dict[str, tuple[str, ...]]:
        """Topics that a layer may give, in the order of their ids: those of the copy's mapping."""
        topics = self.ensemble.mapping.topics
        return {
            name: tuple(t.topic for t in topics if t.layer == layer)
            for layer, name in enumerate(self.categorical, start=1)
        }

    def table(self, raw: RawColumns) -> pa.Table:
        """The columns of rows; made once however many models of one bundle see the same topics."""
        from processing.topics.assign import features

        key = (self.model, self.ensemble.mapping.digest, len(self.ensemble.layers), self.text, self.coordinates)
        return raw.made(key, lambda: features(self.ensemble, raw.plain_text(self.text), coordinates=self.coordinates))

    def numbers(self, raw: RawColumns) -> list[FloatArray]:
        """Values of the columns of numbers, NaN where there is none."""
        table = self.table(raw)
        return [table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in self.numeric]

    def save(self, folder: Path) -> None:
        """Write the copy below a model's folder."""
        self.ensemble.save(folder / FOLDER)
        own = {"model": self.model, "text": self.text, "layers": self.layers, "coordinates": self.coordinates}
        (folder / FOLDER / FILE).write_text(json.dumps(own, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read what `save` wrote; None where the model sees no topics."""
        path = folder / FOLDER / FILE
        if not path.is_file():
            return None
        try:
            own = json.loads(path.read_text())
            seen = (str(own["model"]), str(own["text"]), int(own["layers"]), bool(own["coordinates"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InternalError(
                f"{folder.name}/{FOLDER}/{FILE} does not say what is seen of topics: {error!r}"
            ) from error
        from processing.topics.ensemble import Ensemble

        return cls(Ensemble.load(folder / FOLDER), *seen)
