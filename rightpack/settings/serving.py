"""How products are scored, decided about and loaded."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Inference:
    """Shape of the files that are scored: at most this many rows and about this many bytes in one request."""

    rows_per_file: int = 100_000
    megabytes_per_file: float = 5.0


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
    """How Redshift is reached: `data-api` or `redshift-connector`; names default to the stage's own."""

    workgroup: str = ""
    database: str = "rightpack"
    schema: str = "packaging"
    transport: str = "data-api"
