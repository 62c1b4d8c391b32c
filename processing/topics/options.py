"""Hyperparameters of a layer, as the platform hands them to a training job: a JSON object of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from processing import hyperparameters
from rightpack.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Options:
    """How a layer is learned.

    Attributes:
        topics: at most so many topics of one parent.
        dimensions: of the words' coordinates.
        reduced: of the points that are clustered.
        threshold: radius of BIRCH's balls, between points at length 1.
        keywords: per topic.
        least_count: a word in fewer texts is not learned.
        least_texts: a topic of the layer before with fewer texts is left whole.
        most_texts: learn from at most so many texts (every n-th); all of them are assigned.
        largest_share: a topic with more of all texts is over-general.
        folds: of the cross-validation that measures the loss; 0 measures nothing.
    """

    topics: int = 24
    dimensions: int = 32
    reduced: int = 12
    threshold: float = 0.5
    keywords: int = 10
    least_count: int = 5
    least_texts: int = 100
    most_texts: int = 50_000
    largest_share: float = 0.15
    folds: int = 3

    def __post_init__(self) -> None:
        """SettingsError names what is out of range."""
        for name in ("topics", "dimensions", "reduced", "keywords", "least_count", "least_texts", "most_texts"):
            if getattr(self, name) < 1:
                raise SettingsError(f"Hyperparameter {name} must be at least 1, not {getattr(self, name)}.")
        if not self.threshold > 0 or not 0 < self.largest_share <= 1 or self.folds < 0 or self.folds == 1:
            raise SettingsError("Hyperparameters: threshold > 0, 0 < largest_share <= 1, folds 0 or at least 2.")

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Read texts; SettingsError names one that is unknown or not of its type. Names may have hyphens."""
        texts = {name.replace("-", "_"): text for name, text in given.items()}
        return cls(**hyperparameters.typed(texts, asdict(cls()), "a topic layer"))

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, object]) -> Self:
        """Read `hyperparameters.json` over the hyperparameters of the settings, and those over the defaults."""
        known = {name.replace("-", "_"): str(value) for name, value in settings.items()}
        return cls.of(known | hyperparameters.read(folder))
