"""The gate: may a new model replace the approved one? Pure; the numbers come from `processing.statistics`.

Candidate and champion are scored on the same validation rows, and the paired bootstrap gives the interval of their
difference. Without criteria nothing is approved. Without a champion only absolute bounds count. A criterion that fails
rejects the candidate, or holds it until a person has decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from rightpack.errors import SettingsError
from rightpack.registry import Outcome, registry_text
from rightpack.settings import Criterion, Gate

HOLD: Final = "hold"
SAVING: Final = "cost_saving"
CHANCE: Final = ", which chance may explain"

LOSSES: Final = frozenset({"brier", "log_loss", "calibration_error", "deviance"})
GAINS: Final = frozenset({"roc_auc", "pr_auc_unsuitable"})
# What surrounds the candidate. Absent where there is nothing to compare with or no evidence; then the criterion holds.
CIRCUMSTANCES: Final[Mapping[str, str]] = {
    "label_shift": "no earlier model to compare with",
    "rows_ratio": "no earlier model to compare with",
    "damage_ratio": "no earlier model to compare with, or no counts of shipments",
    "feature_drift": "no baseline to compare with",
    "cost_saving": "no evidence on costs",
    "tests": "no laboratory test of held-out products",
}
COMPARED: Final = LOSSES | GAINS
KNOWN: Final = COMPARED | CIRCUMSTANCES.keys()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value and its interval; `low` <= `value` <= `high`, all equal where there is no uncertainty."""

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Estimate:
        """An estimate without uncertainty."""
        return cls(value, value, value)


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of the validation rows, e.g. `glass, 250 to 1000 g`; the rest is as in `Evidence`."""

    name: str
    metrics: Mapping[str, Estimate]
    differences: Mapping[str, Estimate] | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gate judges by: the candidate's metrics, and how they differ from the champion's on the same rows.

    `differences` is candidate minus champion, absent metrics were not comparable; None means there is no champion.
    `stored` is candidate minus what the champion measured when it was approved. `slices` are those with enough rows.
    `baseline` is what `cost_saving` is measured against: the package type that every product would get without models.
    """

    metrics: Mapping[str, Estimate]
    differences: Mapping[str, Estimate] | None = None
    stored: Mapping[str, Estimate] = field(default_factory=dict)
    slices: tuple[Slice, ...] = ()
    baseline: str = "the baseline's type"


@dataclass(frozen=True, slots=True)
class Check:
    """One criterion applied: what was measured with its interval, against which bound, and in words.

    `on_fail` is what a failure leads to. A drop's value is a loss: above 0 the candidate is worse.
    """

    name: str
    passed: bool
    words: str
    value: float | None = None
    bound: float | None = None
    low: float | None = None
    high: float | None = None
    on_fail: str = "reject"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision with every check that led to it."""

    outcome: Outcome
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """One line for registry, notice and report: what failed, what rejects first; or that all held."""
        failed = sorted((c for c in self.checks if not c.passed), key=lambda c: c.on_fail == HOLD)
        text = "; ".join(c.words for c in failed) if failed else f"all {len(self.checks)} checks hold"
        return registry_text(text)

    def failed(self, metric: str) -> bool:
        """Whether a criterion on this metric failed."""
        return any(check.name.split(" ")[0] == metric for check in self.checks if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for `evaluation.json`; `status` is what the pipeline's conditions read."""
        return {
            "status": self.outcome.value,
            "approved": self.outcome is Outcome.APPROVED,
            "reason": self.reason,
            "checks": [asdict(c) for c in self.checks],
        }


def decide(evidence: Evidence, gate: Gate) -> Verdict:
    """Apply every criterion; SettingsError if one names an unknown metric, or asks what that metric cannot answer."""
    if not gate.criteria:
        return Verdict(Outcome.REJECTED, (Check("criteria", False, "no approval criteria are configured"),))
    checks = tuple(check for criterion in gate.criteria for check in _apply(criterion, evidence))
    failed = {check.on_fail for check in checks if not check.passed}
    outcome = Outcome.APPROVED if not failed else Outcome.HELD if failed == {HOLD} else Outcome.REJECTED
    return Verdict(outcome, checks)


def _apply(criterion: Criterion, evidence: Evidence) -> list[Check]:
    _check_metric(criterion)
    if criterion.slices:
        return _slices(criterion, evidence)
    return list(_checks(criterion, evidence))


def _check_metric(criterion: Criterion) -> None:
    metric = criterion.metric
    if metric not in KNOWN:
        raise SettingsError(f"gate.criteria names an unknown metric {metric!r}; known are {', '.join(sorted(KNOWN))}.")
    compares = criterion.slices or criterion.max_drop is not None or criterion.max_stored_drop is not None
    if compares and metric not in COMPARED:
        names = ", ".join(sorted(COMPARED))
        raise SettingsError(f"gate.criteria: {metric!r} has only floor and ceiling; the other rules are for {names}.")


def _checks(criterion: Criterion, evidence: Evidence) -> Iterator[Check]:
    estimate = evidence.metrics.get(criterion.metric)
    if criterion.floor is not None:
        check = _bound(criterion, estimate, criterion.floor, floor=True)
        yield check if estimate is None or criterion.metric != SAVING else _in_money(check, evidence.baseline)
    if criterion.ceiling is not None:
        yield _bound(criterion, estimate, criterion.ceiling, floor=False)
    if criterion.max_drop is not None:
        difference = (evidence.differences or {}).get(criterion.metric)
        yield _drop(criterion, criterion.max_drop, difference, "the last approved model")
    if criterion.max_stored_drop is not None:
        then = "what the last approved model had when it was approved"
        yield _drop(criterion, criterion.max_stored_drop, evidence.stored.get(criterion.metric), then)


def _bound(criterion: Criterion, estimate: Estimate | None, bound: float, *, floor: bool) -> Check:
    metric, on_fail = criterion.metric, criterion.on_fail
    name = f"{metric} {'floor' if floor else 'ceiling'}"
    if estimate is None:
        why = CIRCUMSTANCES.get(metric)
        words = f"{metric} was not measured" + (f", {why}" if why else "")
        return Check(name, why is not None, words, bound=bound, on_fail=on_fail)
    judged = estimate.value
    if criterion.certain:
        judged = estimate.high if floor else estimate.low
    passed = judged >= bound if floor else judged <= bound
    words = f"{metric} is {estimate.value:.3f}, it must be {'at least' if floor else 'at most'} {bound:.3f}"
    if passed and not (estimate.value >= bound if floor else estimate.value <= bound):
        words += CHANCE
    return Check(name, passed, words, estimate.value, bound, estimate.low, estimate.high, on_fail)


def _in_money(check: Check, baseline: str) -> Check:
    """A check of `cost_saving` in the words of whoever pays for it."""
    ends = (check.value or 0.0, check.low or 0.0, check.high or 0.0)
    saves = ends[0] >= 0
    value, *interval = ends if saves else (-end for end in ends)
    low, high = sorted(interval)
    words = f"saves {value:.2f} per shipment against" if saves else f"costs {value:.2f} per shipment more than"
    words += f" always using {baseline} [{low:.2f}, {high:.2f}]"
    if check.bound:
        words += f", it must save at least {check.bound:.2f}"
    if check.passed and ends[0] < (check.bound or 0.0):
        words += CHANCE
    return replace(check, words=words)


def _drop(criterion: Criterion, allowed: float, difference: Estimate | None, other: str) -> Check:
    metric, on_fail = criterion.metric, criterion.on_fail
    name = f"{metric} against {'last approved' if other.startswith('the') else 'its approval'}"
    if difference is None:
        return Check(name, True, "no earlier model to compare with", bound=allowed, on_fail=on_fail)
    loss = difference if metric in LOSSES else Estimate(-difference.value, -difference.high, -difference.low)
    passed = loss.value <= allowed or loss.low <= 0
    words = (
        f"{metric} is {abs(loss.value):.3f} {'worse' if loss.value > 0 else 'better'} than {other}, "
        f"a loss of {allowed:.3f} is allowed"
    )
    if passed and loss.value > allowed:
        words += ", and chance may explain it"
    return Check(name, passed, words, loss.value, allowed, loss.low, loss.high, on_fail)


def _slices(criterion: Criterion, evidence: Evidence) -> list[Check]:
    """Every slice that fails; where none does, one check that says so."""
    failed: list[Check] = []
    for part in evidence.slices:
        checks = _checks(_certain(criterion), Evidence(part.metrics, part.differences))
        failed += [
            replace(c, name=f"{c.name} in {part.name}", words=f"in {part.name}: {c.words}")
            for c in checks
            if not c.passed
        ]
    words = f"{criterion.metric} holds in each of {len(evidence.slices)} slices"
    if not evidence.slices:
        words = f"{criterion.metric} by slice: no slice has enough rows to judge"
    return failed or [Check(f"{criterion.metric} by slice", True, words, on_fail=criterion.on_fail)]


def _certain(criterion: Criterion) -> Criterion:
    """In a small slice a value says little without its interval."""
    return replace(criterion, certain=True, slices=False)
