"""What is refused of a drop, row by row or whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from rightpack.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Range:
    """What values of a column, or their median, may be; both ends belong to it, and None is no end."""

    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.least is not None and self.most is not None and not self.least <= self.most:
            raise SettingsError(f"The range from {self.least} to {self.most} holds nothing.")

    def holds(self, value: float) -> bool:
        """Whether `value` lies in it."""
        above = self.least is None or value >= self.least
        return above and (self.most is None or value <= self.most)


@dataclass(frozen=True, slots=True)
class Defence:
    """How much of a drop may be unusable before all of it is refused, and what is unusable.

    Rows that break the contract go to quarantine: `quarantine_rows` of a drop whatever it holds, and the
    `quarantine_share` of a large one. Beyond that, the whole drop is refused. So is one with more than `most_rows` rows
    or `most_gigabytes` once decoded, and one of at least `median_rows` rows in which a median of `medians` is out of
    its range: that is another unit. `density`, in grams per cubic centimetre, needs no column of its own. With
    `units_as_before` a run whose products are all larger than the baseline's by the factor of a unit fails as well.
    `ranges` are those of single values, by column. Labels and evidence may be observed up to `future_days` after the
    business date. Keys have at most `key_bytes`, as in the warehouse, other texts `text_bytes`.
    """

    quarantine_share: float = 0.02
    quarantine_rows: int = 10
    most_rows: int = 50_000_000
    most_gigabytes: float = 16.0
    median_rows: int = 50
    units_as_before: bool = True
    future_days: int = 1
    key_bytes: int = 64
    text_bytes: int = 65_535
    ranges: dict[str, Range] = field(default_factory=dict)
    medians: dict[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if not 0 <= self.quarantine_share <= 1:
            raise SettingsError(f"defence.quarantine_share is {self.quarantine_share}; it must be between 0 and 1.")
        for name in ("quarantine_rows", "most_rows", "median_rows", "future_days", "key_bytes", "text_bytes"):
            if getattr(self, name) < 0:
                raise SettingsError(f"defence.{name} is {getattr(self, name)}; it must not be negative.")

    def may_be_unusable(self, rows: int) -> int:
        """How many rows of a drop of `rows` may go to quarantine."""
        return max(self.quarantine_rows, int(self.quarantine_share * rows))

    @property
    def most_bytes(self) -> float:
        """The most that a drop may hold once decoded."""
        return self.most_gigabytes * 1e9
