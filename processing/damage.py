"""Damage that customers report lately, against what the same products' earlier shipments lead to expect.

Labels add up months of evidence, so they hardly move in the weeks after a package type has changed. The counts behind
them move at once.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.columns import COUNTS

PRIOR_UNITS = 50.0  # how many shipments the rate of all products weighs, next to a product's own


def damage_counts(table: pa.Table) -> dict[str, float] | None:
    """Recently damaged shipments: `seen`, `expected`, the `deviation` of their difference, and all shipments, `units`.

    The deviation is that of independent products, whatever the spread within each: damage comes in clumps. None where
    the drop has no counts, or none of one kind.
    """
    if not set(COUNTS) <= set(table.column_names):
        return None
    units, bad, new_units, new_bad = (pc.fill_null(table[n], 0.0).to_numpy().astype(np.float64) for n in COUNTS)
    if not (units.sum() > 0 and new_units.sum() > 0):
        return None
    rates = (bad + PRIOR_UNITS * bad.sum() / units.sum()) / (units + PRIOR_UNITS)
    expected = new_units * rates
    return {
        "seen": float(new_bad.sum()),
        "expected": float(expected.sum()),
        "deviation": float(np.sqrt(np.sum((new_bad - expected) ** 2))),
        "units": float(new_units.sum()),
    }
