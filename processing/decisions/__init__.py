"""Which package type each product gets, and why: pure decisions over arrays, all products at once.

    offer = Offer.of(Products(...), types, damage=model_output)
    decisions = decide(offer, policy, previous=last_run, overrides=Overrides.resolve(...))

Products are rows and package types columns, from least to most protective, in every array of this package.
"""

from __future__ import annotations

from processing.decisions.chances import damage_of, suitability_of
from processing.decisions.decide import decide
from processing.decisions.fit import Products, fits, material
from processing.decisions.frontier import Point, frontier
from processing.decisions.history import Hearing, History, with_history
from processing.decisions.monotone import falling, rising, violations
from processing.decisions.offer import DamageCost, Offer
from processing.decisions.outcome import Decisions
from processing.decisions.overrides import Overrides
from processing.decisions.policy import By, Policy
from processing.decisions.reasons import reasons
from processing.decisions.rules import Rule, baseline_types
from processing.decisions.trust import Evidence, Savings, Trust, Worth, savings, trust

__all__ = [
    "By",
    "DamageCost",
    "Decisions",
    "Evidence",
    "Hearing",
    "History",
    "Offer",
    "Overrides",
    "Point",
    "Policy",
    "Products",
    "Rule",
    "Savings",
    "Trust",
    "Worth",
    "baseline_types",
    "damage_of",
    "decide",
    "falling",
    "fits",
    "frontier",
    "material",
    "reasons",
    "rising",
    "savings",
    "suitability_of",
    "trust",
    "violations",
    "with_history",
]
