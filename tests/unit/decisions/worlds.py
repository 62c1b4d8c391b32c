"""Small worlds for decisions: offers with chosen estimates, drawn or written out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from processing.decisions import By, Offer, Overrides, Policy
from rightpack.packaging import PackageType

NAMES = ("none", "paper-bag", "padded-mailer", "book-box", "carton", "cushioned-carton")
RATES = st.sampled_from([0.0, 0.001, 0.004, 0.01, 0.02, 0.05, 0.2, 1.0]) | st.floats(0, 1)
MONEY = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]) | st.floats(0, 3)


def types(count: int = 6) -> tuple[PackageType, ...]:
    """Types by protection; the strongest has no model of its own."""
    return tuple(PackageType(name, rank, trained=rank < count - 1) for rank, name in enumerate(NAMES[:count]))


def offer(
    damage: list[list[float]],
    *,
    pack_cost: list[list[float]],
    fits: list[list[bool]] | None = None,
    damage_cost: list[float] | None = None,
    suitability: list[list[float]] | None = None,
) -> Offer:
    """An offer as written; grams are ten times the pack cost, everything fits, damage costs 10."""
    rates, money = np.array(damage, dtype=float), np.array(pack_cost, dtype=float)
    return Offer(
        types=types(rates.shape[1]),
        fits=np.ones(rates.shape, bool) if fits is None else np.array(fits),
        damage=rates,
        suitability=np.array(suitability, dtype=float) if suitability else 1 - rates,
        pack_cost=money,
        grams=10 * money,
        damage_cost=np.full(len(rates), 10.0) if damage_cost is None else np.array(damage_cost, dtype=float),
    )


@dataclass
class World:
    """Everything that `decide` is asked about."""

    offer: Offer
    policy: Policy
    previous: np.ndarray
    overrides: Overrides

    @property
    def open(self) -> np.ndarray:
        return self.offer.fits & self.offer.modelled & ~self.overrides.forbidden

    @property
    def keepable(self) -> np.ndarray:
        rows = np.arange(len(self.previous))
        permitted = (self.offer.fits & ~self.overrides.forbidden)[rows, np.maximum(self.previous, 0)]
        return (self.previous >= 0) & permitted

    def costs(self, multiplier: float = 0.0) -> np.ndarray:
        price = self.policy.caution * self.offer.damage_cost + multiplier
        return self.offer.pack_cost + price[:, None] * self.offer.damage


def matrix(rows: int, columns: int, values: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(st.lists(values, min_size=columns, max_size=columns), min_size=rows, max_size=rows)


@st.composite
def offers(draw: st.DrawFn, *, rows: int | None = None, count: int | None = None, all_fit: bool = False) -> Offer:
    """Offers whose damage falls and suitability rises with protection."""
    rows = draw(st.integers(1, 12)) if rows is None else rows
    count = draw(st.integers(1, 6)) if count is None else count
    damage = np.sort(np.array(draw(matrix(rows, count, RATES))), axis=1)[:, ::-1]
    made = offer(
        damage.tolist(),
        pack_cost=draw(matrix(rows, count, MONEY)),
        fits=None if all_fit else draw(matrix(rows, count, st.booleans())),
        damage_cost=draw(st.lists(st.sampled_from([1.0, 6.0, 20.0, 506.0]), min_size=rows, max_size=rows)),
    )
    if not all_fit and draw(st.booleans()):
        unknown = draw(st.integers(0, count - 1))
        made.damage[:, unknown] = np.nan
        made.suitability[:, unknown] = np.nan
    return made


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any offer with any policy, past and overrides."""
    made = draw(offers())
    rows, count = made.fits.shape
    rule = draw(st.sampled_from(By))
    policy = Policy(
        by=rule,
        threshold=draw(st.sampled_from([0.5, 0.85, 0.98])),
        caution=draw(st.sampled_from([0.5, 1.0, 2.0])),
        damage_budget=draw(st.none() | st.floats(0, 0.1)) if rule is By.EXPECTED_COST else None,
        least_gain=draw(st.sampled_from([0.0, 0.05, 0.5])),
        change_share=draw(st.sampled_from([0.0, 0.1, 0.3, 1.0])),
        baseline=draw(st.sampled_from(["carton", "paper-bag"])),
        trusted=draw(st.sampled_from([True, True, True, False])),
    )
    previous = np.array(draw(st.lists(st.integers(-1, count - 1), min_size=rows, max_size=rows)), dtype=np.intp)
    return World(made, policy, previous, draw(_overrides(rows, count)))


@st.composite
def _overrides(draw: st.DrawFn, rows: int, count: int) -> Overrides:
    if draw(st.booleans()):
        return Overrides.none(rows, count)
    forced = np.array(draw(st.lists(st.sampled_from([-1, -1, -1, 0, count - 1]), min_size=rows, max_size=rows)))
    forbidden = np.array(draw(matrix(rows, count, st.sampled_from([False, False, True]))))
    forbidden[forbidden.all(axis=1), 0] = False
    touched = (forced >= 0) | forbidden.any(axis=1)
    return Overrides(forced.astype(np.intp), forbidden, np.where(touched, 0, -1).astype(np.intp), ("by hand",))


def assignments(rows: int, count: int) -> np.ndarray:
    """Every way to give `rows` products one of `count` types."""
    return np.array(list(itertools.product(range(count), repeat=rows)), dtype=np.intp)
