"""Package types: what they are made of, what fits into them, how they are ordered by protection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNBOUNDED: Final = 1e9  # a limit that nobody set
EVERY_TYPE: Final = "every-type"  # what the joint damage model is called where others have their package type's name


@dataclass(frozen=True, slots=True)
class PackageType:
    """One way to ship a product; lengths in cm, weights in g, money in the shop's currency.

    `rank` orders the types by protection: a stronger pack is never worse. A type that is not `trained` has no model of
    its own: the strongest one (suitable by assumption) is the fallback of the recommendation. A new `version` says that
    the type is made differently now: labels and feedback of other versions no longer count.
    """

    name: str
    rank: int
    trained: bool = True
    max_length_cm: float = UNBOUNDED
    max_width_cm: float = UNBOUNDED
    max_height_cm: float = UNBOUNDED
    max_weight_g: float = UNBOUNDED
    cushion_mm: float = 0.0
    allows_liquid: bool = True
    version: int = 1
    cost_fixed: float = 0.0
    cost_per_dm2: float = 0.0
    grams_per_dm2: float = 0.0

    @property
    def max_sides_cm(self) -> tuple[float, float, float]:
        """Limits of the longest, middle and shortest side."""
        return (self.max_length_cm, self.max_width_cm, self.max_height_cm)
