from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from processing.architectures.calibration import Calibration, log_odds
from rightpack.errors import InternalError


def sigmoid(odds: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 1 / (1 + np.exp(-odds))


def test_overconfident_scores_are_pulled_in() -> None:
    rng = np.random.default_rng(0)
    truth = sigmoid(rng.normal(0, 1.5, 20_000))
    labels = (rng.random(20_000) < truth).astype(float)
    overconfident = sigmoid(3 * log_odds(truth) + 1)
    learned = Calibration.learn(overconfident, labels, np.ones(20_000))
    assert learned.slope == pytest.approx(1 / 3, abs=0.03)
    assert np.abs(learned.apply(overconfident) - truth).max() < 0.03


def test_scores_that_tell_nothing_become_the_share_of_suitable_rows() -> None:
    labels = (np.arange(1000) < 900).astype(float)
    learned = Calibration.learn(np.full(1000, 0.5), labels, np.ones(1000))
    assert learned.apply(np.array([0.5]))[0] == pytest.approx(0.9, abs=0.01)


chances = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0]), st.floats(0, 5)), min_size=1, max_size=50)


@hypothesis_settings(deadline=None)
@given(chances)
def test_the_order_of_products_never_changes_whatever_was_seen(rows: list[tuple[float, float, float]]) -> None:
    scores, labels, weights = (np.array(column) for column in zip(*rows, strict=True))
    learned = Calibration.learn(scores, labels, weights)
    assert learned.slope > 0
    calibrated = learned.apply(np.linspace(0, 1, 101))
    assert (np.diff(calibrated) >= 0).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


def test_the_identity_changes_nothing() -> None:
    some = np.array([0.01, 0.5, 0.99])
    np.testing.assert_allclose(Calibration().apply(some), some)


def test_a_saved_calibration_is_the_same(tmp_path: Path) -> None:
    Calibration(0.7, -0.123456789).save(tmp_path)
    assert Calibration.load(tmp_path) == Calibration(0.7, -0.123456789)


@pytest.mark.parametrize("content", ["", "{}", '{"slope": -1, "intercept": 0}', '{"slope": "x", "intercept": 0}'])
def test_a_calibration_that_cannot_be_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(InternalError, match=r"calibration\.json"):
        Calibration.load(tmp_path)


def test_the_file_says_which_method_it_is(tmp_path: Path) -> None:
    Calibration().save(tmp_path)
    assert json.loads((tmp_path / "calibration.json").read_text())["method"] == "platt"
