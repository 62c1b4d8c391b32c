"""How products are scored, decided about and loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inference:
    """Shape of the files that are scored: at most this many rows and about this many bytes in one request."""

    rows_per_file: int = 100_000
    megabytes_per_file: float = 5.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Which rule picks a package: `threshold` (least protective type that is good enough) or `expected-cost`."""

    rule: str = "threshold"
    threshold: float = 0.85
    damage_cost_cap: float = 500.0
    damage_cost_fixed: float = 6.0


@dataclass(frozen=True, slots=True)
class Warehouse:
    """How Redshift is reached: `data-api` or `redshift-connector`; names default to the stage's own."""

    workgroup: str = ""
    database: str = "rightpack"
    schema: str = "packaging"
    transport: str = "data-api"
