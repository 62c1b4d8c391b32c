"""Parquet, six models, decision, Parquet: the streaming pass against pandas and `Booster.predict`; time and memory.

Every pass runs in a process of its own, which says what it took: `python -m benchmarks.speed.catalogue WAY FILE ...`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.speed.products import FEATURES, TYPES, Models, write
from benchmarks.speed.ratios import Ratio, quotients
from benchmarks.speed.usage import used
from processing.architectures.lightgbm import lgb
from processing.outcomes import recommendations
from processing.recommend import Scored, decided
from processing.scoring.offline import Pass
from processing.scoring.streaming import ROWS, blocks
from rightpack.settings import Settings

ALL_TRAINED: Final[dict[str, Any]] = {"package_types": {"cushioned-carton": {"trained": True}}}
TODAY: Final = dt.date(2026, 11, 2)
WARM_ROWS: Final = 4_000
MEMORY_ROWS: Final = (1_000_000, 10_000_000)
GIBIBYTE: Final = 2**30


def settings() -> Settings:
    """Six types, all with a model."""
    return Settings.load("dev", [ALL_TRAINED])


def streaming(artefact: Path, source: Path, target: Path) -> float:
    """The product's own way; seconds without the start of Python and of the models."""
    whole = _ready(artefact, source)
    began = time.perf_counter()
    whole.run([source], target)
    return time.perf_counter() - began


def scoring_alone(artefact: Path, source: Path, _: Path) -> float:
    """What all cores need for the scores of rows that are in memory already."""
    bundle = _ready(artefact, source).bundle
    columns = ["product_id", *FEATURES.raw]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tables = list(blocks([source], columns, ROWS))
        began = time.perf_counter()
        list(pool.map(bundle.score, tables))
        return time.perf_counter() - began


def _ready(artefact: Path, source: Path) -> Pass:
    """The pass with all its tables built: half a second for six models, whatever the size of the catalogue."""
    whole = Pass.load(artefact, settings(), TODAY)
    whole.work(next(blocks([source], whole.columns, WARM_ROWS)))
    return whole


def pandas_way(artefact: Path, source: Path, target: Path) -> float:
    """What one would write first: pandas, `Booster.predict` on all cores, the same decision; models are loaded."""
    whole = Pass.load(artefact, settings(), TODAY)
    models = {name: _plain(scorer) for name, scorer in zip(whole.names, whole.bundle.scorers, strict=True)}
    began = time.perf_counter()
    frame = pd.read_parquet(source, columns=["product_id", *FEATURES.raw])
    scores = {}
    for name, (booster, vocabularies, calibrated) in models.items():
        seen = frame[list(FEATURES.numeric)].astype(np.float32)
        for column, words in vocabularies.items():
            found = pd.Index(words).get_indexer(pd.Index(frame[column].astype(object)))
            codes = pd.Series(found.astype(np.float64), frame.index)
            seen[column] = codes.where(codes >= 0)
        scores[name] = calibrated(booster.predict(seen.to_numpy(), num_threads=os.cpu_count()))
    products = pa.Table.from_pandas(frame, preserve_index=False)
    rows = decided(Scored(products, pa.table(scores), whole.models, ()), whole.settings, {}, whole.today)[0]
    table = recommendations(rows).to_pandas()
    for name, values in scores.items():
        table[f"score:{name}"] = values
    table.to_parquet(target)
    return time.perf_counter() - began


def _plain(scorer: Any) -> tuple[Any, dict[str, tuple[str, ...]], Any]:
    """LightGBM's own booster, the words of each category in the order of the model's columns, and the calibration."""
    vocabularies = scorer.encoder.vocabularies
    ordered = {name: vocabularies[name] for name in scorer.encoder.features.categorical}
    return lgb.Booster(model_str=scorer.model.text), ordered, scorer.calibration.apply


WAYS: Final = {"streaming": streaming, "scoring": scoring_alone, "pandas": pandas_way}


def run(way: str, artefact: Path, source: Path, target: Path) -> dict[str, float]:
    """A way in a process of its own: seconds, seconds of processors, and peak memory in bytes."""
    command = [sys.executable, "-m", "benchmarks.speed.catalogue", way, *map(str, (artefact, source, target))]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(answer.stdout))


def measure(models: Models, folder: Path, runs: int, rows: int = 300_000) -> list[Ratio]:
    """The pass against the other two ways, and its results against those of the slow one."""
    artefact, source = models.artefact(folder, settings()), write(folder / "products.parquet", 21, rows)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(runs):
        for way in WAYS:
            found[way].append(run(way, artefact, source, folder / f"{way}.parquet"))
    taken = {way: [one["seconds"] for one in each] for way, each in found.items()}
    equal = same(folder / "streaming.parquet", folder / "pandas.parquet")
    figures = {"rows": rows, "models": TYPES, "equal": equal} | {f"{way}_seconds": each for way, each in taken.items()}
    speed = quotients(taken["pandas"], taken["streaming"]) if equal else ()
    why = "" if equal else "the results differ"
    return [
        Ratio("parquet to parquet", speed, 15, at_least=True, figures=figures, why=why),
        Ratio(
            "parquet to parquet over its scoring", quotients(taken["streaming"], taken["scoring"]), 1.6, at_least=False
        ),
    ]


def same(one: Path, other: Path) -> bool:
    """Whether two files hold the same recommendations and scores."""
    first, second = pq.read_table(one), pq.read_table(other)
    names = [name for name in first.column_names if name != "previous_type"]
    return all(first[name].to_pylist() == second[name].to_pylist() for name in names)


def memory(folder: Path, runs: int) -> list[Ratio]:
    """Peak memory at ten million rows over that at one; the artefact is there already."""
    peaks = []
    for _ in range(runs):
        found = []
        for rows in MEMORY_ROWS:
            source = folder / f"products-{rows}.parquet"
            if not source.exists():
                write(source, 22, rows)
            found.append(run("streaming", folder, source, folder / "memory.parquet")["peak"])
        peaks.append(found)
    figures = {"peak_bytes": peaks, "rows": MEMORY_ROWS}
    return [
        Ratio("memory at 10 M rows over 1 M", tuple(b / a for a, b in peaks), 1.1, at_least=False, figures=figures),
        Ratio("memory at 10 M rows, GiB", tuple(b / GIBIBYTE for _, b in peaks), 1.0, at_least=False),
    ]


def main() -> int:
    """One way, as a process of its own."""
    way, *paths = sys.argv[1:]
    spent = WAYS[way](*map(Path, paths))
    sys.stdout.write(json.dumps({"seconds": spent, **used()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
