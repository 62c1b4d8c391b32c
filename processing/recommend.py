"""Recommend: make estimates respect protection, pick a package type per product, write both for the warehouse."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from processing import tables
from processing.artefact import Entry, joint_policy, read_index
from processing.columns import DAMAGE, DECIDED, LIQUID, MASS, PRICE, PRODUCT, SIDES
from processing.decisions import Decisions, Offer, Overrides, Policy, decide, violations
from processing.decisions.arrays import Flags, Floats, Indices
from processing.decisions.reading import overrides_of, previous_of, products_of
from processing.job import Job, Record, manifest_of, run_step
from processing.joining import aligned
from processing.outcomes import Rows, predictions, recommendations
from processing.reports.inference import inference_page
from processing.summary import summarise
from processing.worth import damage_cost
from rightpack.errors import InternalError
from rightpack.manifest import COPY_MANIFEST, FileEntry, write_files
from rightpack.packaging import EVERY_TYPE
from rightpack.settings import Settings

BLOCK: Final = 100_000  # products per file of each table, at most


@dataclass(frozen=True, slots=True)
class Scored:
    """Products with their scores, row by row, the models that gave them, and the types without a model."""

    products: pa.Table
    scores: pa.Table
    models: tuple[Entry, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What is decided about: the offer, the policy, what products have so far, and what people said.

    `unknown` marks products whose fit could not be judged in full.
    """

    offer: Offer
    policy: Policy
    previous: Indices
    overrides: Overrides
    unknown: Flags

    def decide(self) -> Decisions:
        """Pick one type per product."""
        return decide(self.offer, self.policy, previous=self.previous, overrides=self.overrides)


def run(job: Job) -> None:
    """Join, decide, write `predictions`, `recommendations` and `report`."""
    record = Record("Recommend")
    settings = job.settings(job.input("config"))
    profile = json.loads((job.input("profile") / "profile.json").read_text())
    scored = _read(job, record)
    joint = joint_policy(job.input("bundle"), scored.models)
    rows, case = decided(scored, settings, joint, profile["business_date"])
    writers = {"predictions": predictions, "recommendations": recommendations}
    for name, table in writers.items():
        blocks = tables.even(len(rows), tables.Limits(BLOCK, workers=settings.warehouse.slices).files(len(rows)))
        tables_of = (table(rows.slice(low, high - low)) for low, high in blocks)
        record.wrote(name, job.output(name), _write(job.output(name), job.output_uri(name), tables_of))
    found = summarise(rows, case.previous, settings)
    found["order_violations"] = 0  # with any, nothing would have been decided
    _report(job, {**found, **_origin(profile, scored)}, record)


def decided(scored: Scored, settings: Settings, joint: dict[str, Any], today: str) -> tuple[Rows, Case]:
    """What is decided about the products, and what about; `joint` is how far the model of all types is to be trusted.

    InternalError where an estimate gets worse as protection rises.
    """
    case = _case(scored, settings, joint, today)
    fallen = _disorder(case.offer)
    if fallen:
        raise InternalError(f"{fallen} estimates get worse as protection rises; this run must not be loaded.")
    judged = (case.offer, case.decide(), case.policy, case.overrides, case.unknown)
    return Rows(scored.products, scored.scores, scored.models, *judged), case


def _read(job: Job, record: Record) -> Scored:
    before, folder = manifest_of(job.input("profile")), job.input("bundle")
    record.checked(manifest_of(folder), "bundle", folder)
    models, left_out = read_index(folder)
    features = record.checked(before, "features", job.input("features"))
    wanted = [PRODUCT, *SIDES, MASS, PRICE, LIQUID, *(c.name for c in DECIDED)]
    products = tables.read_folder(features, wanted)
    record.read("scores", job.input("scores"))
    scores = tables.read_folder(job.input("scores"))
    names = [m.package_type for m in models if m.package_type != EVERY_TYPE]
    names += [name for name in scores.column_names if name.startswith(DAMAGE)]
    return Scored(products, aligned(scores, products[PRODUCT], names), tuple(models), tuple(left_out))


def _case(scored: Scored, settings: Settings, joint: dict[str, Any], today: str) -> Case:
    """Everything that decides; `joint` is empty without a model of all types."""
    types, products = settings.by_protection, products_of(scored.products)
    names = [t.name for t in types]
    offer = Offer.of(
        products,
        types,
        damage=_columns(scored.scores, [DAMAGE + name for name in names]),
        suitability=_columns(scored.scores, names),
        cost=damage_cost(settings),
    )
    policy = replace(
        Policy.of(settings.recommendation), **{key: joint[key] for key in ("caution", "trusted") if key in joint}
    )
    overrides = overrides_of(scored.products, names, dt.date.fromisoformat(today))
    return Case(offer, policy, previous_of(scored.products, names), overrides, products.unknown)


def _columns(scores: pa.Table, names: list[str]) -> Floats | None:
    """Scores [products, names], NaN where there is no such column; None if there is none of them."""
    if not set(names) & set(scores.column_names):
        return None
    columns = [
        scores[name].to_numpy().astype(np.float64) if name in scores.column_names else np.full(scores.num_rows, np.nan)
        for name in names
    ]
    return np.stack(columns, axis=1)


def _disorder(offer: Offer) -> int:
    """How often an estimate gets worse from one type to the next more protective one."""
    suitability = offer.suitability[:, ~np.isnan(offer.suitability).any(axis=0)]
    return violations(suitability) + violations(-offer.damage[:, offer.modelled])


def _write(folder: Path, uri: str, blocks: Iterable[pa.Table]) -> int:
    """Write one table's files, one block each, and the COPY manifest of where they will lie; its rows."""
    parts: list[tables.Part] = []
    for block in blocks:
        parts += tables.write_parts(block, folder, first=len(parts))
    entries = [FileEntry(uri + part.path.name, part.bytes, part.rows) for part in parts]
    (folder / COPY_MANIFEST).write_text(write_files(entries))
    return sum(part.rows for part in parts)


def _origin(profile: dict[str, Any], scored: Scored) -> dict[str, Any]:
    """What the summary says of the drop and the models."""
    return {
        "business_date": profile["business_date"],
        "doubled": profile["doubled"],
        "quarantine": profile.get("quarantine"),
        "models": [
            {"package_type": m.package_type, "model_version": m.model_version, "approved_at": m.approved_at}
            for m in scored.models
        ],
        "left_out": list(scored.left_out),
    }


def _report(job: Job, summary: dict[str, Any], record: Record) -> None:
    folder = job.output("report")
    (folder / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True))
    (folder / "report.html").write_text(inference_page(summary))
    record.wrote("report", folder)
    record.save(folder)


def main() -> int:
    """Entry of the step."""
    return run_step(run)


if __name__ == "__main__":
    sys.exit(main())
