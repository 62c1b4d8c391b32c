"""What a packaging team decides about decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from rightpack.errors import SettingsError
from rightpack.settings import Recommendation


class By(StrEnum):
    """How a package type is picked."""

    THRESHOLD = "threshold"
    EXPECTED_COST = "expected-cost"


@dataclass(frozen=True, slots=True)
class Policy:
    """How package types are picked, and what guards the shop against too much change.

    Attributes:
        by: `threshold` takes the least protective type that is good enough, `expected-cost` the cheapest one, material
            and damage together.
        threshold: least suitability that is good enough; `thresholds` overrides it by package type.
        caution: what estimated damage is multiplied by before it is weighed against material; above 1 where evidence
            says that picked types break more often than estimated (see `trust`).
        damage_budget: largest mean damage rate over all products, by the estimates; only with `expected-cost`.
        least_gain: a product changes its type only if that is expected to save more than this per shipment.
        change_share: at most this share of the products that have a type may change it in one run.
        baseline: the type that every product gets (or the strongest it fits) where no model may decide.
        trusted: False where evidence does not show that the models beat the baseline.
    """

    by: By = By.EXPECTED_COST
    threshold: float = 0.85
    thresholds: Mapping[str, float] = field(default_factory=dict)
    caution: float = 1.0
    damage_budget: float | None = None
    least_gain: float = 0.0
    change_share: float = 1.0
    baseline: str = "carton"
    trusted: bool = True

    def __post_init__(self) -> None:
        """Check what types alone cannot say; SettingsError names the key."""
        if self.damage_budget is not None and self.by is not By.EXPECTED_COST:
            raise SettingsError("recommendation.damage_budget needs rule expected-cost: a threshold has no budget.")
        for name, value, least, most in (
            ("caution", self.caution, 0.0, 1e6),
            ("damage_budget", self.damage_budget or 0.0, 0.0, 1.0),
            ("least_gain", self.least_gain, 0.0, 1e9),
            ("change_share", self.change_share, 0.0, 1.0),
        ):
            if not least <= value <= most:
                raise SettingsError(f"recommendation.{name} is {value:g}; it must be from {least:g} to {most:g}.")

    @classmethod
    def of(cls, settings: Recommendation) -> Self:
        """The policy of a stage's settings; SettingsError if the rule is not known."""
        rules = [rule.value for rule in By]
        if settings.rule not in rules:
            raise SettingsError(f"recommendation.rule {settings.rule!r} is not known; it is {' or '.join(rules)}.")
        return cls(
            by=By(settings.rule),
            threshold=settings.threshold,
            thresholds=settings.thresholds,
            damage_budget=settings.damage_budget,
            least_gain=settings.least_gain,
            change_share=settings.change_share,
            baseline=settings.baseline,
        )

    @property
    def unguarded(self) -> Policy:
        """The rule alone: no budget, hysteresis or ramp."""
        return replace(self, damage_budget=None, least_gain=0.0, change_share=1.0)

    def bar(self, package_type: str) -> float:
        """Least suitability of a type that is good enough."""
        return self.thresholds.get(package_type, self.threshold)
