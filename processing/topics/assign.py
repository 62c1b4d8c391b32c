"""Topics of titles as columns that a packaging model can have as features."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from processing.topics.ensemble import LAYERS, Ensemble
from processing.topics.text import clean_all
from rightpack.errors import ContractError

BLOCK = 100_000  # titles that are placed at once


def categorical() -> tuple[str, ...]:
    """Names of the topic columns, one per layer, for `features.categorical`."""
    return tuple(f"topic_{layer}" for layer in range(1, LAYERS + 1))


def numeric(ensemble: Ensemble, *, coordinates: bool = False) -> tuple[str, ...]:
    """Names of the number columns, for `features.numeric`: distances, and where the titles lie in layer 1."""
    distances = tuple(f"topic_distance_{layer}" for layer in range(1, LAYERS + 1))
    return (*distances, *(_places(ensemble) if coordinates else ()))


def features(ensemble: Ensemble, titles: pa.Array, *, coordinates: bool = False) -> pa.Table:
    """Per title: topic id in each layer (null: none) and distance from its centre (null: none).

    With `coordinates`, also where the title lies among the topics of layer 1: `topic_at_00`, ...
    """
    blocks = [titles.slice(start, BLOCK) for start in range(0, len(titles), BLOCK)] or [titles]
    return pa.concat_tables([_features(ensemble, clean_all(block), coordinates) for block in blocks])


def with_topics(table: pa.Table, ensemble: Ensemble, *, text: str = "title", coordinates: bool = False) -> pa.Table:
    """`table` with the topic columns of its text column; ContractError if that is missing."""
    if text not in table.column_names:
        raise ContractError(f"The table has no column {text!r} to take topics from.")
    found = features(ensemble, table[text].combine_chunks(), coordinates=coordinates)
    for name in found.column_names:
        table = table.append_column(name, found[name])
    return table


def _features(ensemble: Ensemble, texts: pa.Array, coordinates: bool) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    placed = ensemble.assign(texts)
    for layer in range(LAYERS):
        there = layer < len(placed)
        topics = placed[layer].topics.tolist() if there else [None] * len(texts)
        distances = placed[layer].distances if there else np.full(len(texts), np.nan)
        columns[f"topic_{layer + 1}"] = pa.array(topics, pa.string())
        columns[f"topic_distance_{layer + 1}"] = pa.array(distances, pa.float64(), from_pandas=True)
    if coordinates:
        points = ensemble.layers[0].groupings[""].points(texts)
        for index, name in enumerate(_places(ensemble)):
            columns[name] = pa.array(points[:, index], pa.float64(), from_pandas=True)
    return pa.table(columns)


def _places(ensemble: Ensemble) -> tuple[str, ...]:
    reduced = ensemble.layers[0].groupings[""].reduction.axes.shape[1]
    return tuple(f"topic_at_{index:02d}" for index in range(reduced))
