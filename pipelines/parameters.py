"""What the parameters of every pipeline have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Declared:
    """Pipeline parameters as a dataclass: each field holds one; those without a default are given at every start."""

    def listed(self) -> list[Any]:
        """All of them, in the order of the definition."""
        return [getattr(self, item.name) for item in fields(self)]
