"""One seed: every way to decide, judged by the truth about products that nobody had feedback on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from benchmarks.decisions.learning import Class, suitability
from benchmarks.decisions.shop import Shop
from processing.architectures.ordinal.likelihood import FALSE_REPORTS, SEVERITY
from processing.decisions import (
    By,
    Hearing,
    History,
    Offer,
    Policy,
    baseline_types,
    decide,
    violations,
    with_history,
)
from processing.decisions.arrays import Floats, Indices
from processing.decisions.outcome import chosen_values
from processing.decisions.rules import cheapest, strongest
from rightpack.settings import Settings

Say = Callable[[str], None]
POLICY: Final = Policy()


@dataclass(frozen=True, slots=True)
class Size:
    """How many products there are, have labels (several numbers are tried), and are decided about."""

    products: int = 400_000
    labelled: tuple[int, ...] = (3_000, 30_000, 300_000)
    asked: int = 100_000


@dataclass(frozen=True, slots=True)
class Figures:
    """True means per shipment."""

    cost: float
    damage: float
    pack_cost: float
    grams: float


@dataclass(frozen=True, slots=True)
class Arena:
    """Products to decide about, with the truth."""

    shop: Shop
    truth: Offer

    @classmethod
    def of(cls, shop: Shop) -> Arena:
        """Fit, material and money are what the decision layer itself reckons."""
        return cls(shop, shop.judge(shop.offer()))

    def figures(self, chosen: Indices) -> Figures:
        """What choices really cost."""
        truth = self.truth
        named = {
            "cost": truth.expected_cost,
            "damage": truth.damage,
            "pack_cost": truth.pack_cost,
            "grams": truth.grams,
        }
        return Figures(**{name: float(chosen_values(values, chosen).mean()) for name, values in named.items()})

    def references(self, damage_limit: float) -> dict[str, Figures]:
        """Always the baseline's box; the cheapest suitable type; the least true cost (nobody can know either)."""
        truth = self.truth
        suits = truth.fits & (truth.damage <= damage_limit)
        cheap, cost = cheapest(truth.pack_cost.T, suits.T)
        oracle = np.where(np.isfinite(cost), cheap, strongest(truth.fits))
        named = {"always_box": baseline_types(truth, POLICY), "oracle": oracle, "least": decide(truth, POLICY).chosen}
        return {name: self.figures(chosen) for name, chosen in named.items()}


def contest(seed: int, size: Size, settings: Settings, *, threads: int, say: Say) -> dict[str, Any]:
    """Everything measured for one seed, plain data."""
    began = time.perf_counter()
    shop = Shop.of(seed, size.products, settings.package_types)
    arena = Arena.of(shop.take(slice(size.products - size.asked, size.products)))
    references = arena.references(settings.labels.damage_limit)
    say(f"seed {seed}: " + ", ".join(f"{name} {found.cost:.4f}" for name, found in references.items()))
    rounds = []
    for labelled in size.labelled:
        top = labelled == max(size.labelled)
        rounds.append(_round(shop.take(slice(0, labelled)), arena, settings, threads=threads, ceiling_too=top))
        say(_line(rounds[-1], references["always_box"].cost, time.perf_counter() - began))
    return {
        "seed": seed,
        "references": {name: asdict(found) for name, found in references.items()},
        "rounds": rounds,
        "seconds": time.perf_counter() - began,
    }


def _round(labelled: Shop, arena: Arena, settings: Settings, *, threads: int, ceiling_too: bool) -> dict[str, Any]:
    """All ways to decide with the labels of so many products."""
    room = Class.of(labelled, settings, threads)
    learned = room.learn(settings, POLICY)
    damage = room.damage(learned.trees, arena.shop)
    offer = arena.shop.offer(damage=damage)
    policies = _by_suitability(labelled, arena, settings)
    policies["rightpack"] = decide(offer, learned.trust.policy).chosen
    policies["unguarded"] = decide(offer, POLICY).chosen
    policies["with_history"] = decide(_remembering(damage, arena, settings), learned.trust.policy).chosen
    found = {
        "labelled": len(labelled),
        "policies": {name: asdict(arena.figures(chosen)) for name, chosen in policies.items()},
        "order_violations": _disorder(offer) + _disorder(arena.shop.offer(suitability=offer.suitability)),
        "raw_disorder": float(np.mean((np.diff(damage, axis=1) > 0).any(axis=1))),
        "caution": learned.trust.policy.caution,
        "trusted": learned.trust.policy.trusted,
        "saving": asdict(learned.trust.worth),
        "tree_rounds": learned.rounds,
    }
    if ceiling_too:
        perfect = arena.shop.offer(damage=room.damage(room.ceiling(), arena.shop))
        found["ceiling"] = asdict(arena.figures(decide(perfect, POLICY).chosen))
        found["budget"] = _capped(offer, learned.trust.policy, arena)
    return found


def _by_suitability(labelled: Shop, arena: Arena, settings: Settings) -> dict[str, Indices]:
    """The rules over one suitability model per package type: raw threshold, monotone threshold, expected cost."""
    chances = suitability(labelled, arena.shop, settings)
    offer = arena.shop.offer(suitability=chances)
    by_bar = replace(POLICY, by=By.THRESHOLD, threshold=settings.recommendation.threshold)
    return {
        "raw_threshold": decide(replace(offer, suitability=chances), by_bar).chosen,
        "monotone_threshold": decide(offer, by_bar).chosen,
        "suitability_cost": decide(offer, POLICY).chosen,
    }


def _remembering(damage: Floats, arena: Arena, settings: Settings) -> Offer:
    """What could be decided if feedback on these products were there as well; all other figures do without it."""
    counts = arena.shop.counts
    history = History(counts.shipped, counts.bad, counts.tested, counts.failed)
    hearing = Hearing(settings.labels.reporting_rate, FALSE_REPORTS, SEVERITY)
    return arena.shop.offer(damage=with_history(damage, history, hearing))


def _capped(offer: Offer, policy: Policy, arena: Arena) -> dict[str, Any]:
    """Damage capped at what the estimates say of always-box; `damage` and `cost` are the truth."""
    budget = _mean(offer.damage, baseline_types(offer, policy))
    decisions = decide(offer, replace(policy, damage_budget=budget))
    return {
        **asdict(arena.figures(decisions.chosen)),
        "budget": budget,
        "estimated": _mean(offer.damage, decisions.chosen),
        "multiplier": decisions.multiplier,
        "met": decisions.budget_met,
    }


def _mean(values: Floats, chosen: Indices) -> float:
    return float(chosen_values(values, chosen).mean())


def _disorder(offer: Offer) -> int:
    return violations(offer.suitability) + violations(-offer.damage)


def _line(found: dict[str, Any], box: float, seconds: float) -> str:
    """One round in one line: costs, share of always-box's cost, and what only the last round has."""
    parts = [f"{name} {figures['cost']:.4f}" for name, figures in found["policies"].items()]
    if "ceiling" in found:
        parts += [f"ceiling {found['ceiling']['cost']:.4f}", f"capped {found['budget']['cost']:.4f}"]
    share = found["policies"]["rightpack"]["cost"] / box
    how = f"{share:.3f} of the box, caution {found['caution']:.2f}, {seconds:.0f} s"
    return f"  {found['labelled']:>7,}: {', '.join(parts)} ({how})"
