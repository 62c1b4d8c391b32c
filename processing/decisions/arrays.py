"""Names for the numpy arrays of decisions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
Codes = npt.NDArray[np.int8]


def some(flags: Flags) -> Flags:
    """Rows with at least one flag set."""
    found: Flags = np.logical_or.reduce(flags, axis=1)
    return found
