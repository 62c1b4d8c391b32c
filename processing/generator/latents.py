"""What a product really is. None of this is in the warehouse; the shop's columns only hint at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from processing.generator import materials
from processing.generator.arrays import Bools, Floats, Ints

PACKS: Final = ("exposed", "polybag", "blister", "carton")
PACK_SHARES: Final = (0.18, 0.30, 0.20, 0.32)
PACK_CUSHION_MM: Final = np.array([0.0, 1.0, 3.0, 6.0])
CARTON: Final = PACKS.index("carton")


@dataclass(frozen=True, slots=True)
class Latents:
    """True properties of some products, one array element each.

    `sides_cm` has shape (products, 3), shortest side first; `critical_g` is the acceleration that breaks the product;
    `own_cushion_mm` and part of `crush_n` come from its retail packaging.
    """

    material: Ints
    weight_g: Floats
    sides_cm: Floats
    critical_g: Floats
    crush_n: Floats
    pack: Ints
    own_cushion_mm: Floats
    leaks: Bools
    sharp: Bools
    price: Floats

    def __len__(self) -> int:
        return len(self.weight_g)


def draw(rows: int, rng: np.random.Generator, *, surge: bool) -> Latents:
    """Draw `rows` products; `surge` is the covariate drift."""
    material = rng.choice(len(materials.MATERIALS), rows, p=materials.shares(surge=surge))
    weight = np.rint(materials.logarithmic("weight", material, rng).clip(5, 40_000))
    density = materials.logarithmic("density", material, rng).clip(0.01, 8)
    pack = rng.choice(len(PACKS), rows, p=PACK_SHARES)
    return Latents(
        material=material,
        weight_g=weight,
        sides_cm=_sides(weight / density, rng),
        critical_g=materials.logarithmic("critical", material, rng),
        crush_n=materials.logarithmic("crush", material, rng) + _carton_strength(pack, rng),
        pack=pack,
        own_cushion_mm=PACK_CUSHION_MM[pack] * np.exp(rng.normal(0, 0.25, rows)),
        leaks=rng.random(rows) < materials.column("leaks")[material],
        sharp=rng.random(rows) < materials.column("sharp")[material],
        price=_price(material, weight, rng),
    )


def _sides(volume_cm3: Floats, rng: np.random.Generator) -> Floats:
    """Sides of boxes of these volumes: log-normal proportions, in steps of a millimetre."""
    rows = len(volume_cm3)
    longest = np.cbrt(volume_cm3) * np.exp(0.30 + rng.normal(0, 0.32, rows))
    middle = longest / np.exp(np.abs(rng.normal(0.25, 0.25, rows)))
    sides = np.stack([longest, middle, volume_cm3 / (longest * middle)], axis=1)
    return np.asarray(np.sort(np.round(sides.clip(0.3, 200), 1), axis=1))


def _carton_strength(pack: Ints, rng: np.random.Generator) -> Floats:
    return np.asarray((pack == CARTON) * np.exp(rng.normal(5.0, 0.5, len(pack))))


def _price(material: Ints, weight: Floats, rng: np.random.Generator) -> Floats:
    usual_weight = materials.column("weight")[material, 0]
    mean = materials.column("price")[material] + 0.35 * (np.log(weight) - usual_weight)
    return np.asarray(np.round(np.exp(rng.normal(mean, 0.6)), 2).clip(0.5))
