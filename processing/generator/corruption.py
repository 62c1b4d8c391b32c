"""The data drift: a product table that a broken export wrote."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.generator import words
from processing.generator.arrays import Bools

INCH_CM: Final = 2.54
INCHES: Final = 0.01
REPEATED: Final = 0.005
MISFILED: Final = 0.02
NEW_CATEGORY: Final = "smart-home"
WEIGHTLESS_BRAND: Final = words.spelled(words.BRANDS)[0]
SIDES: Final = ("length_cm", "width_cm", "height_cm")


def corrupt(batch: pa.RecordBatch, rng: np.random.Generator) -> pa.RecordBatch:
    """Break some rows: inches for centimetres, one brand without weights, a new category, repeated product ids."""
    rows = batch.num_rows
    inches = rng.random(rows) < INCHES
    for side in SIDES:
        batch = _replace(batch, side, inches, pc.round(pc.divide(batch[side], INCH_CM), 1))
    weightless = pc.equal(batch["brand"], WEIGHTLESS_BRAND).to_numpy(zero_copy_only=False)
    batch = _replace(batch, "weight_g", weightless, pa.scalar(None, pa.float64()))
    batch = _replace(batch, "category", rng.random(rows) < MISFILED, pa.scalar(NEW_CATEGORY))
    again = batch.filter(pa.array(rng.random(rows) < REPEATED))
    return pa.concat_batches([batch, again])


def _replace(batch: pa.RecordBatch, name: str, where: Bools, values: pa.Array | pa.Scalar) -> pa.RecordBatch:
    place = batch.schema.get_field_index(name)
    return batch.set_column(place, name, pc.if_else(pa.array(where), values, batch[name]))
