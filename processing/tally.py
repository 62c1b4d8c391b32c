"""Counts and sums over all products of a run, for its summary and report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from processing.decision import Candidates, Decisions, Rule
from processing.fitting import Dimensions
from processing.monotone import violations


@dataclass(slots=True)
class Tally:
    """Adds up blocks of products; `names` are the package types from least to most protective."""

    names: tuple[str, ...]
    products: int = 0
    unknown: int = 0
    order_violations: int = 0
    mix: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Every package type and rule is listed, also with no product."""
        self.mix = dict.fromkeys(self.names, 0)
        self.rules = dict.fromkeys((rule.text for rule in Rule), 0)
        self.sums = dict.fromkeys(("damage", "cost", "baseline_cost", "suitability"), 0.0)

    def add(self, candidates: Candidates, decisions: Decisions, products: Dimensions) -> None:
        """Count one block."""
        self.products += len(products)
        self.unknown += int(products.unknown.sum())
        self.order_violations += violations(candidates.suitability[:, list(candidates.modelled)])
        chosen = np.bincount(decisions.chosen, minlength=len(self.names))
        decided = np.bincount(decisions.rules, minlength=len(Rule))
        for name, count in zip(self.names, chosen, strict=True):
            self.mix[name] += int(count)
        for rule in Rule:
            self.rules[rule.text] += int(decided[rule])
        for name in self.sums:
            self.sums[name] += float(getattr(decisions, name).sum())

    def counts(self, *, predictions: int) -> dict[str, int]:
        """How much was done."""
        return {
            "products": self.products,
            "predictions": predictions,
            "recommendations": self.products,
            "products_of_unknown_fit": self.unknown,
        }

    def estimates(self) -> dict[str, Any]:
        """Means per shipment, by the models' own word."""
        return {f"mean_{name}": total / self.products if self.products else None for name, total in self.sums.items()}
