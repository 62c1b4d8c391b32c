"""What people decided by hand, found again among the products of a run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.decisions.arrays import Flags, Indices
from rightpack.errors import DataError
from rightpack.overrides import Kind, Override


@dataclass(frozen=True, slots=True)
class Overrides:
    """Overrides by product: `forced` type or -1, `forbidden` [products, types], and `note`, an index into `words`.

    `unmatched` is how many name a product that is not decided about.
    """

    forced: Indices
    forbidden: Flags
    note: Indices
    words: tuple[str, ...] = ()
    unmatched: int = 0

    @classmethod
    def none(cls, products: int, types: int) -> Self:
        """No override at all."""
        forced, note = np.full((2, products), -1, dtype=np.intp)
        return cls(forced, np.zeros((products, types), np.bool_), note)

    @classmethod
    def resolve(cls, overrides: Iterable[Override], ids: Any, names: Sequence[str], *, today: dt.date) -> Self:
        """Find products (`ids`, an Arrow array of texts) and types (`names`, in the offer's order).

        Of two that force the same product the later one counts; force counts more than forbid.

        Raises:
            DataError: an override names an unknown package type, or a product is forbidden every type.
        """
        holding = [override for override in overrides if override.holds(today)]
        places = _places(holding, names)
        wanted = pa.array([override.product_id for override in holding], pa.string())
        rows = pc.fill_null(pc.index_in(wanted, value_set=ids), -1).to_numpy(zero_copy_only=False)
        found = cls.none(len(ids), len(names))
        for kind in (Kind.FORBID, Kind.FORCE):
            for index in (i for i, override in enumerate(holding) if override.kind is kind and rows[i] >= 0):
                found.note[rows[index]] = index
                if kind is Kind.FORBID:
                    found.forbidden[rows[index], places[index]] = True
                else:
                    found.forced[rows[index]] = places[index]
        _check_choice(found, ids)
        words = tuple(override.words for override in holding)
        return cls(found.forced, found.forbidden, found.note, words, int((rows < 0).sum()))


def _places(overrides: Sequence[Override], names: Sequence[str]) -> list[int]:
    for override in overrides:
        if override.package_type not in names:
            raise DataError(
                f"The override of product {override.product_id!r} names package type {override.package_type!r}; "
                f"there are {', '.join(names)}. Correct or delete it."
            )
    return [names.index(override.package_type) for override in overrides]


def _check_choice(found: Overrides, ids: Any) -> None:
    stuck = np.flatnonzero(found.forbidden.all(axis=1) & (found.forced < 0))
    if stuck.size and found.forbidden.shape[1]:
        raise DataError(f"Overrides forbid product {ids[int(stuck[0])].as_py()!r} every package type; take one back.")
