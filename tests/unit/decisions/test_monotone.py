from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from processing.decisions import falling, rising, violations
from tests.unit.decisions.worlds import matrix

VALUES = st.sampled_from([0.0, 0.1, 0.5, 0.5, 1.0]) | st.floats(-5, 5)
WEIGHTS = st.sampled_from([1.0, 1.0, 2.0, 2.0**-20]) | st.floats(0.01, 100)


def pooled(values, weights):
    """Pool adjacent violators, by the book: merge neighbouring blocks while a mean falls."""
    blocks = []
    for value, weight in zip(values, weights, strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            right, left = blocks.pop(), blocks.pop()
            weight = left[1] + right[1]
            blocks.append([(left[0] * left[1] + right[0] * right[1]) / weight, weight, left[2] + right[2]])
    return np.concatenate([[mean] * length for mean, _, length in blocks])


@st.composite
def weighted(draw):
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    return np.array(draw(matrix(rows, columns, VALUES))), np.array(draw(matrix(rows, columns, WEIGHTS)))


@given(weighted())
def test_rising_rows_are_what_pooling_adjacent_violators_gives(world):
    values, weights = world
    expected = np.stack([pooled(v, w) for v, w in zip(values, weights, strict=True)])
    np.testing.assert_allclose(rising(values, weights), expected, rtol=1e-9, atol=1e-9)


@given(weighted())
def test_no_row_falls_not_even_by_the_last_bit(world):
    values, weights = world
    assert violations(rising(values, weights)) == 0
    assert violations(-falling(values, weights)) == 0


@given(weighted())
def test_no_rising_candidate_is_closer(world):
    values, weights = world
    found = rising(values, weights)
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = np.sort(values + rng.normal(0, 1, values.shape), axis=1)
        assert (_distance(found, values, weights) <= _distance(other, values, weights) + 1e-9).all()


def _distance(fit, values, weights):
    return (weights * (fit - values) ** 2).sum(axis=1)


@given(weighted())
def test_rows_that_rise_already_come_back_bit_by_bit(world):
    values = np.sort(world[0], axis=1)
    assert rising(values, world[1]).tobytes() == values.tobytes()


@given(weighted())
def test_a_row_does_not_depend_on_its_neighbours(world):
    values, weights = world
    alone = np.concatenate([rising(values[i : i + 1], weights[i : i + 1]) for i in range(len(values))])
    np.testing.assert_array_equal(rising(values, weights), alone)


@given(weighted())
def test_falling_is_rising_seen_from_the_other_side(world):
    values, weights = world
    np.testing.assert_allclose(
        falling(values, weights), rising(values[:, ::-1], weights[:, ::-1])[:, ::-1], rtol=1e-9, atol=1e-9
    )


def test_a_value_of_hardly_any_weight_does_not_move_the_others():
    found = rising(np.array([[0.9, 0.1, 0.95]]), np.array([[1.0, 2.0**-20, 1.0]]))
    np.testing.assert_allclose(found, [[0.9, 0.9, 0.95]], atol=1e-5)


def test_the_input_is_left_alone():
    values = np.array([[2.0, 1.0]])
    rising(values)
    assert values.tolist() == [[2.0, 1.0]]


def test_violations_are_counted_between_neighbours():
    assert violations(np.array([[0.1, 0.3, 0.2], [0.3, 0.2, 0.1]])) == 3
    assert violations(np.array([[0.3, 0.2999]]), slack=1e-3) == 0
    assert violations(np.zeros((3, 1))) == 0
