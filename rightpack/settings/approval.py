"""When a new model may replace last week's."""

from __future__ import annotations

from dataclasses import dataclass, field

from rightpack.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Criterion:
    """One approval rule on a metric. `on_fail` is `reject`, or `hold`: then a person decides.

    `floor` and `ceiling` bound the value; `certain` forgives a value beyond them unless its whole interval is. On
    `max_drop` the candidate fails when its loss against the champion on the same rows is larger than that and the
    interval of the paired bootstrap at `confidence` rules out chance; on `max_stored_drop` likewise against what the
    champion measured when it was approved. With `slices` the rule holds for every slice instead of the whole; chance is
    then ruled out for all slices together.
    """

    metric: str
    floor: float | None = None
    ceiling: float | None = None
    max_drop: float | None = None
    max_stored_drop: float | None = None
    confidence: float = 0.95
    certain: bool = False
    slices: bool = False
    on_fail: str = "reject"

    def __post_init__(self) -> None:
        """Refuse a rule that could never fail, or not as meant."""
        bounds = (self.floor, self.ceiling, self.max_drop, self.max_stored_drop)
        if all(bound is None for bound in bounds):
            raise SettingsError(
                f"gate.criteria: {self.metric!r} sets no bound; give floor, ceiling, max_drop or max_stored_drop."
            )
        if self.on_fail not in {"reject", "hold"}:
            raise SettingsError(f"gate.criteria: on_fail of {self.metric!r} is reject or hold, not {self.on_fail!r}.")
        if not 0 < self.confidence < 1:
            raise SettingsError(f"gate.criteria: confidence of {self.metric!r} lies between 0 and 1.")
        if self.slices and self.max_stored_drop is not None:
            raise SettingsError(f"gate.criteria: {self.metric!r} is not stored by slice; leave out max_stored_drop.")


@dataclass(frozen=True, slots=True)
class Slicing:
    """Slices that a criterion may judge: category x weight band; `weight_edges` are where a new band begins, in grams.

    A slice with fewer validation rows, or fewer rows of either label, than the minimum is not judged.
    """

    category: str = "category"
    weight: str = "weight_g"
    weight_edges: tuple[float, ...] = (250.0, 1000.0, 5000.0)
    minimum_rows: int = 200
    minimum_of_each_label: int = 30


@dataclass(frozen=True, slots=True)
class Gate:
    """Approval rules; no criteria means that nothing is ever approved."""

    criteria: tuple[Criterion, ...] = ()
    bootstrap_rounds: int = 300
    slicing: Slicing = field(default_factory=Slicing)

    def __post_init__(self) -> None:
        """Each metric has one interval, on the whole and by slice."""
        seen: dict[tuple[str, bool], float] = {}
        for criterion in self.criteria:
            confidence = seen.setdefault((criterion.metric, criterion.slices), criterion.confidence)
            if confidence != criterion.confidence:
                raise SettingsError(f"gate.criteria: two rules on {criterion.metric!r} differ in confidence.")
