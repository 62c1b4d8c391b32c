from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.fitting import Dimensions, fits, material_costs
from rightpack.errors import ContractError
from rightpack.packaging import PackageType

BOX = PackageType("box", 1, True, 30, 20, 10, 1000, allows_liquid=False, cost_fixed=0.5, cost_per_dm2=0.1)
OPEN = PackageType("open", 0)
KNOWN = {"length_cm": 30.0, "width_cm": 20.0, "height_cm": 10.0, "weight_g": 1000.0, "price": 5.0, "is_liquid": 0}


def one(**changes: Any) -> Dimensions:
    """One product that just fits the box, but for `changes`."""
    return Dimensions.of(pa.table({n: pa.array([v]) for n, v in {**KNOWN, **changes}.items()}))


def fit(product: Dimensions, package: PackageType, *, fallback: bool = False) -> bool:
    return bool(fits(product, [package], 0 if fallback else None)[0, 0])


@pytest.mark.parametrize("sides", list(itertools.permutations([30.0, 20.0, 10.0])))
def test_a_product_may_be_turned(sides: tuple[float, float, float]) -> None:
    length, width, height = sides
    assert fit(one(length_cm=length, width_cm=width, height_cm=height), BOX)


@pytest.mark.parametrize(
    "changes",
    [{"length_cm": 30.1}, {"width_cm": 20.1}, {"height_cm": 10.1}, {"weight_g": 1000.1}, {"is_liquid": 1}],
)
def test_one_thing_too_much_and_it_does_not_fit(changes: dict[str, float]) -> None:
    assert fit(one(), BOX)
    assert not fit(one(**changes), BOX)
    assert fit(one(**changes), OPEN)


@pytest.mark.parametrize("name", ["length_cm", "width_cm", "height_cm", "weight_g", "is_liquid"])
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -3.0])
def test_what_is_not_known_fits_only_where_there_is_no_limit_or_as_fallback(name: str, value: float | None) -> None:
    if name == "is_liquid" and value == -3.0:
        value = None
    product = one(**{name: pa.scalar(value, pa.float64())})
    assert product.unknown.tolist() == [True]
    assert not fit(product, BOX)
    assert fit(product, OPEN)
    assert fit(product, BOX, fallback=True)


@pytest.mark.parametrize("changes", [{"weight_g": 1001.0}, {"is_liquid": 1}, {"width_cm": 31.0}, {"height_cm": 31.0}])
def test_the_fallback_takes_nothing_that_is_known_to_be_too_much(changes: dict[str, float]) -> None:
    assert not fit(one(length_cm=math.nan, **changes), BOX, fallback=True)


def test_columns_that_the_shop_does_not_have_are_not_known() -> None:
    product = Dimensions.of(pa.table({"product_id": ["a", "b"]}))
    assert len(product) == 2
    assert product.unknown.all()
    assert np.isnan(product.price).all()


def test_a_price_of_nothing_is_known_and_a_negative_one_is_not() -> None:
    assert one(price=0.0).price.tolist() == [0.0]
    assert np.isnan(one(price=-1.0).price).all()


@pytest.mark.parametrize("kind", [pa.string(), pa.decimal128(24, 2), pa.float32(), pa.int32()])
def test_numbers_are_read_whatever_their_type_in_the_file(kind: pa.DataType) -> None:
    table = pa.table({n: pa.array([v]).cast(pa.int64()).cast(kind) for n, v in KNOWN.items()})
    assert fit(Dimensions.of(table), BOX)


def test_a_flag_may_say_whether_it_is_liquid() -> None:
    assert not fit(one(is_liquid=True), BOX)
    assert fit(one(is_liquid=False), BOX)


def test_a_size_that_is_no_number_is_named() -> None:
    with pytest.raises(ContractError, match="'length_cm'"):
        one(length_cm="long")


def test_material_is_the_fixed_part_and_the_surface() -> None:
    surface = 2 * (30 * 20 + 30 * 10 + 20 * 10) / 100
    assert material_costs(one(), [BOX, OPEN]).tolist() == [[0.5 + 0.1 * surface, 0.0]]
    assert material_costs(one(width_cm=math.nan), [BOX]).tolist() == [[0.5]]


@given(st.lists(st.floats(0.1, 100), min_size=3, max_size=3), st.floats(1, 5000), st.floats(0, 20))
def test_a_larger_type_takes_all_that_a_smaller_one_takes(sides: list[float], mass: float, more: float) -> None:
    larger = PackageType("larger", 2, True, 30 + more, 20 + more, 10 + more, 1000 + more)
    product = one(length_cm=sides[0], width_cm=sides[1], height_cm=sides[2], weight_g=mass)
    assert fit(product, larger) or not fit(product, BOX)
    by_hand = all(a <= b for a, b in zip(sorted(sides), (10, 20, 30), strict=True)) and mass <= 1000
    assert fit(product, BOX) == by_hand
