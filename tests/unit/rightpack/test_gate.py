from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightpack.errors import SettingsError
from rightpack.gate import REASON_LENGTH, Estimate, Evidence, Outcome, decide, registry_text
from rightpack.settings import Criterion, Gate

FLOOR = Gate((Criterion("roc_auc", floor=0.6),))
DROP = Gate((Criterion("roc_auc", max_drop=0.02),))


def evidence(value: float, difference: Estimate | None = None) -> Evidence:
    differences = None if difference is None else {"roc_auc": difference}
    return Evidence({"roc_auc": Estimate.exactly(value)}, differences)


def test_without_criteria_nothing_is_approved() -> None:
    verdict = decide(evidence(1.0), Gate())
    assert verdict.outcome is Outcome.REJECTED
    assert "no approval criteria" in verdict.reason


def test_a_floor_decides_without_a_champion() -> None:
    assert decide(evidence(0.61), FLOOR).outcome is Outcome.APPROVED
    rejected = decide(evidence(0.59), FLOOR)
    assert rejected.outcome is Outcome.REJECTED
    assert "roc_auc is 0.590 - it must be at least 0.600" in rejected.reason


def test_a_metric_that_was_not_measured_does_not_pass_its_floor() -> None:
    assert decide(Evidence({}), FLOOR).outcome is Outcome.REJECTED


def test_without_a_champion_an_allowed_drop_holds() -> None:
    assert decide(evidence(0.5), DROP).outcome is Outcome.APPROVED


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [
        (Estimate(0.03, 0.01, 0.05), Outcome.APPROVED),  # better
        (Estimate(-0.01, -0.02, -0.001), Outcome.APPROVED),  # surely worse, but within what is allowed
        (Estimate(-0.05, -0.12, 0.02), Outcome.APPROVED),  # looks worse, may be chance
        (Estimate(-0.05, -0.08, -0.02), Outcome.REJECTED),  # surely worse
    ],
)
def test_a_drop_rejects_only_when_large_and_certain(difference: Estimate, outcome: Outcome) -> None:
    assert decide(evidence(0.8, difference), DROP).outcome is outcome


def test_for_losses_lower_is_better() -> None:
    gate = Gate((Criterion("brier", max_drop=0.01),))
    worse = Evidence({}, {"brier": Estimate(0.05, 0.03, 0.07)})
    better = Evidence({}, {"brier": Estimate(-0.05, -0.07, -0.03)})
    assert decide(worse, gate).outcome is Outcome.REJECTED
    assert decide(better, gate).outcome is Outcome.APPROVED


def test_a_ceiling_bounds_label_shift_but_needs_an_earlier_model() -> None:
    gate = Gate((Criterion("label_shift", ceiling=0.1),))
    assert decide(Evidence({"label_shift": Estimate.exactly(0.2)}), gate).outcome is Outcome.REJECTED
    assert decide(Evidence({}), gate).outcome is Outcome.APPROVED


def test_one_failed_check_rejects_and_all_are_listed() -> None:
    gate = Gate((Criterion("roc_auc", floor=0.6, max_drop=0.02), Criterion("brier", ceiling=0.2)))
    found = decide(Evidence({"roc_auc": Estimate.exactly(0.7), "brier": Estimate.exactly(0.3)}), gate)
    assert found.outcome is Outcome.REJECTED
    assert [c.passed for c in found.checks] == [True, True, False]


def test_an_unknown_metric_is_an_error_not_a_pass() -> None:
    with pytest.raises(SettingsError, match="roc-auc"):
        decide(evidence(1.0), Gate((Criterion("roc-auc", floor=0.1),)))


@given(st.text())
def test_any_text_becomes_a_registry_property(text: str) -> None:
    import re

    kept = registry_text(text)
    assert 1 <= len(kept) <= REASON_LENGTH
    assert re.fullmatch(r"[\w\s.:/=+@-]+", kept, flags=re.ASCII)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_better_candidate_is_never_rejected_where_a_worse_one_passes(a: float, b: float) -> None:
    low, high = sorted((a, b))
    if decide(evidence(low), FLOOR).outcome is Outcome.APPROVED:
        assert decide(evidence(high), FLOOR).outcome is Outcome.APPROVED
