"""What models see and learn from: features, labels, split, training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rightpack.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Features:
    """Columns that models see. `derived` maps a new numeric column to an arithmetic expression over numeric ones.

    `carried` columns are kept in the warehouse for people, and no model sees them.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    derived: dict[str, str] = field(default_factory=dict)
    text_buckets: int = 64
    carried: tuple[str, ...] = ()

    @property
    def raw(self) -> tuple[str, ...]:
        """Columns that must be in the data, in a fixed order."""
        return (*self.numeric, *self.categorical, *self.text)


@dataclass(frozen=True, slots=True)
class Split:
    """How labelled rows are divided: by a stable hash of the product id, or the newest weeks (`holdout_weeks` > 0).

    For a quick experiment `sample` keeps the rows of that many products, always the same ones; 0 keeps all.
    """

    validation_share: float = 0.2
    salt: str = "rightpack"
    holdout_weeks: int = 0
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Labels:
    """When feedback says that a product suits a type: posterior damage rate at most `damage_limit`.

    The posterior is `(bad / reporting_rate + prior_bad) / (shipped + prior_shipped)`; with fewer than `minimum_shipped`
    units and no laboratory test the product stays unlabelled for that type. Damage of the newest `recent_days` is
    counted apart, and the gate compares it with what was known before.

    What suits a product suits it in every stronger type that it fits, and what does not suit does not in any weaker
    one: such labels, where a product has none of its own, weigh `propagated_weight` (0: there are none).

    Shops try a type on products for which it seems right. `packaging_labels.propensity` is the share of products that
    were tried, by the category and weight band of `gate.slicing`; a cell counts as if `propensity_prior` more products
    had the share of all. A label weighs the share of all over its propensity, at most `max_propensity_weight` and at
    least one over that; 1 leaves every weight at 1.
    """

    damage_limit: float = 0.02
    reporting_rate: float = 0.6
    prior_bad: float = 0.3
    prior_shipped: float = 15.0
    minimum_shipped: int = 8
    recent_days: int = 14
    propagated_weight: float = 0.25
    propensity_prior: float = 20.0
    max_propensity_weight: float = 1.0

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if not 0 <= self.propagated_weight <= 1:
            raise SettingsError(f"labels.propagated_weight is {self.propagated_weight}; it lies between 0 and 1.")
        if self.propensity_prior <= 0:
            raise SettingsError(f"labels.propensity_prior is {self.propensity_prior}; it must be above 0.")
        if self.max_propensity_weight < 1:
            raise SettingsError(f"labels.max_propensity_weight is {self.max_propensity_weight}; it is at least 1.")


@dataclass(frozen=True, slots=True)
class Training:
    """Which architecture learns, with which parameters; `threads` 0 means one per core.

    An architecture of your own is `module:Class` or `package.module:Class`, and `source` the file or folder that holds
    it, relative to the TOML file that says so. Jobs see where the command line has put it, an `s3://` URI.
    """

    architecture: str = "lightgbm"
    source: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int = 7
    threads: int = 0
    minimum_rows: int = 50
