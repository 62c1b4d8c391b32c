"""How far products may move away from what a model was approved on."""

from __future__ import annotations

from dataclasses import dataclass, field

from rightpack.errors import SettingsError


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """Limits of one column; a statistic that is None keeps the limit that all columns have."""

    psi: float | None = None
    jensen_shannon: float | None = None
    chi_square_p: float | None = None
    unseen_share: float | None = None
    null_share: float | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the products may move away from a model's baseline before people are told and a training is asked for.

    A column has drifted where `psi` or `jensen_shannon` is past its limit and chance is ruled out (the p-value of the
    chi-square test is below `chi_square_p`), where more than `unseen_share` of its categories are new, or where its
    share of missing values has changed by more than `null_share`. `row_ratio` bounds how much larger or smaller the
    whole catalogue may be. Drops of single days are compared from `minimum_rows` products on.

    `against` is `catalogue` (the last whole catalogue before the model was trained) or `training` (the labelled rows it
    learned from; right only where labels are a fair sample of the products).
    """

    psi: float = 0.1
    jensen_shannon: float = 0.025
    chi_square_p: float = 0.001
    unseen_share: float = 0.01
    null_share: float = 0.02
    row_ratio: float = 1.3
    minimum_rows: int = 1000
    cool_down_days: int = 7
    against: str = "catalogue"
    columns: dict[str, DriftLimits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.against not in {"catalogue", "training"}:
            raise SettingsError(f"drift.against is {self.against!r}; known are 'catalogue' and 'training'.")
        if self.row_ratio < 1:
            raise SettingsError(f"drift.row_ratio is {self.row_ratio}; it must be at least 1.")

    def limit(self, statistic: str, column: str) -> float:
        """Limit of a statistic, e.g. `psi`, for one column."""
        own = getattr(self.columns.get(column, DriftLimits()), statistic)
        return float(getattr(self, statistic) if own is None else own)
