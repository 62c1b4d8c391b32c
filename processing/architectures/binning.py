"""LightGBM's binned rows: made once of all rows, and shared by every training that sees a part of them or other labels.

A tuned training learns twice, first without the rows set aside and then from all of them; several package types learn
from the same products. The bins are the same for all of these, so each needs only its own rows of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from processing.architectures.base import Examples
from processing.architectures.library import lgb
from processing.features.encoder import Encoded, Positions
from processing.features.raw import Matrix

BINNING: Final = ("max_bin", "min_data_in_leaf")  # parameters that decide the bins


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of all rows that some examples were taken from, by the parameters that decide them."""

    encoded: Encoded
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, examples: Examples, parameters: Mapping[str, Any], threads: int) -> Self:
        """Nothing is binned yet."""
        decisive = {name: parameters[name] for name in BINNING}
        return cls(examples.encoded.whole, {"verbosity": -1, "num_threads": threads, **decisive})

    def dataset(self, examples: Examples, *, raw: bool = False) -> Any:
        """LightGBM's dataset of examples, good until the next one of the same rows.

        A `raw` one comes with its values, which LightGBM needs in order to go on from trees that there are.
        """
        chosen = examples.encoded.chosen
        disordered = chosen is not None and bool((np.diff(chosen) < 0).any())  # a part must be in the order of all
        if raw or disordered or examples.encoded.whole is not self.encoded:
            return self._of_values(examples)
        found = self._whole() if chosen is None else self._part(chosen)
        found.set_label(examples.labels)
        # not `set_weight`, which would leave the weights of another training where these are all 1
        found.set_field("weight", None if (examples.weights == 1).all() else examples.weights.astype(np.float32))
        return found

    def _whole(self) -> Any:
        return self.encoded.made(("lightgbm", *(self.settings[name] for name in BINNING)), self._bin)

    def _bin(self) -> Any:
        nothing = np.zeros(self.encoded.rows, dtype=np.float32)  # labels come later: bins do not depend on them
        return self._new(self.encoded.matrix, label=nothing).construct()

    def _part(self, chosen: Positions) -> Any:
        part = self._whole().subset([0])
        part.used_indices = np.ascontiguousarray(chosen)  # `subset` would make a list of numbers of them
        return part.construct()

    def _of_values(self, examples: Examples) -> Any:
        known = {"label": examples.labels, "weight": examples.weights, "reference": self._whole()}
        return self._new(examples.encoded.matrix, **known)

    def _new(self, matrix: Matrix, **known: Any) -> Any:
        categories = sorted(self.encoded.categories)
        return lgb.Dataset(matrix, categorical_feature=categories, params=dict(self.settings), **known)
