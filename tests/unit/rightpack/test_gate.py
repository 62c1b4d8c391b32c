from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightpack.errors import SettingsError
from rightpack.gate import Estimate, Evidence, Slice, decide
from rightpack.registry import REASON_LENGTH, Outcome, registry_text
from rightpack.settings import CONFIG_FOLDER, Criterion, Gate, Settings, read_toml

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


def held(criterion: Criterion, given: Evidence) -> Outcome:
    return decide(given, Gate((criterion,))).outcome


def measured(metric: str, value: float, low: float | None = None, high: float | None = None) -> Evidence:
    return Evidence({metric: Estimate(value, value if low is None else low, value if high is None else high)})


def test_a_criterion_that_holds_leaves_the_decision_to_a_person() -> None:
    criterion = Criterion("label_shift", ceiling=0.05, on_fail="hold")
    assert held(criterion, measured("label_shift", 0.2)) is Outcome.HELD
    assert held(criterion, measured("label_shift", 0.04)) is Outcome.APPROVED


def test_what_rejects_overrules_what_holds_and_is_named_first() -> None:
    gate = Gate((Criterion("label_shift", ceiling=0.05, on_fail="hold"), Criterion("roc_auc", floor=0.6)))
    verdict = decide(Evidence({"label_shift": Estimate.exactly(0.2), "roc_auc": Estimate.exactly(0.5)}), gate)
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.reason.startswith("roc_auc is 0.500")
    assert "label_shift" in verdict.reason


def test_a_held_model_is_not_approved_in_the_evaluation() -> None:
    gate = Gate((Criterion("label_shift", ceiling=0.05, on_fail="hold"),))
    found = decide(measured("label_shift", 0.2), gate).to_dict()
    assert (found["status"], found["approved"]) == ("PendingManualApproval", False)
    assert found["checks"][0]["on_fail"] == "hold"


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(1.1, 1.6, Outcome.APPROVED), (1.21, 1.6, Outcome.REJECTED), (1.3, 1.3, Outcome.REJECTED)],
)
def test_a_bound_that_must_be_certain_forgives_what_chance_explains(low: float, high: float, outcome: Outcome) -> None:
    criterion = Criterion("damage_ratio", ceiling=1.2, certain=True)
    assert held(criterion, measured("damage_ratio", 1.3, low, high)) is outcome
    assert held(Criterion("damage_ratio", ceiling=1.2), measured("damage_ratio", 1.3, low, high)) is Outcome.REJECTED


def test_a_certain_floor_looks_at_the_upper_end() -> None:
    criterion = Criterion("damage_ratio", floor=0.8, certain=True)
    assert held(criterion, measured("damage_ratio", 0.7, 0.5, 0.9)) is Outcome.APPROVED
    assert held(criterion, measured("damage_ratio", 0.7, 0.6, 0.79)) is Outcome.REJECTED


@pytest.mark.parametrize("metric", ["label_shift", "rows_ratio", "damage_ratio", "feature_drift", "cost_saving"])
def test_circumstances_that_nobody_measured_do_not_count(metric: str) -> None:
    verdict = decide(Evidence({}), Gate((Criterion(metric, floor=1.0),)))
    assert verdict.outcome is Outcome.APPROVED
    assert "was not measured" in verdict.checks[0].words


@pytest.mark.parametrize("metric", ["brier", "calibration_error", "roc_auc"])
def test_quality_that_nobody_measured_does_not_pass(metric: str) -> None:
    assert decide(Evidence({}), Gate((Criterion(metric, ceiling=1.0),))).outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [
        (Estimate(-0.08, -0.12, -0.03), Outcome.REJECTED),
        (Estimate(-0.08, -0.17, 0.01), Outcome.APPROVED),  # may be chance
        (Estimate(-0.04, -0.05, -0.03), Outcome.APPROVED),  # allowed
    ],
)
def test_a_slow_decline_shows_against_what_the_champion_had_when_it_was_approved(
    difference: Estimate, outcome: Outcome
) -> None:
    given = Evidence({}, {}, stored={"roc_auc": difference})
    assert held(Criterion("roc_auc", max_stored_drop=0.05), given) is outcome


def test_without_a_stored_metric_the_stored_drop_holds() -> None:
    assert held(Criterion("roc_auc", max_stored_drop=0.05), Evidence({}, {})) is Outcome.APPROVED


def test_each_check_of_a_drop_says_loss_interval_and_limit() -> None:
    (check,) = decide(evidence(0.8, Estimate(-0.05, -0.08, -0.02)), DROP).checks
    assert (check.value, check.low, check.high, check.bound) == (0.05, 0.02, 0.08, 0.02)
    assert check.words == "roc_auc is 0.050 worse than the last approved model, a loss of 0.020 is allowed"


def sliced(**differences: Estimate) -> Evidence:
    return Evidence({}, {}, slices=tuple(Slice(name, {}, {"roc_auc": d}) for name, d in differences.items()))


SLICED = Criterion("roc_auc", slices=True, max_drop=0.05, on_fail="hold")


def test_a_slice_that_pays_for_the_rest_is_named() -> None:
    good, bad = Estimate(0.02, 0.01, 0.03), Estimate(-0.2, -0.3, -0.1)
    verdict = decide(sliced(toys=good, glass=bad), Gate((SLICED,)))
    assert verdict.outcome is Outcome.HELD
    assert [c.name for c in verdict.checks] == ["roc_auc against last approved in glass"]
    assert verdict.reason.startswith("in glass: roc_auc is 0.200 worse")


def test_slices_that_all_hold_are_one_check() -> None:
    same = Estimate(0.0, -0.1, 0.1)
    (check,) = decide(sliced(toys=same, glass=same), Gate((SLICED,))).checks
    assert check.passed
    assert check.words == "roc_auc holds in each of 2 slices"


def test_without_slices_large_enough_that_is_said() -> None:
    (check,) = decide(Evidence({}, {}), Gate((SLICED,))).checks
    assert check.passed
    assert "no slice has enough rows" in check.words


def test_a_floor_in_a_slice_needs_certainty() -> None:
    criterion = Criterion("roc_auc", slices=True, floor=0.6)
    for high, outcome in ((0.65, Outcome.APPROVED), (0.59, Outcome.REJECTED)):
        part = Slice("glass", {"roc_auc": Estimate(0.55, 0.5, high)})
        assert held(criterion, Evidence({}, slices=(part,))) is outcome


@pytest.mark.parametrize(
    "rule", [{"max_drop": 0.1}, {"max_stored_drop": 0.1}, {"slices": True, "ceiling": 0.1}], ids=str
)
def test_circumstances_have_no_champion_to_compare_with(rule: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="only floor and ceiling"):
        decide(Evidence({}), Gate((Criterion("label_shift", **rule),)))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "sets no bound"),
        ({"floor": 0.5, "on_fail": "ask"}, "reject or hold, not 'ask'"),
        ({"floor": 0.5, "confidence": 95.0}, "between 0 and 1"),
        ({"slices": True, "max_stored_drop": 0.1}, "not stored by slice"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Criterion("roc_auc", **rule)


def test_a_metric_has_one_confidence() -> None:
    with pytest.raises(SettingsError, match="differ in confidence"):
        Gate((Criterion("brier", ceiling=0.2), Criterion("brier", max_drop=0.1, confidence=0.9)))


def test_the_criteria_of_every_stage_can_be_applied() -> None:
    for stage in ("dev", "replay"):
        gate = Settings.load("dev", [read_toml(CONFIG_FOLDER / f"{stage}.toml") | {"stage": "dev"}]).gate
        assert gate.criteria
        assert decide(Evidence({}), gate).outcome is Outcome.REJECTED  # quality was not measured


SAVES = Gate((Criterion("cost_saving", floor=0.0, certain=True),))


def money(value: float, low: float, high: float) -> Evidence:
    return Evidence({"cost_saving": Estimate(value, low, high)}, baseline="carton")


@pytest.mark.parametrize(
    ("evidence_", "outcome", "words"),
    [
        (
            money(0.24, 0.2, 0.28),
            Outcome.APPROVED,
            "saves 0.24 per shipment against always using carton [0.20, 0.28]",
        ),
        (
            money(-0.05, -0.12, 0.02),
            Outcome.APPROVED,
            "costs 0.05 per shipment more than always using carton [-0.02, 0.12], which chance may explain",
        ),
        (
            money(-0.05, -0.08, -0.02),
            Outcome.REJECTED,
            "costs 0.05 per shipment more than always using carton [0.02, 0.08]",
        ),
    ],
)
def test_savings_are_told_in_money(evidence_: Evidence, outcome: Outcome, words: str) -> None:
    verdict = decide(evidence_, SAVES)
    assert verdict.outcome is outcome
    assert verdict.checks[0].words == words


def test_a_saving_that_must_be_larger_says_so() -> None:
    found = decide(money(0.24, 0.2, 0.28), Gate((Criterion("cost_saving", floor=0.3),)))
    assert found.outcome is Outcome.REJECTED
    assert found.checks[0].words.endswith("it must save at least 0.30")


def test_savings_that_nobody_could_measure_reject_nothing() -> None:
    assert decide(Evidence({}), SAVES).outcome is Outcome.APPROVED


def test_more_deviance_is_a_loss() -> None:
    gate = Gate((Criterion("deviance", max_drop=0.02),))
    worse = Evidence({"deviance": Estimate.exactly(0.5)}, {"deviance": Estimate(0.05, 0.03, 0.07)})
    assert decide(worse, gate).outcome is Outcome.REJECTED
    better = Evidence({"deviance": Estimate.exactly(0.5)}, {"deviance": Estimate(-0.05, -0.07, -0.03)})
    assert decide(better, gate).outcome is Outcome.APPROVED
