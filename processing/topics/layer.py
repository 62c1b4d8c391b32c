"""One layer: a grouping for every topic that the layer before was told to split; layer 1 groups all texts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.topics.coherence import coherence
from processing.topics.grouping import Grouping
from processing.topics.keywords import name_of
from processing.topics.options import Options
from processing.topics.vocabulary import Floats
from rightpack.errors import DataError, InternalError
from rightpack.mapping import Topic

Names = npt.NDArray[np.object_]  # ids of topics; None where there is none
log = logging.getLogger(__name__)
ROOT: Final = ""  # what layer 1 splits


@dataclass(frozen=True, slots=True)
class Placed:
    """Topic id of each text in this layer (None: none) and its distance from the topic's centre (NaN: none)."""

    topics: Names
    distances: Floats

    @property
    def there(self) -> npt.NDArray[np.bool_]:
        """Which texts have a topic."""
        return np.fromiter((topic is not None for topic in self.topics), np.bool_, len(self.topics))


@dataclass(frozen=True, slots=True)
class Layer:
    """Groupings by the topic that each takes apart."""

    number: int
    groupings: Mapping[str, Grouping]

    @classmethod
    def fit(cls, number: int, texts: Mapping[str, pa.Array], options: Options) -> Self:
        """Learn one grouping per parent from its clean texts; parents with too few texts or words are left whole."""
        groupings = {}
        for parent in sorted(texts):
            own = sample(texts[parent], options.most_texts)
            if parent == ROOT:
                groupings[parent] = Grouping.learn(own, options)
            elif len(own) >= max(options.least_texts, options.topics):
                try:
                    groupings[parent] = Grouping.learn(own, options)
                except DataError as error:
                    log.warning("topic %s is left whole: %s", parent, error)
        return cls(number, groupings)

    def predict(self, texts: pa.Array, parents: Names) -> Placed:
        """Place clean texts of the given parents."""
        topics = np.full(len(texts), None, dtype=object)
        distances = np.full(len(texts), np.nan)
        for parent, grouping in self.groupings.items():
            own = np.flatnonzero(parents == parent)
            found = grouping.of(texts.take(pa.array(own)))
            names = np.array([*(child(parent, i) for i in range(len(grouping.words))), None], dtype=object)
            topics[own], distances[own] = names[found.topic], found.distance
        return Placed(topics, distances)

    def topics(self, texts: Mapping[str, pa.Array]) -> Iterator[Topic]:
        """Topics as they go into the mapping; sizes and coherence from all texts of each parent."""
        for parent, grouping in self.groupings.items():
            counts = grouping.embedding.vocabulary.count(texts[parent])
            found = grouping.of_counts(counts).topic
            sizes = np.bincount(found[found >= 0], minlength=len(grouping.words))
            coherent = coherence(counts, grouping.embedding.vocabulary, grouping.words)
            for index, words in enumerate(grouping.words):
                yield Topic(
                    topic=child(parent, index),
                    name=name_of(words),
                    keywords=words,
                    size=int(sizes[index]),
                    layer=self.number,
                    parent=parent,
                    coherence=round(coherent[index], 4),
                )

    def save(self, folder: Path) -> None:
        """Write `layer-<number>.json`; equal layers give equal bytes."""
        content = {"layer": self.number, "groupings": {p: g.content() for p, g in sorted(self.groupings.items())}}
        (folder / _file(self.number)).write_text(json.dumps(content, sort_keys=True))

    @classmethod
    def load(cls, folder: Path, number: int) -> Self:
        """Read what `save` wrote; DataError if the file is not there, InternalError if it is not a layer."""
        path = folder / _file(number)
        if not path.is_file():
            raise DataError(f"The topic model has no {path.name}; its training did not end.")
        try:
            raw: dict[str, Any] = json.loads(path.read_text())
            return cls(int(raw["layer"]), {p: Grouping.of_content(g) for p, g in raw["groupings"].items()})
        except (ValueError, KeyError, TypeError) as error:
            raise InternalError(f"{path.name} is not a layer of topics: {error!r}") from error


def child(parent: str, index: int) -> str:
    """Id of a topic: its parent's, and its number in two digits or more."""
    return f"{parent}.{index:02d}" if parent else f"{index:02d}"


def sample(texts: pa.Array, most: int) -> pa.Array:
    """Every n-th text, so that at most `most` are left."""
    step = -(-len(texts) // most)
    return texts if step <= 1 else texts.take(pa.array(np.arange(0, len(texts), step)))


def _file(number: int) -> str:
    return f"layer-{number}.json"
