"""Six package types on the products of one drop: a rehearsal of all against one of each, one after the other.

Each is a process of its own: `python -m benchmarks.speed.types PRODUCTS LABELS TYPE ...`.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.speed.products import BLOCK, FEATURES, table
from benchmarks.speed.ratios import Ratio, quotients
from benchmarks.speed.training import SEED, labels, run
from benchmarks.speed.usage import peak
from processing.columns import LABEL, MOMENT, PRODUCT, TYPE, WEIGHT
from processing.features.rows import Rows
from processing.rehearsal import Rehearsal
from rightpack.settings import Settings

ROWS: Final = 50_000
BUSINESS_DAY: Final = np.datetime64("2026-11-02", "us")


def settings() -> Settings:
    """The product's defaults, with the benchmark's columns and six trained types."""
    types = {"cushioned-carton": {"trained": True}}
    features = {"numeric": FEATURES.numeric, "categorical": FEATURES.categorical, "text": [], "derived": "!remove"}
    return Settings.load("dev", [{"package_types": types, "features": features}])


def write(folder: Path, rows: int) -> tuple[Path, Path]:
    """Products, and a label of each of them in each package type."""
    products = table(SEED, rows)
    paths = folder / "products" / "part.parquet", folder / "labels.parquet"
    paths[0].parent.mkdir(parents=True)
    pq.write_table(products, paths[0], compression="zstd", compression_level=1, row_group_size=BLOCK)
    names = [package.name for package in settings().package_types]
    pq.write_table(pa.concat_tables([_labelled(products, kind, name) for kind, name in enumerate(names)]), paths[1])
    return paths


def _labelled(products: pa.Table, kind: int, name: str) -> pa.Table:
    rows = products.num_rows
    suitable, moments = labels(products, kind).astype(np.int8), np.full(rows, BUSINESS_DAY)
    known: dict[str, Any] = {TYPE: pa.array([name] * rows), LABEL: suitable, WEIGHT: np.ones(rows), MOMENT: moments}
    return pa.table({PRODUCT: products[PRODUCT], **known})


def rehearse(products: Path, known: Path, names: list[str]) -> dict[str, Any]:
    """Seconds without the start of Python, and digests of the models."""
    began = time.perf_counter()
    rehearsal = Rehearsal.of(Rows.read(products.parent, [PRODUCT]), pq.read_table(known), settings())
    models = {one.scorer.card.package_type: _digest(one.scorer.model) for one in rehearsal.run(names)}
    return {"seconds": time.perf_counter() - began, "peak": peak(), "models": models}


def _digest(model: Any) -> str:
    return hashlib.sha256(model.text.encode()).hexdigest()


def measure(folder: Path, runs: int, rows: int = ROWS) -> list[Ratio]:
    """The ratio; the models must be the same, to the byte."""
    paths, names = write(folder / "types", rows), [package.name for package in settings().package_types]
    together, apart, equal = list[float](), list[float](), True
    for _ in range(runs):
        whole = run("types", *paths, *names)
        single = [run("types", *paths, name) for name in names]
        equal &= whole["models"] == {name: digest for one in single for name, digest in one["models"].items()}
        together.append(whole["seconds"])
        apart.append(sum(one["seconds"] for one in single))
    figures = {"rows": rows, "together_seconds": together, "apart_seconds": apart, "equal_models": equal}
    found = quotients(together, apart) if equal else ()
    why = "" if equal else "the models differ"
    return [Ratio("six types on one drop", found, 0.6, at_least=False, figures=figures, why=why)]


def main() -> int:
    """One rehearsal."""
    products, known, *names = sys.argv[1:]
    sys.stdout.write(json.dumps(rehearse(Path(products), Path(known), names)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
