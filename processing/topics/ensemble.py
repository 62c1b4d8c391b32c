"""The layers and the mapping as one model: `topics.json`, `mapping.json` and a `layer-<n>.json` each, text only."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa

from processing.artefact import pack, unpack
from processing.topics.layer import ROOT, Layer, Names, Placed
from rightpack.errors import DataError, InternalError
from rightpack.mapping import FILE as MAPPING
from rightpack.mapping import TopicMapping

INDEX: Final = "topics.json"
ARCHIVE: Final = "model.tar.gz"
VERSION: Final = 1
LAYERS: Final = 3


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Layers in order, up to three, and what becomes of their topics."""

    layers: tuple[Layer, ...]
    mapping: TopicMapping

    def assign(self, texts: pa.Array) -> list[Placed]:
        """Topics of clean texts in each layer, as the mapping says; the next layer looks into what it split."""
        return list(self._walk(texts))

    def leaves(self, texts: pa.Array) -> Names:
        """The finest topic of each clean text; None where there is none."""
        leaf = np.full(len(texts), None, dtype=object)
        for placed in self._walk(texts):
            leaf = np.where(placed.there, placed.topics, leaf)
        return leaf

    def _walk(self, texts: pa.Array) -> Iterator[Placed]:
        leaf = np.full(len(texts), ROOT, dtype=object)
        final = {topic.topic: self.mapping.final(topic.topic) for topic in self.mapping.topics}
        for layer in self.layers:
            raw = layer.predict(texts, leaf)
            topics = np.array([None if name is None else final.get(name) for name in raw.topics], dtype=object)
            placed = Placed(topics, raw.distances)
            yield Placed(topics, np.where(placed.there, raw.distances, np.nan))
            otherwise = np.full(len(texts), None, dtype=object) if layer.number == 1 else leaf
            leaf = np.where(placed.there, topics, otherwise)

    def revised(self, mapping: TopicMapping) -> Self:
        """With a revised mapping; DataError if it is one of other layers."""
        before = {t.topic for t in self.mapping.topics}
        if {t.topic for t in mapping.topics} != before or mapping.layer != self.mapping.layer:
            raise DataError(
                f"The mapping (layer {mapping.layer}, {len(mapping.topics)} topics) is not one of this model (layer "
                f"{self.mapping.layer}, {len(before)} topics); both must come from the same execution."
            )
        return replace(self, mapping=mapping)

    def save(self, folder: Path) -> None:
        """Write the model's folder; the index, which says that it is complete, comes last."""
        folder.mkdir(parents=True, exist_ok=True)
        for layer in self.layers:
            layer.save(folder)
        (folder / MAPPING).write_text(self.mapping.to_json())
        content = {"version": VERSION, "layers": len(self.layers), "mapping": self.mapping.digest, "complete": True}
        (folder / INDEX).write_text(json.dumps(content, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model's folder, or the `model.tar.gz` in it; DataError if its training never ended."""
        archive = folder / ARCHIVE
        if archive.is_file():
            with tempfile.TemporaryDirectory() as place:
                return cls.load(unpack(archive, Path(place)))
        try:
            index = json.loads((folder / INDEX).read_text())
            layers, mapping = int(index["layers"]), (folder / MAPPING).read_text()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder.name!r} holds no whole topic model; its training did not end.") from error
        if index.get("version") != VERSION:
            raise InternalError(f"{INDEX} has version {index.get('version')!r}; this release reads {VERSION}.")
        return cls(tuple(Layer.load(folder, n + 1) for n in range(layers)), TopicMapping.from_json(mapping))

    def pack(self, target: Path) -> None:
        """Write the model as a tar.gz whose bytes depend on the model only."""
        with tempfile.TemporaryDirectory() as place:
            self.save(Path(place))
            pack(Path(place), target)
