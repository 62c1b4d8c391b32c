"""Products of 34 numbers and 6 categories, six labels that depend on them, and models of these labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from processing.architectures.calibration import Calibration
from processing.architectures.lightgbm import LightGBM, lgb
from processing.artefact import ARCHIVE, Card, Entry, pack, write_index
from processing.features.encoder import Encoder
from processing.features.raw import RawColumns
from processing.scoring.bundle import Scorer
from rightpack.settings import Features, Settings

SIZES: Final = ("length_cm", "width_cm", "height_cm", "weight_g", "price")
OTHERS: Final = tuple(f"number_{n:02d}" for n in range(29))
CATEGORIES: Final = {"category": 24, "line": 400, "material": 16, "hazard": 6, "origin": 60, "brand": 1000}
FEATURES: Final = Features(numeric=(*SIZES, *OTHERS), categorical=tuple(CATEGORIES), text=(), derived={})
BLOCK: Final = 131_072
TYPES: Final = 6
PARAMETERS: Final[dict[str, Any]] = {
    "objective": "binary",
    "num_leaves": 63,
    "learning_rate": 0.07,
    "min_data_in_leaf": 50,
    "max_bin": 255,
    "num_threads": 2,
    "seed": 1,
    "verbosity": -1,
}


def table(seed: int, rows: int, first: int = 0) -> pa.Table:
    """So many products."""
    random = np.random.default_rng([seed, first])
    columns: dict[str, Any] = {"product_id": pa.array([f"P{n:09d}" for n in range(first, first + rows)])}
    sides = -np.sort(-np.exp(random.normal(2.5, 0.6, (rows, 3))), axis=1)
    for name, values in zip(SIZES[:3], sides.T, strict=True):
        columns[name] = pa.array(values.astype(np.float32))
    columns["weight_g"] = pa.array((sides.prod(axis=1) * np.exp(random.normal(-1, 0.5, rows))).astype(np.float32))
    columns["price"] = pa.array(np.exp(random.normal(3, 0.8, rows)).astype(np.float32))
    for at, name in enumerate(OTHERS):
        values = random.poisson(0.4, rows) if at % 2 else random.gamma(0.6, 1, rows).round(4)
        missing = random.random(rows) < (0.04 if at % 5 == 0 else 0)
        columns[name] = pa.array(values.astype(np.float32), mask=missing)
    for name, size in CATEGORIES.items():
        codes = np.minimum(random.zipf(1.3, rows) - 1, size - 1).astype(np.int32)
        words = pa.array([f"{name}-{code:04d}" for code in range(size)])
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(codes), words)
    return pa.table(columns)


def write(path: Path, seed: int, rows: int) -> Path:
    """A Parquet file of so many products, in row groups of `BLOCK`."""
    with pq.ParquetWriter(path, table(seed, 1).schema, compression="zstd", compression_level=1) as writer:
        for first in range(0, rows, BLOCK):
            writer.write_table(table(seed, min(BLOCK, rows - first), first))
    return path


@dataclass(frozen=True, slots=True)
class Models:
    """Boosters and the encoder that they share."""

    encoder: Encoder
    boosters: tuple[Any, ...]

    @classmethod
    def learn(cls, products: pa.Table, rounds: int, count: int = TYPES) -> Models:
        """One model for each of `count` labels."""
        encoder = Encoder.learn(RawColumns(products, "the benchmark"), FEATURES)
        encoded = encoder.encode(RawColumns(products, "the benchmark"))
        data = lgb.Dataset(
            encoded.matrix, categorical_feature=sorted(encoded.categories), params=PARAMETERS, free_raw_data=True
        )
        return cls(encoder, tuple(_boosters(data, encoded.matrix, rounds, count)))

    def artefact(self, folder: Path, settings: Settings) -> Path:
        """As the step Bundle leaves it: model.tar.gz, one model for each package type."""
        entries = []
        for booster, package in zip(self.boosters, settings.by_protection, strict=True):
            card = Card(package.name, "lightgbm", {}, 1, 2, 1, "", {})
            model = LightGBM(booster.model_to_string(), booster.num_trees())
            Scorer(card, self.encoder, model, Calibration()).save(folder / "models" / package.name)
            entries.append(Entry(package.name, package.name, "lightgbm", "1"))
        write_index(folder / "models", entries)
        pack(folder / "models", folder / ARCHIVE)
        return folder


def _boosters(data: Any, matrix: Any, rounds: int, count: int) -> Iterator[Any]:
    random = np.random.default_rng(3)
    numbers = np.nan_to_num(matrix[:, :34])
    for _ in range(count):
        weights, effects = random.normal(0, 0.5, 34), random.normal(0, 0.7, 1000)
        odds = np.tanh(numbers) @ weights + effects[np.nan_to_num(matrix[:, 35]).astype(int)]
        odds += np.sin(numbers[:, 4] * 2) * numbers[:, 5]
        labels = np.random.default_rng(5).random(len(matrix)) < 1 / (1 + np.exp(-odds))
        data.set_label(labels.astype(np.float32))
        yield lgb.train(PARAMETERS, data, rounds)
