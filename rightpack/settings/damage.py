"""The joint model of damage in every package type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rightpack.settings.approval import Criterion


@dataclass(frozen=True, slots=True)
class DamageModel:
    """Whether one model of damage in all package types is trained beside those of single types, and how.

    It learns from counts of shipments and tests, is a training target of its own (`every-type`), and has approval rules
    of its own: without `criteria` it is never approved. `parameters` are LightGBM's and a few of ours.
    """

    enabled: bool = True
    parameters: dict[str, Any] = field(default_factory=dict)
    criteria: tuple[Criterion, ...] = ()
