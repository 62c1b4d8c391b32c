"""What the shop writes about its products: title, category, brand and noisy hints at what they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.generator import latents as lat
from processing.generator import materials, words
from processing.generator.arrays import Bools, Floats, Ints
from processing.generator.normal import probability_below
from processing.generator.schemas import PRODUCTS, TIMESTAMP

BRANDS_PER_CATEGORY: Final = 8
VAGUE: Final = 0.2
ORDERS: Final = np.array([[2, 1, 0], [2, 0, 1], [1, 2, 0], [1, 0, 2], [0, 2, 1], [0, 1, 2]])
ORDER_SHARES: Final = (0.5, 0.1, 0.15, 0.05, 0.1, 0.1)


@dataclass(frozen=True, slots=True)
class Hints:
    """Observable flags, one element per product; each is often right and sometimes wrong."""

    glass: Bools
    fragile: Bools
    liquid: Bools


def hints(latents: lat.Latents, rng: np.random.Generator) -> Hints:
    """Draw what the shop knows or believes."""
    rows = len(latents)
    glass = rng.random(rows) < np.where(latents.material == materials.GLASS, 0.72, 0.015)
    fragile = rng.random(rows) < 0.55 * probability_below((4.2 - np.log(latents.critical_g)) / 0.6)
    liquid = (latents.leaks & (rng.random(rows) < 0.85)) | (rng.random(rows) < 0.01)
    return Hints(glass, fragile, liquid)


def batch(
    identities: pa.Array, latents: lat.Latents, seen: Hints, first_seen: Ints, rng: np.random.Generator
) -> pa.RecordBatch:
    """Rows of the product table, in the order of the latents; `first_seen` in microseconds since 1970."""
    category = _among(materials.category_odds()[latents.material], rng)
    brand = _words(words.BRANDS, _brand(category, rng))
    length, width, height = _as_measured(latents.sides_cm, rng).T
    moment = pa.array(first_seen).cast(TIMESTAMP)
    columns = {
        "product_id": identities,
        "title": _titles(brand, latents, seen, rng),
        "category": pa.array(materials.CATEGORIES).take(pa.array(category)),
        "brand": brand,
        "primary_pack": pa.array(lat.PACKS).take(pa.array(latents.pack)),
        "length_cm": length,
        "width_cm": width,
        "height_cm": height,
        "weight_g": latents.weight_g,
        "price": latents.price,
        "is_fragile": seen.fragile.astype(np.int16),
        "is_liquid": seen.liquid.astype(np.int16),
        "first_seen_at": moment,
        "updated_at": moment,
        "is_active": np.ones(len(latents), np.int16),
    }
    return pa.RecordBatch.from_arrays([pa.array(columns[name]) for name in PRODUCTS.names], schema=PRODUCTS)


def _among(odds: Floats, rng: np.random.Generator) -> Ints:
    """Draw one column per row of a table of probabilities."""
    return np.asarray((odds.cumsum(axis=1) < rng.random(len(odds))[:, None]).sum(axis=1).clip(max=odds.shape[1] - 1))


def _brand(category: Ints, rng: np.random.Generator) -> Ints:
    """A category has a few brands of its own, the first of them the most common; neighbours share some."""
    place = np.floor(BRANDS_PER_CATEGORY * rng.random(len(category)) ** 2).astype(np.int64)
    return np.asarray((3 * category + place) % len(words.spelled(words.BRANDS)))


def _as_measured(sides_cm: Floats, rng: np.random.Generator) -> Floats:
    """Length, width and height: nobody turns a product before measuring it."""
    order = ORDERS[rng.choice(len(ORDERS), len(sides_cm), p=ORDER_SHARES)]
    return np.asarray(np.take_along_axis(sides_cm, order, axis=1))


def _titles(brand: pa.Array, latents: lat.Latents, seen: Hints, rng: np.random.Generator) -> pa.Array:
    """Brand, adjective, material word, noun, then volume, warning and variant; most of it optional."""
    rows = len(latents)
    care = (seen.fragile & (rng.random(rows) < 0.8)) | (rng.random(rows) < 0.01)
    parts = [
        brand,
        _material_words(words.ADJECTIVES, words.ANY_ADJECTIVE, latents.material, rng),
        _sometimes(words.GLASS, seen.glass, rng),
        _material_words(words.NOUNS, words.ANY_NOUN, latents.material, rng),
        _sometimes(words.VOLUME, seen.liquid, rng),
        _sometimes(words.FRAGILE, care, rng),
        _sometimes(words.VARIANT, rng.random(rows) < 0.6, rng),
    ]
    return pc.binary_join_element_wise(*parts, " ", null_handling="skip")


def _material_words(by_material: dict[str, str], vague: str, material: Ints, rng: np.random.Generator) -> pa.Array:
    """A word that fits the material, or now and then one that fits anything."""
    lists = [words.spelled(by_material[name]) for name in materials.NAMES] + [words.spelled(vague)]
    which = np.where(rng.random(len(material)) < VAGUE, len(lists) - 1, material)
    sizes = np.array([len(entries) for entries in lists])
    begins = sizes.cumsum() - sizes
    place = np.floor(rng.random(len(material)) * sizes[which]).astype(np.int64)
    return pa.array([w for entries in lists for w in entries]).take(pa.array(begins[which] + place))


def _sometimes(text: str, present: Bools, rng: np.random.Generator) -> pa.Array:
    """A random word of the list where `present`, null elsewhere."""
    place = np.floor(rng.random(len(present)) * len(words.spelled(text))).astype(np.int64)
    return pa.array(words.spelled(text)).take(pa.array(place, mask=~present))


def _words(text: str, place: Ints) -> pa.Array:
    return pa.array(words.spelled(text)).take(pa.array(place))
