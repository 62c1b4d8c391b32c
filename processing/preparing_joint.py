"""Prepare a drop of evidence on damage: split it by product; score each product of the validation side once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import COUNTS, EVIDENCE, MOMENT, PRODUCT, ROW, TYPE
from processing.damage import damage_counts
from processing.decisions.arrays import Flags
from processing.profiling import dates
from processing.splitting import split
from rightpack.errors import DataError
from rightpack.settings import Split

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PreparedJoint:
    """Evidence of either side, by product and type; `validation` are the held-out products, one row each.

    `left_out` counts rows of package types that the settings do not know, and those that belong to neither side.
    """

    train: pa.Table
    labels: pa.Table
    validation: pa.Table
    left_out: int


def prepare_joint(table: pa.Table, rule: Split, types: Sequence[str]) -> PreparedJoint:
    """Split the evidence; DataError if a side is empty, or a product and type has two rows."""
    known = table.filter(pc.is_in(table[TYPE], value_set=pa.array(types, pa.string())))
    rows = known.sort_by([(PRODUCT, "ascending"), (TYPE, "ascending")]).combine_chunks()
    _check_single(rows)
    sides = split(rows, rule)
    train, held = (rows.filter(pa.array(side)) for side in (sides.train, sides.validation))
    for name, side in (("training", train), ("validation", held)):
        if not side.num_rows:
            raise DataError(f"The {name} side has no product with shipments or tests. Wait for more feedback.")
    own = {TYPE, MOMENT, *EVIDENCE, *COUNTS}
    held = held.add_column(0, ROW, held[PRODUCT])
    labels = held.select([ROW, PRODUCT, TYPE, *EVIDENCE, MOMENT])
    once = held.take(pa.array(first_rows(held))).select([n for n in held.column_names if n not in own])
    recent = [name for name in COUNTS if name in train.column_names]
    return PreparedJoint(train.drop_columns(recent), labels, once, table.num_rows - train.num_rows - held.num_rows)


def joint_profile(prepared: PreparedJoint, table: pa.Table) -> dict[str, Any]:
    """What `profile.json` says of the two sides and of recent damage; `table` is the whole drop."""
    return {
        "train": _side(prepared.train),
        "validation": _side(prepared.labels),
        "left_out": prepared.left_out,
        "doubled": 0,
        "damage": damage_counts(_earlier_and_recent(table)),
    }


def first_rows(table: pa.Table) -> Positions:
    """Each product's first row; the table must be ordered by product."""
    codes = table[PRODUCT].combine_chunks().dictionary_encode().indices.to_numpy()
    return np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]][: len(codes)])


def sound_rows(table: pa.Table) -> Flags:
    """Products and types of which nothing broke."""
    return np.asarray(table["bad"].to_numpy() + table["failed"].to_numpy() == 0)


def _check_single(rows: pa.Table) -> None:
    ids, types = (rows[name].to_numpy(zero_copy_only=False) for name in (PRODUCT, TYPE))
    doubled = np.flatnonzero((ids[1:] == ids[:-1]) & (types[1:] == types[:-1]))
    if len(doubled):
        first = f"{ids[doubled[0]]!r} in {types[doubled[0]]!r}"
        raise DataError(f"Product {first} has two rows of evidence, {len(doubled)} in all; add their counts up.")


def _side(table: pa.Table) -> dict[str, Any]:
    """Rows, and those where nothing broke as `positives`; units by kind of evidence."""
    rows, sound = table.num_rows, int(sound_rows(table).sum())
    counted = {name: float(pc.sum(table[name]).as_py() or 0.0) for name in EVIDENCE}
    counts = {"rows": rows, "positives": sound, "label_share": sound / rows if rows else None}
    return {**counts, "products": len(first_rows(table)), "units": counted, "observed_at": dates(table)}


def _earlier_and_recent(table: pa.Table) -> pa.Table:
    """The shipments of each row, lately and before; without recent counts nothing is known of either."""
    _, _, recent_units, recent_bad = COUNTS
    if not {recent_units, recent_bad} <= set(table.column_names):
        return table
    lately = table[recent_units], table[recent_bad]
    before = (pc.subtract(table[name], recent) for name, recent in zip(("shipped", "bad"), lately, strict=True))
    return pa.table(dict(zip(COUNTS, (*before, *lately), strict=True)))
