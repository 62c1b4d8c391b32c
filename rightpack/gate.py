"""The gate: may a new model replace the approved one? Pure; the numbers come from `processing.statistics`.

Candidate and champion are scored on the same validation rows, and the paired bootstrap gives the interval of their
difference. Without criteria nothing is approved. Without a champion only absolute bounds count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from rightpack.errors import SettingsError
from rightpack.settings import Criterion, Gate

REASON_LENGTH: Final = 256  # a value of CustomerMetadataProperties
LOWER_IS_BETTER: Final = frozenset({"brier", "log_loss", "calibration_error", "label_shift"})
HIGHER_IS_BETTER: Final = frozenset({"roc_auc", "pr_auc_unsuitable", "rows_ratio"})


class Outcome(StrEnum):
    """What becomes of a candidate; the values are the registry's own approval states."""

    APPROVED = "Approved"
    REJECTED = "Rejected"


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
class Evidence:
    """What the gate judges by: the candidate's metrics, and how they differ from the champion's on the same rows.

    `differences` is candidate minus champion, absent metrics were not comparable; None means there is no champion.
    """

    metrics: Mapping[str, Estimate]
    differences: Mapping[str, Estimate] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One criterion applied: what was measured, against which bound, and in words."""

    name: str
    passed: bool
    value: float | None
    bound: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision with every check that led to it."""

    outcome: Outcome
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """One line for registry, notice and report: what failed, or that all held."""
        failed = [c.words for c in self.checks if not c.passed]
        text = "; ".join(failed) if failed else f"all {len(self.checks)} checks hold"
        return registry_text(text)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for `evaluation.json`; `approved` is what the pipeline's condition reads."""
        return {
            "status": self.outcome.value,
            "approved": self.outcome is Outcome.APPROVED,
            "reason": self.reason,
            "checks": [asdict(c) for c in self.checks],
        }


def registry_text(text: str) -> str:
    """`text` in the characters and length that a registry property takes (no comma, no semicolon)."""
    text = text.replace(",", " -").replace(";", " /")
    return re.sub(r"[^\w\s.:/=+@-]", " ", text, flags=re.ASCII)[:REASON_LENGTH].strip() or "none"


def decide(evidence: Evidence, gate: Gate) -> Verdict:
    """Apply every criterion; SettingsError if one names an unknown metric."""
    if not gate.criteria:
        nothing = Check("criteria", passed=False, value=None, bound=None, words="no approval criteria are configured")
        return Verdict(Outcome.REJECTED, (nothing,))
    checks = tuple(check for criterion in gate.criteria for check in _apply(criterion, evidence))
    approved = all(check.passed for check in checks)
    return Verdict(Outcome.APPROVED if approved else Outcome.REJECTED, checks)


def _apply(criterion: Criterion, evidence: Evidence) -> list[Check]:
    if criterion.metric not in LOWER_IS_BETTER | HIGHER_IS_BETTER:
        known = ", ".join(sorted(LOWER_IS_BETTER | HIGHER_IS_BETTER))
        raise SettingsError(f"gate.criteria names an unknown metric {criterion.metric!r}; known are {known}.")
    checks = []
    estimate = evidence.metrics.get(criterion.metric)
    if criterion.floor is not None:
        checks.append(_bound(criterion.metric, estimate, criterion.floor, floor=True))
    if criterion.ceiling is not None:
        checks.append(_bound(criterion.metric, estimate, criterion.ceiling, floor=False))
    if criterion.max_drop is not None:
        checks.append(_drop(criterion, criterion.max_drop, evidence.differences))
    return checks


def _bound(metric: str, estimate: Estimate | None, bound: float, *, floor: bool) -> Check:
    name = f"{metric} {'floor' if floor else 'ceiling'}"
    if estimate is None:
        comparative = metric in {"label_shift", "rows_ratio"}
        words = f"{metric} was not measured" + (", no earlier model to compare with" if comparative else "")
        return Check(name, passed=comparative, value=None, bound=bound, words=words)
    passed = estimate.value >= bound if floor else estimate.value <= bound
    relation = "at least" if floor else "at most"
    words = f"{metric} is {estimate.value:.3f}, it must be {relation} {bound:.3f}"
    return Check(name, passed=passed, value=estimate.value, bound=bound, words=words)


def _drop(criterion: Criterion, allowed: float, differences: Mapping[str, Estimate] | None) -> Check:
    name = f"{criterion.metric} against last approved"
    difference = None if differences is None else differences.get(criterion.metric)
    if difference is None:
        return Check(name, passed=True, value=None, bound=allowed, words="no earlier model to compare with")
    lower_better = criterion.metric in LOWER_IS_BETTER
    loss = difference.value if lower_better else -difference.value
    surest = difference.low if lower_better else -difference.high
    words = (
        f"{criterion.metric} is {abs(loss):.3f} {'worse' if loss > 0 else 'better'} than the last approved model, "
        f"a loss of {allowed:.3f} is allowed"
    )
    return Check(name, passed=loss <= allowed or surest <= 0, value=loss, bound=allowed, words=words)
