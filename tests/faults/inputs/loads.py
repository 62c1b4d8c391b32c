"""Bad results of a run: what must not get into the warehouse."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import pyarrow as pa

from tests.faults.inputs.bad import ACCOUNT, Bad, Entry, Files
from tests.faults.inputs.drops import parquet, put

ARTEFACTS: Final = f"rightpack-dev-artefacts-{ACCOUNT}-us-east-1"
NAMES: Final = ("predictions", "recommendations")
COUNT: Final = 6
Change = Callable[[Files], Files]


def prefix(name: str) -> str:
    """Where the results of a run lie, below the bucket of artefacts."""
    return f"runs/inference/{name}/Recommend/"


def predictions() -> pa.Table:
    """Sound predictions, in the order of the table's columns."""
    return pa.table(
        {
            "product_id": [f"bad-{i}" for i in range(COUNT)],
            "package_type": ["carton"] * COUNT,
            "suitability": [0.1 * i for i in range(COUNT)],
            "raw_score": [0.1 * i for i in range(COUNT)],
            "model_version": ["arn:aws:sagemaker:us-east-1:123456789012:model-package/rightpack-dev-carton/1"] * COUNT,
        }
    )


def recommendations() -> pa.Table:
    """Sound recommendations, in the order of the table's columns."""
    number = pa.array([0.5] * COUNT)
    return pa.table(
        {
            "product_id": [f"bad-{i}" for i in range(COUNT)],
            "package_type": ["carton"] * COUNT,
            "runner_up": pa.array([None] * COUNT, pa.string()),
            "previous_type": pa.array([None] * COUNT, pa.string()),
            **dict.fromkeys(("suitability", "est_damage", "est_cost", "est_grams"), number),
            "rule": ["expected-cost"] * COUNT,
            "reason": ["because"] * COUNT,
        }
    )


TABLES: Final = dict(zip(NAMES, (predictions, recommendations), strict=True))


def results(name: str, change: Callable[[str, pa.Table], pa.Table] = lambda _, table: table, **said: Any) -> Files:
    """Both tables of a run and their COPY manifests; `said` is what the predictions' manifest claims instead."""
    files: Files = {}
    for table in NAMES:
        rows = change(table, TABLES[table]())
        body = parquet(rows)
        meta: dict[str, Any] = {"content_length": len(body), "record_count": rows.num_rows}
        meta |= said if table == "predictions" else {}
        url = f"s3://{ARTEFACTS}/{prefix(name)}{table}/part-00000.parquet"
        entries = [{"url": url, "mandatory": True, "meta": meta}]
        files |= {
            f"{table}/part-00000.parquet": body,
            f"{table}/manifest": json.dumps({"entries": entries}, indent=1).encode(),
        }
    return files


def _of(table: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[str, pa.Table], pa.Table]:
    return lambda name, rows: change(rows) if name == table else rows


def _doubled(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows.slice(0, COUNT - 1), rows.slice(0, 1)])


def _null(rows: pa.Table) -> pa.Table:
    return put(rows, "suitability", pa.array([None, *[0.5] * (COUNT - 1)], pa.float64()))


def _of_one(column: str, value: float) -> Callable[[pa.Table], pa.Table]:
    return lambda rows: put(rows, column, pa.array([0.5, value, *[0.5] * (COUNT - 2)], pa.float64()))


def _texts(rows: pa.Table) -> pa.Table:
    return put(rows, "suitability", pa.array(["high"] * COUNT))


def _absent(files: Files) -> Files:
    return {name: body for name, body in files.items() if name != "predictions/part-00000.parquet"}


def _cut(files: Files) -> Files:
    return {**files, "predictions/part-00000.parquet": files["predictions/part-00000.parquet"][:-100]}


def bad_loads() -> Iterator[Bad]:
    """All of them."""
    made: dict[str, tuple[str, Callable[[str], Files]]] = {
        "fewer-rows-than-said": ("The manifest counts a row more.", lambda n: results(n, record_count=COUNT + 1)),
        "prediction-twice": ("A product is predicted twice.", lambda n: results(n, _of("predictions", _doubled))),
        "recommended-twice": ("A product is recommended two.", lambda n: results(n, _of("recommendations", _doubled))),
        "prediction-of-nothing": ("A suitability is empty.", lambda n: results(n, _of("predictions", _null))),
        "prediction-in-words": ("A suitability is a word.", lambda n: results(n, _of("predictions", _texts))),
        "prediction-nan": (
            "A suitability is NaN.",
            lambda n: results(n, _of("predictions", _of_one("suitability", math.nan))),
        ),
        "prediction-too-large": (
            "A suitability is above 1.",
            lambda n: results(n, _of("predictions", _of_one("suitability", 1.5))),
        ),
        "recommended-at-no-cost": (
            "An expected cost is infinite.",
            lambda n: results(n, _of("recommendations", _of_one("est_cost", math.inf))),
        ),
        "column-short": (
            "A column is missing.",
            lambda n: results(n, _of("predictions", lambda t: t.drop_columns(["raw_score"]))),
        ),
        "absent-result": ("A file is gone.", lambda n: _absent(results(n))),
        "torn-result": ("A file is cut short.", lambda n: _cut(results(n))),
    }
    for name, (wrong, make) in made.items():
        yield Bad(name, Entry.LOAD, wrong, lambda make=make, name=name: make(name))  # type: ignore[misc]
