"""Which package type each product gets: fit, then suitability, then the configured rule; all products at once.

Suitability is P(damage rate within the limit). For money it becomes a damage rate: an unsuitable pack breaks about one
shipment in ten, a suitable one three in a thousand, so est_damage = .003 s + .10 (1 - s).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from processing.fitting import Dimensions, Flags, FloatArray, fits, material_costs
from processing.monotone import rising
from rightpack.errors import SettingsError
from rightpack.packaging import PackageType
from rightpack.settings import Recommendation

DAMAGE_IF_UNSUITABLE: Final = 0.10
DAMAGE_IF_SUITABLE: Final = 0.003
HARDLY: Final = 2.0**-20  # weight of a score for a type that the product does not fit: it must not move the others
Indices = npt.NDArray[np.intp]


class Rule(IntEnum):
    """Which rule decided; `text` is what the warehouse keeps."""

    THRESHOLD = 0
    EXPECTED_COST = 1
    FALLBACK = 2
    STRONGEST_FIT = 3
    ONLY_FIT = 4
    NO_FIT = 5
    BASELINE = 6

    @property
    def text(self) -> str:
        """Lower-case with hyphens."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Package types from least to most protective, their suitability, and which products fit them.

    `suitability` [products, types] rises with protection and is NaN where a type has no model; `fallback` is the index
    of the type that is suitable by assumption, None if every type is trained.
    """

    types: tuple[PackageType, ...]
    suitability: FloatArray
    fitting: Flags
    fallback: int | None

    @classmethod
    def of(cls, types: Sequence[PackageType], scores: Mapping[str, FloatArray], products: Dimensions) -> Self:
        """Order the types, check the fit, and make the models' scores rise with protection."""
        ordered = tuple(sorted(types, key=lambda t: t.rank))
        fallback = None if not ordered or ordered[-1].trained else len(ordered) - 1
        fitting = fits(products, ordered, fallback)
        suitability = np.full(fitting.shape, np.nan)
        modelled = [i for i, t in enumerate(ordered) if t.trained and t.name in scores]
        if modelled:
            raw = np.stack([scores[ordered[i].name] for i in modelled], axis=1)
            suitability[:, modelled] = rising(raw, np.where(fitting[:, modelled], 1.0, HARDLY))
        if fallback is not None:
            suitability[:, fallback] = 1.0
        return cls(ordered, suitability, fitting, fallback)

    @property
    def modelled(self) -> tuple[int, ...]:
        """Indices of types that a model has scored."""
        scored = [i for i in range(len(self.types)) if i != self.fallback]
        return tuple(i for i in scored if not np.isnan(self.suitability[:, i]).any())


@dataclass(frozen=True, slots=True)
class Decisions:
    """One choice per product: indices into the types (`runner_up` -1 for none), estimates, and which rule decided.

    `baseline_cost` is what the strongest fitting type would cost instead.
    """

    chosen: Indices
    runner_up: Indices
    suitability: FloatArray
    damage: FloatArray
    cost: FloatArray
    rules: npt.NDArray[np.int8]
    baseline_cost: FloatArray


def decide(candidates: Candidates, products: Dimensions, policy: Recommendation) -> Decisions:
    """Choose one type per product by `policy.rule`; SettingsError if it is not known.

    A type without model or fallback status is never chosen while a model exists. A product that nothing fits gets the
    strongest type. Without any model every product gets the strongest type it fits.
    """
    if policy.rule not in {"threshold", "expected-cost"}:
        raise SettingsError(f"recommendation.rule {policy.rule!r} is not known; it is threshold or expected-cost.")
    damage = _damage(candidates)
    costs = material_costs(products, candidates.types) + damage * _damage_cost(products, policy)[:, None]
    if not candidates.modelled:
        preference, rules = _baseline(candidates)
    elif policy.rule == "threshold":
        preference, rules = _by_threshold(candidates, policy.threshold)
    else:
        preference, rules = _by_cost(candidates, costs)
    return _pick(preference, rules, candidates, damage, costs)


def _damage(candidates: Candidates) -> FloatArray:
    """Estimated damage rate [products, types]."""
    suitability = _suitability(candidates)
    return DAMAGE_IF_SUITABLE * suitability + DAMAGE_IF_UNSUITABLE * (1 - suitability)


def _suitability(candidates: Candidates) -> FloatArray:
    """What may be claimed: nothing for a type without a model, nor for one that the product does not fit."""
    return np.where(candidates.fitting, np.nan_to_num(candidates.suitability, nan=0.0), 0.0)


def _damage_cost(products: Dimensions, policy: Recommendation) -> FloatArray:
    """What one damaged shipment costs; an unknown price counts as the cap, to be on the safe side."""
    price = np.where(np.isnan(products.price), policy.damage_cost_cap, products.price)
    return np.minimum(price, policy.damage_cost_cap) + policy.damage_cost_fixed


def _open(candidates: Candidates) -> Flags:
    """Types that may be chosen: the product fits, and a model or the fallback's promise speaks for them."""
    return candidates.fitting & ~np.isnan(candidates.suitability)


def _by_threshold(candidates: Candidates, threshold: float) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    """Prefer good enough types, the least protective first; then the strongest of the others."""
    ranks = np.arange(len(candidates.types), dtype=np.float64)
    open_, worst = _open(candidates), float(len(ranks))
    good = open_ & (np.nan_to_num(candidates.suitability, nan=-1.0) >= threshold)
    preference = np.where(good, ranks, np.where(open_, 2 * worst - ranks, np.inf))
    first_good = np.where(good.any(axis=1), good.argmax(axis=1), -1)
    is_fallback = (first_good >= 0) & (first_good == candidates.fallback)
    rules = np.select([is_fallback, first_good >= 0], [Rule.FALLBACK, Rule.THRESHOLD], Rule.STRONGEST_FIT)
    return preference, _alone(rules, open_)


def _by_cost(candidates: Candidates, costs: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    """Prefer the least expected cost; on equal cost the least protective comes first."""
    open_ = _open(candidates)
    rules = np.full(len(costs), Rule.EXPECTED_COST)
    return np.where(open_, costs, np.inf), _alone(rules, open_)


def _baseline(candidates: Candidates) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    """Prefer the strongest type that fits, whatever it is."""
    ranks = np.arange(len(candidates.types), dtype=np.float64)
    preference = np.where(candidates.fitting, -ranks, np.inf)
    return preference, _alone(np.full(len(preference), Rule.BASELINE), candidates.fitting)


def _alone(rules: npt.NDArray[np.intp], open_: Flags) -> npt.NDArray[np.int8]:
    """Where there was no choice, that is the reason."""
    choices = open_.sum(axis=1)
    return np.select([choices == 0, choices == 1], [Rule.NO_FIT, Rule.ONLY_FIT], rules).astype(np.int8)


def _pick(
    preference: FloatArray,
    rules: npt.NDArray[np.int8],
    candidates: Candidates,
    damage: FloatArray,
    costs: FloatArray,
) -> Decisions:
    rows, strongest = np.arange(len(preference)), len(candidates.types) - 1
    order = np.argsort(preference, axis=1, kind="stable")
    chosen = np.where(rules == Rule.NO_FIT, strongest, order[:, 0])
    second = order[:, 1] if preference.shape[1] > 1 else np.full(len(rows), -1)
    has_second = (np.isfinite(preference).sum(axis=1) > 1) & (second >= 0)
    return Decisions(
        chosen=chosen,
        runner_up=np.where(has_second, second, -1),
        suitability=_suitability(candidates)[rows, chosen],
        damage=damage[rows, chosen],
        cost=costs[rows, chosen],
        rules=rules,
        baseline_cost=costs[rows, _strongest(candidates)],
    )


def _strongest(candidates: Candidates) -> Indices:
    """The most protective type that each product fits, the last one where none does."""
    from_strongest: Indices = candidates.fitting[:, ::-1].argmax(axis=1)
    return len(candidates.types) - 1 - from_strongest
