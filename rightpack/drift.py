"""Drift: have the products moved away from what a model was approved on? Pure; `processing.statistics` measures.

A large sample makes every difference significant and a small one makes chance look large, so a column has drifted only
where a distance is past its limit and the chi-square test rules out chance. A retraining follows where the products
themselves have changed; a missing column, missing values or a catalogue of another size are for people to look at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from rightpack.settings import Drift

ROWS: Final = "(all rows)"


class Statistic(StrEnum):
    """What is compared; all but the last two are named as in the settings."""

    PSI = "psi"
    JENSEN_SHANNON = "jensen_shannon"
    CHI_SQUARE = "chi_square_p"
    UNSEEN = "unseen_share"
    NULLS = "null_share"
    ROW_RATIO = "row_ratio"
    SCHEMA = "schema"


LEARNABLE: Final = frozenset({Statistic.PSI, Statistic.JENSEN_SHANNON, Statistic.UNSEEN})
BROKEN: Final = frozenset({Statistic.NULLS, Statistic.SCHEMA})
MEANINGS: Final = {
    Statistic.PSI: "population stability index",
    Statistic.JENSEN_SHANNON: "Jensen-Shannon divergence (bits)",
    Statistic.CHI_SQUARE: "chance of such a difference between equal catalogues",
    Statistic.UNSEEN: "share of categories that the baseline does not have",
    Statistic.NULLS: "change of the share of missing values",
}


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one column has moved; `unseen_share` is None where it means nothing, `null_share` is the change of it."""

    column: str
    psi: float
    jensen_shannon: float
    chi_square_p: float
    null_share: float
    unseen_share: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What two profiles say: columns that both have, words on columns that differ in kind or are gone, rows.

    `row_ratio` is rows now by rows of the baseline, None where these cannot be compared.
    """

    shifts: tuple[Shift, ...] = ()
    schema: tuple[tuple[str, str], ...] = ()
    row_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One statistic of one column: its value, its limit, whether it is past that and counts, and words."""

    column: str
    statistic: Statistic
    value: float | None
    threshold: float | None
    drifted: bool
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every check, in the order of the columns."""

    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that speak of drift."""
        return tuple(c for c in self.checks if c.drifted)

    @property
    def drifted(self) -> tuple[str, ...]:
        """Columns that have drifted, in a fixed order."""
        return tuple(dict.fromkeys(c.column for c in self.failed))

    @property
    def retrain(self) -> bool:
        """Whether the products themselves have changed, so that a new training can help."""
        broken = {c.column for c in self.failed if c.statistic in BROKEN}
        return any(c.statistic in LEARNABLE and c.column not in broken for c in self.failed)

    @property
    def reason(self) -> str:
        """One line for people."""
        words = [c.words for c in self.failed]
        return "; ".join(words) if words else f"all {len(self.checks)} checks hold"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for `drift.json`."""
        return {
            "drifted": list(self.drifted),
            "retrain": self.retrain,
            "reason": self.reason,
            "checks": [asdict(c) for c in self.checks],
        }


def decide(evidence: Evidence, limits: Drift) -> Verdict:
    """Hold every statistic against its limit."""
    checks = [Check(column, Statistic.SCHEMA, None, None, True, words) for column, words in evidence.schema]
    if evidence.row_ratio is not None:
        checks.append(_rows(evidence.row_ratio, limits.row_ratio))
    return Verdict((*checks, *(check for shift in evidence.shifts for check in _column(shift, limits))))


def cooled_down(last: dt.date | None, today: dt.date, days: int) -> bool:
    """Whether a training may be asked for again, `days` after the `last` request; business dates both."""
    return last is None or today - last >= dt.timedelta(days=days)


def _rows(ratio: float, limit: float) -> Check:
    past = not 1 / limit <= ratio <= limit
    words = f"there are {ratio:.2f} times as many products as in the baseline, {1 / limit:.2f} to {limit:.2f} is usual"
    return Check(ROWS, Statistic.ROW_RATIO, ratio, limit, past, words)


def _column(shift: Shift, limits: Drift) -> Iterator[Check]:
    significant = shift.chi_square_p < limits.limit(Statistic.CHI_SQUARE, shift.column)
    for statistic in (Statistic.PSI, Statistic.JENSEN_SHANNON):
        yield _distance(shift, statistic, limits.limit(statistic, shift.column), significant=significant)
    yield _chance(shift, limits.limit(Statistic.CHI_SQUARE, shift.column), significant=significant)
    for statistic in (Statistic.UNSEEN, Statistic.NULLS):
        value = getattr(shift, statistic)
        if value is not None:
            yield _share(shift.column, statistic, value, limits.limit(statistic, shift.column))


def _distance(shift: Shift, statistic: Statistic, limit: float, *, significant: bool) -> Check:
    value = float(getattr(shift, statistic))
    words = f"{MEANINGS[statistic]} of {shift.column} is {value:.3f}, {limit:.3f} is allowed"
    if value > limit and not significant:
        words += f" (chance alone could be the cause: p = {shift.chi_square_p:.2g})"
    return Check(shift.column, statistic, value, limit, value > limit and significant, words)


def _chance(shift: Shift, limit: float, *, significant: bool) -> Check:
    verdict = "does not explain" if significant else "could explain"
    words = f"chance {verdict} how {shift.column} differs (p = {shift.chi_square_p:.2g}, limit {limit:g})"
    return Check(shift.column, Statistic.CHI_SQUARE, shift.chi_square_p, limit, False, words)


def _share(column: str, statistic: Statistic, value: float, limit: float) -> Check:
    sign = "+" if statistic is Statistic.NULLS else ""
    words = f"{MEANINGS[statistic]} of {column} is {100 * value:{sign}.1f} %, {100 * limit:.1f} % is allowed"
    return Check(column, statistic, value, limit, abs(value) > limit, words)
