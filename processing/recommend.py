"""Recommend: make scores rise with protection, pick a package type per product, write both for the warehouse."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from processing import tables
from processing.artefact import Entry, read_index
from processing.columns import LIQUID, MASS, PRICE, PRODUCT, SIDES
from processing.decision import Candidates, Decisions, Rule, decide
from processing.fitting import Dimensions
from processing.job import Job, Record, manifest_of, run_step
from processing.joining import aligned
from processing.reasons import reason_texts
from processing.reports.inference import inference_page
from processing.tally import Tally
from rightpack.errors import InternalError
from rightpack.manifest import COPY_MANIFEST, FileEntry, write_files
from rightpack.settings import Settings

BLOCK: Final = 100_000  # products decided at once; each block becomes one file per table
ESTIMATES: Final = ("suitability", "est_damage", "est_cost")


@dataclass(frozen=True, slots=True)
class Scored:
    """Products (id and dimensions) with their scores, row by row, and the models that gave them."""

    products: pa.Table
    scores: pa.Table
    models: tuple[Entry, ...]
    left_out: tuple[str, ...]

    def blocks(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Products and scores, `BLOCK` at a time."""
        for start in range(0, self.products.num_rows, BLOCK):
            yield self.products.slice(start, BLOCK), self.scores.slice(start, BLOCK)


@dataclass(slots=True)
class Written:
    """One table's files so far."""

    folder: Path
    files: list[tables.Part] = field(default_factory=list)

    def add(self, table: pa.Table) -> None:
        """Write `table` as the next files."""
        self.files += tables.write_parts(table, self.folder, first=len(self.files))

    def close(self, uri: str) -> int:
        """Write the COPY manifest of files that will lie below `uri`; the number of rows in them."""
        entries = [FileEntry(uri + part.path.name, part.bytes, part.rows) for part in self.files]
        (self.folder / COPY_MANIFEST).write_text(write_files(entries))
        return sum(part.rows for part in self.files)


def run(job: Job) -> None:
    """Join, decide, write `predictions`, `recommendations` and `report`."""
    record = Record("Recommend")
    settings = job.settings(job.input("config"))
    scored = _read(job, record)
    outputs = {name: Written(job.output(name)) for name in ("predictions", "recommendations")}
    tally = Tally(tuple(t.name for t in _ordered(settings)))
    for products, scores in scored.blocks():
        predictions, recommendations = _decide_block(products, scores, scored.models, settings, tally)
        outputs["predictions"].add(predictions)
        outputs["recommendations"].add(recommendations)
    if tally.order_violations:
        raise InternalError(
            f"{tally.order_violations} suitabilities fall as protection rises; this run must not be loaded."
        )
    for name, written in outputs.items():
        rows = written.close(job.output_uri(name))
        record.wrote(name, written.folder, rows)
    _report(job, settings, scored, tally, record)


def _read(job: Job, record: Record) -> Scored:
    before, folder = manifest_of(job.input("profile")), job.input("bundle")
    record.checked(manifest_of(folder), "bundle", folder)
    models, left_out = read_index(folder)
    wanted = [PRODUCT, *SIDES, MASS, PRICE, LIQUID]
    products = tables.read_folder(record.checked(before, "features", job.input("features")), wanted)
    record.read("scores", job.input("scores"))
    scores = tables.read_folder(job.input("scores"))
    names = [m.package_type for m in models]
    return Scored(products, aligned(scores, products[PRODUCT], names), tuple(models), tuple(left_out))


def _ordered(settings: Settings) -> list[Any]:
    return sorted(settings.package_types, key=lambda t: t.rank)


def _decide_block(
    products: pa.Table, scores: pa.Table, models: Sequence[Entry], settings: Settings, tally: Tally
) -> tuple[pa.Table, pa.Table]:
    known = Dimensions.of(products)
    raw = {name: scores[name].to_numpy().astype(np.float64) for name in scores.column_names}
    candidates = Candidates.of(settings.package_types, raw, known)
    decisions = decide(candidates, known, settings.recommendation)
    reasons = reason_texts(decisions.rules, known.unknown, settings.recommendation)
    tally.add(candidates, decisions, known)
    ids = products[PRODUCT]
    return _predictions(ids, candidates, raw, models), _recommendations(ids, candidates, decisions, reasons)


def _predictions(
    ids: pa.ChunkedArray, candidates: Candidates, raw: dict[str, np.ndarray[Any, Any]], models: Sequence[Entry]
) -> pa.Table:
    """One row per product and modelled type, a product's types from least to most protective."""
    at = list(candidates.modelled)
    names = [candidates.types[i].name for i in at]
    versions = {m.package_type: m.model_version or "" for m in models}
    rows = len(ids)
    return pa.table(
        {
            "product_id": ids.combine_chunks().take(pa.array(np.repeat(np.arange(rows), len(at)))),
            "package_type": _texts(np.tile(np.arange(len(at)), rows), names),
            "suitability": pa.array(candidates.suitability[:, at].ravel()),
            "raw_score": pa.array(np.stack([raw[n] for n in names], axis=1).ravel() if names else np.zeros(0)),
            "model_version": _texts(np.tile(np.arange(len(at)), rows), [versions[n] for n in names]),
        }
    )


def _recommendations(ids: pa.ChunkedArray, candidates: Candidates, decisions: Decisions, reasons: pa.Array) -> pa.Table:
    """One row per product."""
    names = [t.name for t in candidates.types]
    estimates = (decisions.suitability, decisions.damage, decisions.cost)
    return pa.table(
        {
            "product_id": ids,
            "package_type": _texts(decisions.chosen, names),
            "runner_up": _texts(decisions.runner_up, names),
            **{name: pa.array(values) for name, values in zip(ESTIMATES, estimates, strict=True)},
            "rule": _texts(decisions.rules, [rule.text for rule in Rule]),
            "reason": reasons,
        }
    )


def _texts(indices: np.ndarray[Any, Any], values: Sequence[str]) -> pa.Array:
    """`values` by index; -1 is nothing."""
    there = pa.array(indices.astype(np.int32), mask=indices < 0)
    return pa.DictionaryArray.from_arrays(there, pa.array(values, pa.string())).cast(pa.string())


def _report(job: Job, settings: Settings, scored: Scored, tally: Tally, record: Record) -> None:
    folder = job.output("report")
    profile = json.loads((job.input("profile") / "profile.json").read_text())
    summary = {
        "version": 1,
        "business_date": profile["business_date"],
        "counts": tally.counts(predictions=len(scored.models) * scored.products.num_rows),
        "doubled": profile["doubled"],
        "order_violations": tally.order_violations,
        "mix": tally.mix,
        "rules": tally.rules,
        "estimates": tally.estimates(),
        "models": [
            {"package_type": m.package_type, "model_version": m.model_version, "approved_at": m.approved_at}
            for m in scored.models
        ],
        "left_out": list(scored.left_out),
        "policy": settings.recommendation.rule,
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True))
    (folder / "report.html").write_text(inference_page(summary, settings.recommendation))
    record.wrote("report", folder)
    record.save(folder)


def main() -> int:
    """Entry of the step."""
    return run_step(run)


if __name__ == "__main__":
    sys.exit(main())
