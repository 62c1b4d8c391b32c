from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from processing.decisions import History, violations, with_history
from tests.unit.decisions.worlds import RATES, matrix

RATE = np.array([[0.05, 0.01, 0.002]])


def history(shipped=0.0, bad=0.0, tested=0.0, failed=0.0, place=1):
    cells = np.zeros((4, 1, 3))
    cells[:, 0, place] = shipped, bad, tested, failed
    return History(*cells)


def test_without_feedback_the_model_has_the_last_word():
    np.testing.assert_array_equal(with_history(RATE, history()), RATE)


def test_damage_beyond_expectation_raises_every_type_and_none_lowers_it():
    worse = with_history(RATE, history(shipped=100, bad=10))
    better = with_history(RATE, history(shipped=1000, bad=0))
    assert (worse > RATE).all()
    assert (better < RATE).all()


def test_with_much_feedback_the_rate_is_what_was_seen():
    found = with_history(RATE, history(shipped=1e6, bad=1e6 * (0.6 * 0.03 + 0.002)))
    assert 0.025 < found[0, 1] < 0.035


def test_a_failed_test_counts_as_severe_shipments():
    found = with_history(RATE, history(tested=5, failed=5))
    assert found[0, 1] > 3 * RATE[0, 1]


def test_false_reports_of_a_safe_type_are_not_taken_for_damage():
    safe = np.array([[0.05, 0.01, 1e-6]])
    found = with_history(safe, history(shipped=1000, bad=2, place=2))
    np.testing.assert_allclose(found, safe, rtol=0.01)


def test_what_no_model_knows_stays_unknown_and_harmless():
    rates = np.array([[np.nan, 0.01, 0.002]])
    found = with_history(rates, history(shipped=50, bad=40, tested=5, failed=5, place=0))
    assert np.isnan(found[0, 0])
    np.testing.assert_array_equal(found[0, 1:], rates[0, 1:])


COUNTS = st.integers(0, 500).map(float)


@given(matrix(3, 4, RATES), matrix(3, 4, COUNTS), matrix(3, 4, st.floats(0, 1)))
def test_rates_stay_rates_and_in_order(rates, shipped, shares):
    damage = np.sort(np.array(rates), axis=1)[:, ::-1]
    units = np.array(shipped)
    found = with_history(damage, History(units, np.floor(units * np.array(shares)), units * 0, units * 0))
    assert ((found >= 0) & (found <= 1)).all()
    assert violations(-found) == 0
