"""Prepare texts for topics: check a drop of products, clean the titles once, write right-sized files."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import PRODUCT, Column, Kind
from processing.drops import read_drop
from processing.job import Job, Record, parse_arguments, run_step
from processing.prepare_inference import one_per_product
from processing.tables import Limits, write_parts
from processing.topics.text import clean_all
from processing.topics.train import TEXT
from rightpack.errors import DataError
from rightpack.trigger import DropData

MEGABYTES: Final = 64.0


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the pipeline tells this step."""

    data_uri: str
    manifest_uri: str


def run(job: Job, arguments: Arguments) -> None:
    """Check, clean, right-size; write `texts` (product_id, text) and `profile`."""
    record = Record("Prepare")
    topics = job.settings(job.input("config")).topics
    columns = (Column(PRODUCT, Kind.KEY), Column(topics.text, Kind.TEXT))
    drop = read_drop(job.input("data"), DropData(arguments.data_uri, arguments.manifest_uri), columns)
    record.read("data", job.input("data"), drop.table.num_rows)
    products, doubled = one_per_product(drop.table)
    texts = prepare(products, topics.text, topics.most_texts)
    write_parts(texts, job.output("texts"), Limits(megabytes=MEGABYTES))
    record.wrote("texts", job.output("texts"), texts.num_rows)
    profile = {
        "version": 1,
        "rows": drop.table.num_rows,
        "doubled": doubled,
        "texts": texts.num_rows,
        "mean_words": round(pc.mean(pc.list_value_length(pc.split_pattern(texts[TEXT], " "))).as_py() or 0.0, 3),
    }
    folder = job.output("profile")
    (folder / "profile.json").write_text(json.dumps(profile, indent=1, sort_keys=True))
    record.wrote("profile", folder)
    record.save(folder)


def prepare(products: pa.Table, column: str, most: int) -> pa.Table:
    """Products with a clean text, by product id, those without words left out; of more than `most` every n-th.

    DataError if none is left.
    """
    cleaned = pa.table({PRODUCT: products[PRODUCT], TEXT: clean_all(products[column].combine_chunks())})
    ordered = cleaned.filter(pc.not_equal(cleaned[TEXT], "")).sort_by([(PRODUCT, "ascending")])
    if not ordered.num_rows:
        raise DataError(f"None of {products.num_rows} products has a word in its {column!r}; there are no topics.")
    step = -(-ordered.num_rows // most)
    return ordered.take(pa.array(np.arange(0, ordered.num_rows, step)))


def main() -> int:
    """Entry of the step."""
    return run_step(lambda job: run(job, parse_arguments(Arguments, sys.argv[1:], "topics.prepare")))


if __name__ == "__main__":
    sys.exit(main())
