"""How products are scored, decided about and loaded."""

from __future__ import annotations

from dataclasses import dataclass, field

from rightpack.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Inference:
    """Shape of the files that are scored, each in one request of a transform job.

    A worker scores `rows_per_second` with all models, and should have one file in hand for `seconds_per_file`, of about
    `megabytes_per_file` at most. Each of the `workers`, requests at once of one machine, gets as many; new products and
    the catalogue are dealt out to `machines`.
    `rows_per_file` above 0 says instead how many rows a file has at most, whatever time they take.
    """

    rows_per_file: int = 0
    megabytes_per_file: float = 5.0
    seconds_per_file: float = 5.0
    rows_per_second: float = 20_000.0
    workers: int = 4
    machines: int = 1

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.rows_per_file < 0:
            raise SettingsError(f"inference.rows_per_file is {self.rows_per_file}; 0 lets the time decide.")
        for name in ("megabytes_per_file", "seconds_per_file", "rows_per_second", "workers", "machines"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"inference.{name} is {getattr(self, name)}; it must be above 0.")

    @property
    def most_rows(self) -> int:
        """Rows of one file at most."""
        return self.rows_per_file or max(1, round(self.seconds_per_file * self.rows_per_second))


@dataclass(frozen=True, slots=True)
class Recommendation:
    """How a package type is picked, and what guards the shop against too much change.

    `rule` is `expected-cost` (least material and damage together) or `threshold` (the least protective type whose
    suitability reaches `threshold`; `thresholds` override it by package type). One damaged shipment costs the price,
    at most `damage_cost_cap`, and `damage_cost_fixed` for handling. `damage_budget` caps the mean estimated damage rate
    of a run. A product changes its type only for more than `least_gain` per shipment, and in one run at most
    `change_share` of the products do. `baseline` is the type that every product gets where no model may decide.
    """

    rule: str = "expected-cost"
    threshold: float = 0.85
    thresholds: dict[str, float] = field(default_factory=dict)
    damage_cost_cap: float = 500.0
    damage_cost_fixed: float = 6.0
    damage_budget: float | None = None
    least_gain: float = 0.0
    change_share: float = 1.0
    baseline: str = "carton"


@dataclass(frozen=True, slots=True)
class Warehouse:
    """How Redshift is reached: `data-api` or `redshift-connector`; names default to the stage's own.

    It has so many `slices`, and tables come in as many files, or a multiple of it.
    """

    workgroup: str = ""
    database: str = "rightpack"
    schema: str = "packaging"
    transport: str = "data-api"
    slices: int = 8

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.slices < 1:
            raise SettingsError(f"warehouse.slices is {self.slices}; a warehouse has at least one.")
