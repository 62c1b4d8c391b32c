"""Prepare a training drop: check it, profile it, split it by product into training and validation rows.

A drop holds labels of one package type, or evidence on damage in all of them (`preparing_joint`).

Every labelled row gets a `row_id` (the drop's `label_id` where it has one), because a product can have several labels
and scores are joined to labels on it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import COUNTS, LABEL, LABEL_ID, MOMENT, PRODUCT, ROW, WEIGHT, damage_columns, training_columns
from processing.damage import damage_counts
from processing.defence.admission import admitted
from processing.defence.checks import Contract
from processing.job import Job, Record, day, parse_arguments, run_step
from processing.preparing_joint import first_rows, joint_profile, prepare_joint
from processing.profiling import dates, label_counts, summarise
from processing.splitting import Sides, split
from processing.tables import Limits, write_parts
from rightpack.errors import DataError
from rightpack.packaging import EVERY_TYPE
from rightpack.settings import Settings, Split
from rightpack.settings.steps import Machine
from rightpack.trigger import DropData


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the pipeline tells this step."""

    data_uri: str
    manifest_uri: str
    package_type: str
    business_date: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """Labelled rows on their sides, ordered by row_id, and how many rows belong to neither or were doubled."""

    train: pa.Table
    validation: pa.Table
    left_out: int
    doubled: int


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is written: rows to learn from, rows to score, and what is known about those.

    Of products in several package types `train` has several rows: then it is not `by_label`.
    """

    train: pa.Table
    validation: pa.Table
    labels: pa.Table
    by_label: bool = True

    @property
    def learned(self) -> pa.Table:
        """What is profiled: the labels to learn from, else the products, each once."""
        return self.train if self.by_label else self.train.take(pa.array(first_rows(self.train)))


def run(job: Job, arguments: Arguments) -> None:
    """Check, profile, split; write `train`, `validation`, `labels` and `profile`."""
    record = Record("Prepare")
    settings = job.settings(job.input("config"))
    joint = settings.target(arguments.package_type) == EVERY_TYPE
    columns = damage_columns(settings.features) if joint else training_columns(settings.features)
    date, key = day(arguments.business_date), () if joint else (LABEL_ID,)
    contract = Contract(columns, settings.defence, date, key)
    drop = admitted(job, DropData(arguments.data_uri, arguments.manifest_uri), contract)
    record.read("data", job.input("data"), drop.rows)
    sides, found = (_joint if joint else _single)(drop.table, settings)
    _write(job, settings, sides, record)
    named = {"version": 1, "package_type": arguments.package_type, "business_date": arguments.business_date}
    folder = job.output("profile")
    found |= {"quarantine": drop.save(folder)}
    profile = {**named, **found, "files": drop.files, "columns": summarise(sides.learned, columns)}
    (folder / "profile.json").write_text(json.dumps(profile, indent=1, sort_keys=True))
    record.wrote("profile", folder)
    record.save(folder)


def prepare(table: pa.Table, rule: Split) -> Prepared:
    """Identify and split labelled rows; each row ends on one side, or is counted as left out or doubled.

    Raises:
        DataError: two different rows share a label_id, or the validation side lacks suitable or unsuitable rows.
    """
    rows = _ordered(_identified(table))
    single = _without_doubles(rows)
    sides = split(single, rule)
    _check_validation(single, sides)
    train, validation = (single.filter(pa.array(side)) for side in (sides.train, sides.validation))
    left_out = single.num_rows - train.num_rows - validation.num_rows
    return Prepared(train, validation, left_out, rows.num_rows - single.num_rows)


def _single(table: pa.Table, settings: Settings) -> tuple[Outputs, dict[str, Any]]:
    """Labels of one package type."""
    counted = [name for name in COUNTS if name in table.column_names]
    prepared = prepare(table.drop_columns(counted), settings.split)
    held, own = prepared.validation, {LABEL, WEIGHT, MOMENT}
    labels = held.select([PRODUCT, ROW, LABEL, WEIGHT, MOMENT])
    outputs = Outputs(prepared.train, held.select([n for n in held.column_names if n not in own]), labels)
    sides = {"train": prepared.train, "validation": held}
    counts = {name: {**label_counts(side), "observed_at": dates(side)} for name, side in sides.items()}
    rest = {"left_out": prepared.left_out, "doubled": prepared.doubled, "damage": damage_counts(table)}
    return outputs, {**counts, **rest}


def _joint(table: pa.Table, settings: Settings) -> tuple[Outputs, dict[str, Any]]:
    """Evidence on damage in all package types."""
    prepared = prepare_joint(table, settings.split, [t.name for t in settings.package_types])
    outputs = Outputs(prepared.train, prepared.validation, prepared.labels, by_label=False)
    return outputs, joint_profile(prepared, table)


def _identified(table: pa.Table) -> pa.Table:
    """Rows with a `row_id`: the label_id, or the product id and a count where the drop has none."""
    if LABEL_ID in table.column_names:
        ids = table[LABEL_ID]
        return table.drop_columns([LABEL_ID]).add_column(0, ROW, ids)
    names = [PRODUCT, MOMENT, LABEL, WEIGHT]
    ordered = table.sort_by([(name, "ascending") for name in names])
    codes = ordered[PRODUCT].combine_chunks().dictionary_encode().indices.to_numpy()
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    counts = np.arange(len(codes)) - np.repeat(starts, np.diff(np.r_[starts, len(codes)]))
    ids = pc.binary_join_element_wise(ordered[PRODUCT], pa.array(counts).cast(pa.string()), "#")
    return ordered.add_column(0, ROW, ids)


def _ordered(table: pa.Table) -> pa.Table:
    return table.sort_by([(ROW, "ascending")]).combine_chunks()


def _without_doubles(table: pa.Table) -> pa.Table:
    """One of each group of equal rows; DataError where rows of one id differ."""
    ids = table[ROW].to_numpy(zero_copy_only=False)
    double = np.r_[False, ids[1:] == ids[:-1]]
    if not double.any():
        return table
    distinct = table.group_by(table.column_names).aggregate([]).num_rows
    if distinct != len(ids) - int(double.sum()):
        first = ids[np.flatnonzero(double)[0]]
        raise DataError(f"Rows with {LABEL_ID} {first!r} or another one differ; a label_id must stand for one label.")
    return table.filter(pa.array(~double))


def _check_validation(table: pa.Table, sides: Sides) -> None:
    labels = table[LABEL].to_numpy()
    for name, side in (("training", sides.train), ("validation", sides.validation)):
        rows, positives = int(side.sum()), int(labels[side].sum())
        if positives in {0, rows}:
            counts = f"{rows} rows, {positives} suitable and {rows - positives} not"
            raise DataError(f"The {name} side has {counts}; both kinds are needed. Wait for more labels.")


def _write(job: Job, settings: Settings, sides: Outputs, record: Record) -> None:
    machine = settings.steps.machines.get("ScoreValidation", Machine())
    right_sized = Limits.of_requests(settings.inference, instances=machine.instances)
    _write_one(record, job.output("train"), sides.train, Limits())
    _write_one(record, job.output("validation"), sides.validation, right_sized)
    _write_one(record, job.output("labels"), sides.labels, Limits())


def _write_one(record: Record, folder: Path, table: pa.Table, limits: Limits) -> None:
    write_parts(table, folder, limits)
    record.wrote(folder.name, folder, table.num_rows)


def main() -> int:
    """Entry of the step."""
    return run_step(lambda job: run(job, parse_arguments(Arguments, sys.argv[1:], "prepare")))


if __name__ == "__main__":
    sys.exit(main())
