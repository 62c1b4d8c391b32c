"""What the shop hears about damage: selective, late, incomplete and sometimes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from processing.generator.arrays import Bools, Floats, Ints
from processing.generator.latents import Latents
from processing.generator.normal import probability_below
from processing.generator.weeks import DAY, moments

HISTORY_WEEKS: Final = 12
HISTORY_UNITS: Final = 25.0
SPREAD: Final = 1.2
SECOND_TYPE: Final = 0.35
SECOND_UNITS: Final = 0.25
TESTED: Final = 0.05
TEST_UNITS: Final = 5
TEST_SEVERITY: Final = 6.0
REPORTED: Final = 0.6
REPORTED_LESS: Final = 0.4
FALSE_ALARM: Final = 0.002
LATE: Final = 0.2
DUPLICATED: Final = 0.01
RETRACTED: Final = 0.003
SOURCES: Final = ("return", "review", "lab_test", "retraction")
RETURN, REVIEW, LAB_TEST, RETRACTION = range(len(SOURCES))
SLOTS: Final = 16
LAB_SLOT: Final = 2
BROKEN_LAB_SLOT: Final = SLOTS - 1
MOST_TYPES: Final = BROKEN_LAB_SLOT - LAB_SLOT


@dataclass(frozen=True, slots=True)
class Habits:
    """How the shop treated some products so far.

    `tried` has shape (products, 2): the first and, where `second`, another package type in use, as places in the list
    of types, -1 where nothing fits. `units` is the mean number shipped in the first type during twelve weeks.
    """

    tried: Ints
    second: Bools
    units: Floats
    tested: Bools


@dataclass(frozen=True, slots=True)
class Events:
    """Feedback rows as arrays: product (row of its chunk), type (place in the list), counts and times.

    `key` tells the events of one product apart: sixteen slots in each week.
    """

    row: Ints
    place: Ints
    key: Ints
    source: Ints
    units: Ints
    bad: Ints
    observed: Ints
    ingested: Ints

    def __len__(self) -> int:
        return len(self.row)

    def chosen(self, which: Bools | Ints) -> Events:
        """The events at a mask or at positions."""
        return Events(*(getattr(self, f.name)[which] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Span:
    """One week of a chunk: [begin, end) in microseconds; `first_seen` has one element per product.

    `history` means that the week brings all that was heard before it too, `newcomers` that the products are new in it.
    """

    week: int
    begin: int
    end: int
    first_seen: Ints
    history: bool
    newcomers: bool
    season: float = 1.0


def joined(parts: Sequence[Events]) -> Events:
    """All events of the parts, by time of ingestion."""
    whole = Events(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Events)))
    return whole.chosen(np.argsort(whole.ingested, kind="stable"))


def habits(latents: Latents, fit: Bools, rng: np.random.Generator) -> Habits:
    """Draw what was tried: types near what each product seems to need, so the evidence is biased by design."""
    rows, types = len(fit), len(fit.T)
    need = 1 + 3 * probability_below((4.6 - np.log(latents.critical_g)) / 0.6) + latents.weight_g / 6000
    distance = np.abs(np.arange(types) - need.clip(0, types - 1)[:, None])
    liking = np.where(fit, rng.gumbel(size=(rows, types)) - 1.1 * distance, -np.inf)
    tried = np.argsort(-liking, axis=1, kind="stable")[:, :2]
    return Habits(
        tried=np.where(np.take_along_axis(fit, tried, axis=1), tried, -1),
        second=rng.random(rows) < SECOND_TYPE,
        units=HISTORY_UNITS * np.exp(rng.normal(0, SPREAD, rows)),
        tested=rng.random(rows) < TESTED,
    )


def shipments(
    habits: Habits, damage: Floats, span: Span, rng: np.random.Generator, *, reported: float
) -> tuple[Events, Ints]:
    """What customers reported in one week (or, for `history`, in twelve), and the damage that was really there.

    The second array is `bad` as a later retraction corrects it: -1 where there is none.
    """
    mean = habits.units * _weeks(span) * span.season
    units = rng.poisson(mean[:, None] * np.array([1.0, SECOND_UNITS]))
    used = (units > 0) & (habits.tried >= 0)
    used[:, 1] &= habits.second
    row, slot = np.nonzero(used)
    place, shipped = habits.tried[row, slot], units[row, slot]
    bad = rng.binomial(shipped, (damage[row, place] * reported + FALSE_ALARM).clip(0, 1))
    overstated = np.minimum(bad + rng.integers(1, 4, len(row)), shipped)
    wrong = rng.random(len(row)) < RETRACTED
    source = np.where(rng.random(len(row)) < 0.3, REVIEW, RETURN)
    observed, ingested = _times(row, span, rng, late=LATE)
    events = Events(
        row, place, _keys(span, slot), source, shipped, np.where(wrong, overstated, bad), observed, ingested
    )
    return events, np.where(wrong, bad, -1)


def _keys(span: Span, slot: Ints) -> Ints:
    return np.asarray(span.week * SLOTS + slot)


def _weeks(span: Span) -> float:
    if span.history:
        return 1.0
    return (0.5 if span.newcomers else 1.0) / HISTORY_WEEKS


def lab_tests(habits: Habits, damage: Floats, fit: Bools, span: Span, rng: np.random.Generator) -> Events:
    """Tests of every fitting type of the products chosen for the laboratory: few units, treated roughly."""
    row, place = np.nonzero(fit & habits.tested[:, None])
    bad = rng.binomial(TEST_UNITS, (damage[row, place] * TEST_SEVERITY).clip(0, 0.98))
    return _tests(row, place, bad, span, rng, slot=LAB_SLOT + place)


def broken_tests(fit: Bools, place: int, span: Span, rng: np.random.Generator, *, share: float) -> Events:
    """Tests of one type with outcomes that have nothing to do with the product: half of them pass."""
    row = np.nonzero(fit[:, place] & (rng.random(len(fit)) < share))[0]
    bad = np.where(rng.random(len(row)) < 0.5, 0, rng.integers(1, TEST_UNITS + 1, len(row)))
    slot = np.full(len(row), BROKEN_LAB_SLOT)
    return _tests(row, np.full(len(row), place), bad, replace(span, history=False), rng, slot=slot)


def _tests(row: Ints, place: Ints, bad: Ints, span: Span, rng: np.random.Generator, *, slot: Ints) -> Events:
    observed, ingested = _times(row, span, rng, late=0.0)
    constant = np.full(len(row), LAB_TEST), np.full(len(row), TEST_UNITS)
    return Events(row, place, _keys(span, slot), *constant, bad, observed, ingested)


def again(events: Events, end: int, rng: np.random.Generator) -> Events:
    """The same events delivered a second time, later in the week."""
    copies = events.chosen(np.nonzero(rng.random(len(events)) < DUPLICATED)[0])
    ingested = moments(rng.random(len(copies)), copies.ingested, end)
    return replace(copies, ingested=ingested)


def retractions(events: Events, corrected: Ints, span: Span, rng: np.random.Generator) -> Events:
    """Corrections, in the week of `span`, of damage that an earlier week's events reported too high."""
    which = np.nonzero(corrected >= 0)[0]
    old = events.chosen(which)
    ingested = moments(rng.random(len(old)), span.begin, span.end)
    return replace(old, source=np.full(len(old), RETRACTION), bad=corrected[which], ingested=ingested)


def _times(row: Ints, span: Span, rng: np.random.Generator, *, late: float) -> tuple[Ints, Ints]:
    """When each event happened and when it came in; late ones happened in an earlier week."""
    first = span.first_seen[row]
    if span.history:
        observed = moments(rng.random(len(row)), np.maximum(first, span.begin - HISTORY_WEEKS * 7 * DAY), span.end)
        return observed, moments(rng.random(len(row)), np.maximum(observed, span.begin), span.end)
    ingested = moments(rng.random(len(row)), np.maximum(first, span.begin), span.end)
    observed = moments(rng.random(len(row)), np.maximum(first, span.begin), ingested + 1)
    delay = (9 * DAY * np.exp(rng.normal(0, 0.826, len(row)))).astype(np.int64) // 1_000_000 * 1_000_000
    overdue = (rng.random(len(row)) < late) & (first < span.begin)
    return np.where(overdue, np.maximum(first, span.begin - delay), observed), ingested
