"""How long a million decisions take."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from processing.decisions import Offer, Policy, Products, decide
from rightpack.settings import Settings

PRODUCTS: Final = 1_000_000
TRIES: Final = 3


def decide_seconds(settings: Settings, products: int = PRODUCTS) -> float:
    """Seconds from raw, disordered estimates to decisions under a budget, hysteresis and ramp; the best of three."""
    rng = np.random.default_rng(7)
    types = len(settings.package_types)
    sides, mass = np.exp(rng.normal(2.8, 0.6, (products, 3))), np.exp(rng.normal(6.2, 1.2, products))
    known = Products(sides, mass, np.exp(rng.normal(3.4, 0.8, products)), np.zeros(products))
    level = rng.normal(-5, 1.5, (products, 1)) - 0.8 * np.arange(types)
    damage = np.exp(level + rng.normal(0, 0.5, (products, types))).clip(0, 1)
    previous = rng.integers(-1, types, products)
    policy = Policy(damage_budget=0.004, least_gain=0.02, change_share=0.2)
    return min(_seconds(known, settings, damage, previous, policy=policy) for _ in range(TRIES))


def _seconds(known: Products, settings: Settings, damage: np.ndarray, previous: np.ndarray, *, policy: Policy) -> float:
    began = time.perf_counter()
    decide(Offer.of(known, settings.package_types, damage=damage), policy, previous=previous)
    return time.perf_counter() - began
