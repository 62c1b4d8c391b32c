from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.decisions import DamageCost, Offer, Products, damage_of, suitability_of, violations
from rightpack.errors import InternalError
from rightpack.packaging import PackageType
from tests.unit.decisions.worlds import matrix, types

CHANCES = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)


def products(count, *, price=50.0, side=10.0):
    return Products(np.full((count, 3), side), np.full(count, 200.0), np.full(count, price), np.zeros(count))


@given(matrix(4, 6, CHANCES))
def test_estimates_respect_protection_whichever_of_them_is_given(raw):
    for made in (
        Offer.of(products(4), types(), suitability=np.array(raw)),
        Offer.of(products(4), types(), damage=np.array(raw)),
    ):
        assert violations(made.suitability) == 0
        assert violations(-made.damage) == 0
        assert made.damage.min() >= 0
        assert made.damage.max() <= 1
        assert made.suitability.min() >= 0
        assert made.suitability.max() <= 1


def test_types_come_by_rank_in_whatever_order_they_are_given():
    given_types = tuple(reversed(types(3)))
    made = Offer.of(products(1), given_types, damage=np.array([[0.001, 0.02, 0.3]]))
    assert [t.name for t in made.types] == ["none", "paper-bag", "padded-mailer"]
    assert made.damage.tolist() == [[0.3, 0.02, 0.001]]


def test_a_type_that_the_product_does_not_fit_does_not_move_the_others():
    small = PackageType("small", 1, max_length_cm=1.0)
    ordered = (PackageType("none", 0), small, PackageType("box", 2))
    made = Offer.of(products(1), ordered, damage=np.array([[0.01, 0.9, 0.005]]))
    np.testing.assert_allclose(made.damage[0, [0, 2]], [0.01, 0.005], rtol=1e-3)


def test_the_fallback_is_safe_by_assumption_only_if_nothing_is_known_about_it():
    unknown = np.array([[0.2, 0.1, np.nan]])
    made = Offer.of(products(1), types(3), damage=unknown)
    assert (made.damage[0, 2], made.suitability[0, 2]) == (0.0, 1.0)
    known = Offer.of(products(1), types(3), damage=np.array([[0.2, 0.1, 0.05]]))
    assert known.damage[0, 2] == 0.05


def test_without_any_estimate_no_type_but_the_fallback_is_known():
    made = Offer.of(products(2), types(3))
    assert made.modelled.tolist() == [False, False, True]
    assert not made.scored


def test_a_type_without_a_model_stays_unknown_between_those_with_one():
    made = Offer.of(products(1), types(4), suitability=np.array([[0.9, np.nan, 0.7, np.nan]]))
    assert made.modelled.tolist() == [True, False, True, True]
    np.testing.assert_allclose(made.suitability[0, [0, 2]], [0.8, 0.8])


def test_damage_costs_the_price_up_to_a_cap_and_a_fixed_part():
    known = Products(np.ones((3, 3)), np.ones(3), np.array([20.0, 900.0, np.nan]), np.zeros(3))
    assert DamageCost(cap=500, fixed=6).of(known).tolist() == [26.0, 506.0, 506.0]


def test_types_out_of_order_are_our_own_fault():
    made = Offer.of(products(1), types(2), damage=np.array([[0.1, 0.0]]))
    with pytest.raises(InternalError, match="by protection rank"):
        Offer(tuple(reversed(made.types)), *(getattr(made, n) for n in made.__slots__[1:]))


def test_arrays_of_another_shape_are_our_own_fault():
    made = Offer.of(products(1), types(2), damage=np.array([[0.1, 0.0]]))
    with pytest.raises(InternalError, match="grams has shape"):
        Offer(made.types, made.fits, made.damage, made.suitability, made.pack_cost, made.grams[:, :1], made.damage_cost)


def test_some_products_can_be_taken_out():
    made = Offer.of(products(3), types(2), damage=np.array([[0.3, 0.0], [0.2, 0.0], [0.1, 0.0]]))
    assert made.take(np.array([True, False, True])).damage[:, 0].tolist() == [0.3, 0.1]
    assert len(made.take(slice(1, 3))) == 2


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_suitable_never_means_more_damage(one, other):
    low, high = sorted([one, other])
    assert damage_of(np.array([low]))[0] >= damage_of(np.array([high]))[0]
    assert suitability_of(np.array([low]), 0.02)[0] >= suitability_of(np.array([high]), 0.02)[0]


@pytest.mark.parametrize(("mean", "share"), [(0.003, 0.976), (0.0084, 0.93), (0.0118, 0.87), (0.0169, 0.784)])
def test_suitability_is_near_the_true_share_of_the_generators_products(mean, share):
    assert suitability_of(np.array([mean]), 0.02)[0] == pytest.approx(share, abs=0.04)
