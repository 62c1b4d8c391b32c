"""Divide labelled rows into training and validation so that no product is on both sides.

By hash: a product's side depends on its id and the salt alone, so adding rows never moves a product and the champion
has never trained on the validation products. By time: the newest weeks are the validation side; older rows of products
seen there belong to neither side, because they would give the answer away.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import MOMENT, PRODUCT
from rightpack.settings import Split

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sides:
    """Which rows train and which validate; a row that does neither was left out."""

    train: Flags
    validation: Flags


def fractions(ids: pa.ChunkedArray, salt: str) -> npt.NDArray[np.float64]:
    """A number in [0, 1) per id that depends on nothing but the id and `salt`."""
    encoded = ids.combine_chunks().dictionary_encode()
    start = hashlib.blake2b(f"{salt}\0".encode(), digest_size=8)
    numbers = np.empty(len(encoded.dictionary), dtype=np.float64)
    for index, text in enumerate(encoded.dictionary.to_pylist()):
        state = start.copy()
        state.update(text.encode())
        numbers[index] = (int.from_bytes(state.digest(), "big") >> 11) / 2**53
    codes: npt.NDArray[np.int32] = encoded.indices.to_numpy()
    return numbers[codes]


def split(table: pa.Table, rule: Split) -> Sides:
    """Sides of every row of `table` (product_id, observed_at) by the configured rule."""
    if rule.holdout_weeks > 0:
        return _sampled(_by_time(table, rule.holdout_weeks), table, rule)
    held = fractions(table[PRODUCT], rule.salt) < rule.validation_share
    return _sampled(Sides(~held, held), table, rule)


def _sampled(sides: Sides, table: pa.Table, rule: Split) -> Sides:
    """`sides` of the `rule.sample` products whose hash is smallest; the others are left out."""
    if rule.sample <= 0:
        return sides
    numbers = fractions(table[PRODUCT], f"{rule.salt}/sample")
    each = np.unique(numbers)
    kept = numbers <= each[min(rule.sample, len(each)) - 1]
    return Sides(sides.train & kept, sides.validation & kept)


def _by_time(table: pa.Table, weeks: int) -> Sides:
    newest: dt.datetime = pc.max(table[MOMENT]).as_py()
    cut = pa.scalar(newest - dt.timedelta(weeks=weeks), table[MOMENT].type)
    held = pc.greater(table[MOMENT], cut).to_numpy()
    codes = table[PRODUCT].combine_chunks().dictionary_encode().indices.to_numpy()
    seen = np.zeros(codes.max(initial=-1) + 1, dtype=np.bool_)
    seen[codes[held]] = True
    return Sides(~seen[codes], held)
