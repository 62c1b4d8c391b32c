from __future__ import annotations

import numpy as np
import pytest

from processing.decisions import Products, fits, material
from rightpack.packaging import PackageType

BAG = PackageType("bag", 0, max_length_cm=30, max_width_cm=20, max_height_cm=5, max_weight_g=1000, allows_liquid=False)
OPEN = PackageType("open", 1)
LAST = PackageType("last", 2, trained=False, max_length_cm=60, max_width_cm=60, max_height_cm=60, max_weight_g=20_000)


def product(*sides, mass=100.0, liquid=0.0):
    return Products(np.array([sides], float), np.array([mass]), np.array([10.0]), np.array([liquid]))


def fit(one):
    return fits(one, (BAG, OPEN, LAST))[0].tolist()


@pytest.mark.parametrize("sides", [(30, 20, 5), (5, 30, 20), (20, 5, 30)])
def test_a_product_may_be_turned_to_fit(sides):
    assert fit(product(*sides)) == [True, True, True]


@pytest.mark.parametrize("sides", [(30.1, 20, 5), (30, 20.1, 5), (30, 20, 5.1), (25, 25, 1)])
def test_one_side_too_long_is_enough_not_to_fit(sides):
    assert fit(product(*sides)) == [False, True, True]


def test_weight_and_liquid_are_limits_too():
    assert fit(product(1, 1, 1, mass=1001)) == [False, True, True]
    assert fit(product(1, 1, 1, liquid=1.0)) == [False, True, True]


@pytest.mark.parametrize(
    "unknown", [product(np.nan, 1, 1), product(1, 1, 1, mass=np.nan), product(1, 1, 1, liquid=np.nan)]
)
def test_what_is_unknown_fits_only_where_nothing_limits_it_and_the_fallback(unknown):
    assert fit(unknown) == [False, True, True]
    assert unknown.unknown.tolist() == [True]


def test_the_fallback_does_not_take_what_is_known_to_be_too_much():
    assert fit(product(1, 1, 1, mass=20_001)) == [False, True, False]
    assert fit(product(np.nan, 1, 1, mass=20_001)) == [False, True, False]


def test_without_an_untrained_strongest_type_nothing_gets_the_benefit_of_the_doubt():
    assert fits(product(np.nan, 1, 1), (BAG,)).tolist() == [[False]]


def test_material_covers_the_product_and_its_cushion():
    pack = PackageType("p", 0, cushion_mm=5.0, cost_fixed=0.2, cost_per_dm2=0.01, grams_per_dm2=2.0)
    money, grams = material(product(3, 1, 2), (pack,))
    area = 2 * (4 * 3 + 4 * 2 + 3 * 2) / 100
    assert money[0, 0] == pytest.approx(0.2 + 0.01 * area)
    assert grams[0, 0] == pytest.approx(2.0 * area)


def test_of_unknown_size_only_the_fixed_cost_is_known():
    pack = PackageType("p", 0, cost_fixed=0.2, cost_per_dm2=0.01, grams_per_dm2=2.0)
    money, grams = material(product(np.nan, 1, 2), (pack,))
    assert (money[0, 0], grams[0, 0]) == (0.2, 0.0)
