"""The few directions in which the texts at hand differ most (principal components)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from processing.features.factors import signed
from processing.topics.vocabulary import Floats, rounded


@dataclass(frozen=True, slots=True)
class Reduction:
    """A centre and orthogonal axes [dimensions, reduced]."""

    centre: Floats
    axes: Floats

    @classmethod
    def learn(cls, points: Floats, reduced: int) -> Self:
        """Learn from points [texts, dimensions]."""
        centre = points.mean(axis=0)
        away = points - centre
        values, vectors = np.linalg.eigh(away.T @ away)
        largest = np.argsort(-values, kind="stable")[:reduced]
        return cls(rounded(centre), rounded(signed(vectors[:, largest])))

    def of(self, points: Floats) -> Floats:
        """Coordinates [texts, reduced]."""
        return np.asarray((points - self.centre) @ self.axes)

    def content(self) -> dict[str, Any]:
        """What is stored."""
        return {"centre": self.centre.tolist(), "axes": self.axes.tolist()}

    @classmethod
    def of_content(cls, raw: Mapping[str, Any]) -> Self:
        """Read what was stored."""
        centre = np.asarray(raw["centre"], dtype=np.float64)
        return cls(centre, np.asarray(raw["axes"], dtype=np.float64).reshape(len(centre), -1))
