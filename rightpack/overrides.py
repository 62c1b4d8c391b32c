"""What people decide by hand about single products: force a package type, forbid one, or lift either again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from rightpack.errors import DataError, SettingsError

SEPARATOR: Final = "|"
LONGEST_WHY: Final = 200


class Kind(StrEnum):
    """What an override does; `lift` takes back whatever was said of the product and type before."""

    FORCE = "force"
    FORBID = "forbid"
    LIFT = "lift"


@dataclass(frozen=True, slots=True)
class Override:
    """One product and type; it holds up to and including `expires` (None: until it is lifted). `why` is kept.

    Raises SettingsError where `why` is empty or does not fit on a line of a drop.
    """

    product_id: str
    package_type: str
    kind: Kind
    why: str
    expires: dt.date | None = None

    def __post_init__(self) -> None:
        """Whoever packs the product reads why."""
        if not self.why.strip() or len(self.why) > LONGEST_WHY:
            raise SettingsError(f"Say why in 1 to {LONGEST_WHY} characters; it becomes the recommendation's reason.")
        if SEPARATOR in self.why or not self.why.isprintable():
            raise SettingsError(f"The reason of an override is one line without {SEPARATOR!r}: {self.why!r}.")

    @classmethod
    def parse(cls, product_id: str, line: str) -> Self:
        """Read `kind|package type|expiry or nothing|why`, as drops carry it; DataError if it is not that."""
        try:
            kind, package_type, expires, why = line.split(SEPARATOR, 3)
            return cls(product_id, package_type, Kind(kind), why, dt.date.fromisoformat(expires) if expires else None)
        except (ValueError, SettingsError) as error:
            raise DataError(f"The override {line!r} of product {product_id!r} cannot be read: {error}") from error

    def holds(self, today: dt.date) -> bool:
        """Whether it has not expired."""
        return self.expires is None or today <= self.expires

    @property
    def words(self) -> str:
        """What it says, for the recommendation's reason."""
        until = f" until {self.expires:%Y-%m-%d}" if self.expires else ""
        return f"{self.kind} {self.package_type}{until}: {self.why}"
