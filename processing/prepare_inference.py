"""Prepare an inference drop: check it, profile it, write right-sized files for scoring, one row per product."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from processing.columns import DECIDED, PRODUCT, inference_columns
from processing.defence.admission import admitted
from processing.defence.checks import Contract
from processing.job import Job, Record, day, parse_arguments, run_step
from processing.profiling import summarise
from processing.tables import Limits, write_parts
from rightpack.trigger import DropData

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the pipeline tells this step."""

    data_uri: str
    manifest_uri: str
    business_date: str


def run(job: Job, arguments: Arguments) -> None:
    """Check, profile, right-size; write `features` and `profile`."""
    record = Record("Prepare")
    settings = job.settings(job.input("config"))
    columns = inference_columns(settings.features)
    contract = Contract(columns, settings.defence, day(arguments.business_date), (PRODUCT,))
    drop = admitted(job, DropData(arguments.data_uri, arguments.manifest_uri), contract)
    record.read("data", job.input("data"), drop.rows)
    products, doubled = one_per_product(drop.table)
    features, folder = job.output("features"), job.output("profile")
    parts = write_parts(
        products, features, Limits.of_requests(settings.inference, instances=settings.inference.machines)
    )
    record.wrote("features", features, products.num_rows)
    profile = {
        "version": 1,
        "business_date": arguments.business_date,
        "rows": drop.rows,
        "products": products.num_rows,
        "doubled": doubled,
        "quarantine": drop.save(folder),
        "files": drop.files,
        "files_to_score": len(parts),
        "columns": summarise(products, [c for c in columns if c not in DECIDED]),
    }
    (folder / "profile.json").write_text(json.dumps(profile, indent=1, sort_keys=True))
    record.wrote("profile", folder)
    record.save(folder)


def one_per_product(table: pa.Table) -> tuple[pa.Table, int]:
    """Products in the order of their ids, and how many further rows of the same products were dropped.

    Of a product's rows the first in file-name order stays.
    """
    ordered = table.append_column("_place", pa.array(np.arange(table.num_rows)))
    ordered = ordered.sort_by([(PRODUCT, "ascending"), ("_place", "ascending")]).drop_columns(["_place"])
    ids = ordered.combine_chunks()[PRODUCT].to_numpy()
    doubled = np.r_[False, ids[1:] == ids[:-1]]
    if doubled.any():
        log.warning("%d rows dropped: their products came before, first %r", doubled.sum(), ids[doubled][0])
    return ordered.filter(pa.array(~doubled)), int(doubled.sum())


def main() -> int:
    """Entry of the step."""
    return run_step(lambda job: run(job, parse_arguments(Arguments, sys.argv[1:], "prepare_inference")))


if __name__ == "__main__":
    sys.exit(main())
