from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightpack.drift import ROWS, Evidence, Shift, Statistic, Verdict, cooled_down, decide
from rightpack.errors import SettingsError
from rightpack.settings import Drift, DriftLimits, Settings

LIMITS = Drift()
STILL = Shift("price", psi=0.01, jensen_shannon=0.001, chi_square_p=0.4, null_share=0.0)
MOVED = replace(STILL, psi=0.3, jensen_shannon=0.06, chi_square_p=1e-9)
TODAY = dt.date(2026, 11, 20)


def judged(shift: Shift, limits: Drift = LIMITS) -> Verdict:
    return decide(Evidence((shift,)), limits)


def test_products_that_stay_as_they_were_are_no_drift() -> None:
    verdict = judged(STILL)
    assert (verdict.drifted, verdict.retrain, verdict.reason) == ((), False, "all 4 checks hold")


def test_a_column_that_moved_is_named_with_value_limit_and_words() -> None:
    verdict = judged(MOVED)
    assert (verdict.drifted, verdict.retrain) == (("price",), True)
    first = verdict.failed[0]
    assert (first.column, first.statistic, first.value, first.threshold) == ("price", Statistic.PSI, 0.3, 0.1)
    assert first.words == "population stability index of price is 0.300, 0.100 is allowed"


def test_a_large_distance_that_chance_explains_is_no_drift_and_says_so() -> None:
    verdict = judged(replace(MOVED, chi_square_p=0.2))
    assert verdict.drifted == ()
    assert "chance alone could be the cause: p = 0.2" in verdict.checks[0].words


def test_a_sure_but_small_difference_is_no_drift() -> None:
    assert judged(replace(STILL, chi_square_p=0.0)).drifted == ()


@pytest.mark.parametrize("statistic", ["psi", "jensen_shannon"])
def test_one_distance_past_its_limit_is_enough(statistic: str) -> None:
    moved = replace(STILL, chi_square_p=0.0, **{statistic: 0.2})
    assert [c.statistic for c in judged(moved).failed] == [statistic]


def test_new_categories_are_drift_that_a_training_can_learn() -> None:
    verdict = judged(replace(STILL, column="category", unseen_share=0.03))
    assert (verdict.drifted, verdict.retrain) == (("category",), True)
    assert "3.0 %, 1.0 % is allowed" in verdict.reason


@pytest.mark.parametrize("change", [0.05, -0.05])
def test_missing_values_are_for_people_and_no_reason_to_learn(change: float) -> None:
    verdict = judged(replace(MOVED, null_share=change))
    assert (verdict.drifted, verdict.retrain) == (("price",), False)


def test_a_column_that_is_gone_is_drift_in_words() -> None:
    verdict = decide(Evidence(schema=(("price", "column price is gone"),)), LIMITS)
    assert (verdict.drifted, verdict.retrain, verdict.reason) == (("price",), False, "column price is gone")


@pytest.mark.parametrize(("ratio", "drifted"), [(0.5, (ROWS,)), (0.8, ()), (1.0, ()), (1.29, ()), (1.31, (ROWS,))])
def test_a_catalogue_of_another_size_is_drift_in_both_directions(ratio: float, drifted: tuple[str, ...]) -> None:
    verdict = decide(Evidence(row_ratio=ratio), LIMITS)
    assert (verdict.drifted, verdict.retrain) == (drifted, False)


def test_a_column_may_have_limits_of_its_own() -> None:
    limits = replace(LIMITS, columns={"price": DriftLimits(psi=0.5, jensen_shannon=0.5)})
    assert judged(MOVED, limits).drifted == ()
    assert judged(replace(MOVED, column="weight_g"), limits).drifted == ("weight_g",)


def test_limits_come_from_the_settings_by_column() -> None:
    limits = Settings.load("dev", [{"drift": {"columns": {"title": {"psi": 9}}}}]).drift
    assert (limits.limit("psi", "title"), limits.limit("psi", "price")) == (9.0, 0.1)
    assert limits.limit("jensen_shannon", "title") == limits.jensen_shannon


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"psy": 0.1}, "Did you mean 'psi'"),
        ({"against": "today"}, "known are 'catalogue' and 'training'"),
        ({"row_ratio": 0.5}, "must be at least 1"),
        ({"columns": {"price": {"ps": 1.0}}}, "drift.columns.price.ps"),
    ],
)
def test_a_wrong_limit_is_named(layer: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.load("dev", [{"drift": layer}])


@pytest.mark.parametrize(("days", "asked"), [(0, False), (6, False), (7, True), (-30, False)])
def test_a_training_is_asked_for_again_after_the_cool_down_only(days: int, asked: bool) -> None:
    assert cooled_down(TODAY, TODAY + dt.timedelta(days=days), 7) is asked


def test_a_first_request_needs_no_cool_down() -> None:
    assert cooled_down(None, TODAY, 7)


def test_a_verdict_is_plain_data() -> None:
    plain = json.loads(json.dumps(judged(MOVED).to_dict()))
    assert plain["drifted"] == ["price"]
    assert {"column", "statistic", "value", "threshold", "drifted", "words"} == set(plain["checks"][0])


@given(st.floats(0, 5), st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1), st.none() | st.floats(0, 1))
def test_whatever_is_measured_every_check_has_words_and_drift_has_a_reason(
    psi: float, js: float, p: float, nulls: float, unseen: float | None
) -> None:
    verdict = judged(Shift("price", psi, js, p, nulls, unseen))
    assert all(check.words for check in verdict.checks)
    assert len(verdict.checks) == 4 + (unseen is not None)
    assert not verdict.retrain or verdict.drifted
