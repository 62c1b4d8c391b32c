from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from processing.monotone import FloatArray, rising, violations

shapes = st.tuples(st.integers(0, 6), st.integers(1, 6))
chances = st.floats(0, 1, allow_subnormal=False)
coarse = st.integers(0, 4).map(lambda n: n / 4)  # many ties
weight = st.one_of(st.floats(0.01, 10), st.just(2.0**-20))


@st.composite
def weighted(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    shape = draw(shapes)
    scores = draw(arrays.arrays(np.float64, shape, elements=draw(st.sampled_from([chances, coarse]))))
    return scores, draw(arrays.arrays(np.float64, shape, elements=weight))


def pooled(scores: list[float], weights: list[float]) -> list[float]:
    """Isotonic regression by pooling adjacent violators, in exact arithmetic."""
    blocks: list[tuple[Fraction, Fraction, int]] = []
    for score, weight in zip(scores, weights, strict=True):
        blocks.append((Fraction(score), Fraction(weight), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, mass, size), (later, more, count) = blocks[-2:]
            blocks[-2:] = [((mean * mass + later * more) / (mass + more), mass + more, size + count)]
    return [float(mean) for mean, _, size in blocks for _ in range(size)]


@given(weighted())
def test_the_result_never_falls(given_: tuple[FloatArray, FloatArray]) -> None:
    result = rising(*given_)
    assert (np.diff(result, axis=1) >= 0).all()
    assert violations(result) == 0


@given(weighted())
def test_the_result_is_the_exact_isotonic_regression(given_: tuple[FloatArray, FloatArray]) -> None:
    scores, weights = given_
    expected = [pooled(s, w) for s, w in zip(scores.tolist(), weights.tolist(), strict=True)]
    np.testing.assert_allclose(rising(scores, weights), np.reshape(expected, scores.shape), rtol=0, atol=1e-9)


@given(arrays.arrays(np.float64, shapes, elements=chances))
def test_without_weights_every_score_counts_alike(scores: FloatArray) -> None:
    expected = [pooled(row, [1.0] * len(row)) for row in scores.tolist()]
    np.testing.assert_allclose(rising(scores), np.reshape(expected, scores.shape), rtol=0, atol=1e-12)


@given(weighted())
def test_doing_it_twice_changes_nothing_more(given_: tuple[FloatArray, FloatArray]) -> None:
    once = rising(*given_)
    assert rising(once, given_[1]).tobytes() == once.tobytes()


@given(weighted())
def test_a_row_that_rises_already_comes_back_bit_for_bit(given_: tuple[FloatArray, FloatArray]) -> None:
    ordered = np.sort(given_[0], axis=1)
    assert rising(ordered, given_[1]).tobytes() == ordered.tobytes()


@given(weighted())
def test_chances_stay_chances(given_: tuple[FloatArray, FloatArray]) -> None:
    result = rising(*given_)
    assert ((result >= 0) & (result <= 1)).all()


@given(weighted(), st.randoms(use_true_random=False))
def test_every_product_is_by_itself_and_keeps_its_place(given_: tuple[FloatArray, FloatArray], random: object) -> None:
    scores, weights = given_
    order = list(range(len(scores)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert rising(scores[order], weights[order]).tobytes() == rising(scores, weights)[order].tobytes()


@given(weighted(), st.floats(0, 1))
def test_a_product_better_everywhere_is_never_put_behind(given_: tuple[FloatArray, FloatArray], lift: float) -> None:
    scores, weights = given_
    better = np.minimum(scores + lift, 1)
    assert (rising(better, weights) >= rising(scores, weights) - 1e-12).all()


@given(weighted())
@examples(max_examples=50)
def test_what_is_given_is_not_changed(given_: tuple[FloatArray, FloatArray]) -> None:
    before = [part.copy() for part in given_]
    rising(*given_)
    assert all((a == b).all() for a, b in zip(before, given_, strict=True))


def test_violations_counts_every_fall() -> None:
    assert violations(np.array([[0.1, 0.5, 0.4], [0.3, 0.2, 0.1], [0.1, 0.1, 0.2]])) == 3
    assert violations(np.zeros((4, 1))) == 0
    assert violations(np.zeros((4, 0))) == 0


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nothing_gives_nothing(shape: tuple[int, int]) -> None:
    assert rising(np.zeros(shape)).shape == shape
