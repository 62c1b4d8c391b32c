"""What happens to a product in a package: the true probability that one shipment damages it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from processing.generator import materials
from processing.generator.arrays import Bools, Floats
from processing.generator.latents import Latents
from processing.generator.normal import probability_below
from rightpack.packaging import PackageType

DAMAGE_LIMIT: Final = 0.02
SOILED: Final = np.array([0.22, 0.06, 0.05, 0.006])
LOAD_LOG_N: Final = 4.3


@dataclass(frozen=True, slots=True)
class Strength:
    """What the configuration does not say about a package type.

    `crush_n` is what it adds against weight on top, `tear_kg` the content that tears it, `leak` the relative hazard of
    a bottle inside; `bare` means that nothing keeps the product clean.
    """

    crush_n: float
    tear_kg: float
    leak: float
    rigid: bool = True
    bare: bool = False


STRENGTHS: Final = {
    "none": Strength(crush_n=0, tear_kg=99.0, leak=2.5, rigid=False, bare=True),
    "paper-bag": Strength(crush_n=0, tear_kg=1.6, leak=2.0, rigid=False),
    "padded-mailer": Strength(crush_n=15, tear_kg=2.6, leak=1.5, rigid=False),
    "book-box": Strength(crush_n=120, tear_kg=8.0, leak=1.0),
    "carton": Strength(crush_n=450, tear_kg=60.0, leak=0.9),
    "cushioned-carton": Strength(crush_n=450, tear_kg=60.0, leak=0.5),
}
CUSHIONS: Final = dict(zip((0.0, 1.0, 5.0, 7.0, 10.0, 38.0), STRENGTHS, strict=True))


def strength(package_type: PackageType) -> Strength:
    """Strength of a type; one that a team invented is as strong as the known type that cushions next to it."""
    known = STRENGTHS.get(package_type.name)
    if known is not None:
        return known
    return STRENGTHS[CUSHIONS[max(c for c in CUSHIONS if c <= max(package_type.cushion_mm, 0.0))]]


def damage(latents: Latents, types: Sequence[PackageType]) -> Floats:
    """Damage probability per shipment, shape (products, types); `types` by rank, and a stronger one is never worse."""
    worst = np.stack([_hazard(latents, t, strength(t)) for t in types], axis=1)
    return np.asarray(np.minimum.accumulate(worst, axis=1))


def _hazard(latents: Latents, package_type: PackageType, own: Strength) -> Floats:
    survives = 1 - _shock(latents, package_type.cushion_mm)
    survives *= 1 - 0.6 * probability_below((LOAD_LOG_N - np.log(latents.crush_n + own.crush_n)) / 0.55)
    survives *= 1 - _tear(latents, own.tear_kg)
    survives *= 1 - 0.012 * own.leak * np.exp(-package_type.cushion_mm / 14) * latents.leaks
    if not own.rigid:
        survives *= 1 - _bend(latents, package_type.cushion_mm)
    if own.bare:
        survives *= 1 - SOILED[latents.pack]
    return np.asarray(1 - survives)


def _shock(latents: Latents, cushion_mm: float) -> Floats:
    """A drop: light parcels fall from higher, and heavy ones use up their cushion."""
    kilograms = latents.weight_g / 1000
    height_cm = (97 - 0.9 * kilograms - 18 * np.log1p(kilograms)).clip(30, 97)
    crushable_mm = latents.own_cushion_mm + 2.0 + cushion_mm
    effective_mm = crushable_mm * (1 - 0.15 * np.log1p(kilograms / 3)).clip(0.55, 1)
    felt_g = 0.55 * 0.35 * 10 * height_cm / (0.30 * effective_mm)
    return np.asarray(probability_below((np.log(felt_g / latents.critical_g) - 1.1) / 0.45))


def _tear(latents: Latents, limit_kg: float) -> Floats:
    excess = np.maximum(latents.weight_g / 1000 / limit_kg - 0.6, 0)
    return np.asarray((1 - np.exp(-0.25 * excess**2)) * np.where(latents.sharp, 0.35, 0.08))


def _bend(latents: Latents, cushion_mm: float) -> Floats:
    """Long, flat and stiff things break in a pack that bends."""
    slender = ((latents.sides_cm[:, 2] / latents.sides_cm[:, 0].clip(0.5) - 12) / 40).clip(0, 1)
    return np.asarray(0.10 * slender * np.isin(latents.material, materials.STIFF) * np.exp(-cushion_mm / 8))


def fits(latents: Latents, is_liquid: Bools, types: Sequence[PackageType]) -> Bools:
    """Whether each product may go into each type: sides, weight, and liquids where the type takes none."""
    columns = []
    for package_type in types:
        limits = np.array(package_type.max_sides_cm[::-1])
        inside = (latents.sides_cm <= limits).all(axis=1) & (latents.weight_g <= package_type.max_weight_g)
        columns.append(inside if package_type.allows_liquid else inside & ~is_liquid)
    return np.stack(columns, axis=1)


def material_use(latents: Latents, types: Sequence[PackageType]) -> tuple[Floats, Floats]:
    """Money and grams that a pack of each type takes, both of shape (products, types)."""
    cushion_cm = np.array([t.cushion_mm for t in types]) / 5
    short, middle, long = (latents.sides_cm[:, i, None] + cushion_cm for i in range(3))
    area_dm2 = 2 * (long * middle + long * short + middle * short) / 100
    cost = np.array([t.cost_fixed for t in types]) + np.array([t.cost_per_dm2 for t in types]) * area_dm2
    return np.asarray(cost), np.asarray(np.array([t.grams_per_dm2 for t in types]) * area_dm2)
