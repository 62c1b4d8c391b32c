"""Counts, means and trade-offs of a whole inference run, for its summary and report."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from processing.decisions import Rule, baseline_types, frontier
from processing.decisions.arrays import Floats, Indices, some
from processing.decisions.outcome import chosen_values
from processing.decisions.reasons import IN_GENERAL
from processing.outcomes import Rows
from rightpack.packaging import EVERY_TYPE
from rightpack.settings import Settings

FRONTIER_PRODUCTS: Final = 20_000  # evenly picked; more would not move a point by what a reader can see


def summarise(rows: Rows, previous: Indices, settings: Settings) -> dict[str, Any]:
    """Plain data: `mix` now and `mix_before`, rules that decided, `moves` between types, estimates and the frontier."""
    decisions, own = rows.decisions, [m for m in rows.models if m.package_type != EVERY_TYPE]
    return {
        "version": 2,
        "counts": {
            "products": len(rows),
            "predictions": len(own) * len(rows),
            "recommendations": len(rows),
            "changed": int(decisions.changed.sum()),
            "overridden": int((decisions.notes >= 0).sum()),
            "products_of_unknown_fit": int(rows.unknown.sum()),
        },
        "mix": _counts(decisions.chosen, rows.names),
        "mix_before": _counts(previous[previous >= 0], rows.names),
        "moves": _moves(rows, previous),
        "rules": _counts(decisions.rules.astype(np.intp), [rule.text for rule in Rule]),
        "reasons": _reasons(rows),
        "estimates": _estimates(rows),
        "frontier": _frontier(rows),
        "policy": _policy(rows, settings),
    }


def _counts(indices: Indices, names: list[str]) -> dict[str, int]:
    """How often each name occurs, also never."""
    return dict(zip(names, np.bincount(indices, minlength=len(names)).tolist(), strict=True))


def _moves(rows: Rows, previous: Indices) -> list[dict[str, Any]]:
    """From which type to which products change, the most frequent first."""
    size, changed = len(rows.names), rows.decisions.changed
    cells = np.bincount(previous[changed] * size + rows.decisions.chosen[changed], minlength=size * size)
    order = [int(cell) for cell in np.argsort(-cells, kind="stable") if cells[cell]]
    return [{"from": rows.names[c // size], "to": rows.names[c % size], "products": int(cells[c])} for c in order]


def _reasons(rows: Rows) -> list[dict[str, Any]]:
    """What rules said about how many products, the most frequent first; names of types are left out of it."""
    counts = np.bincount(rows.decisions.rules, minlength=len(Rule))
    ordered = sorted((rule for rule in Rule if counts[rule]), key=lambda rule: -counts[rule])
    return [{"rule": rule.text, "words": IN_GENERAL[rule], "count": int(counts[rule])} for rule in ordered]


def _estimates(rows: Rows) -> dict[str, float | None]:
    """Means per shipment by the models' own word, and what the baseline would come to; None where nothing is known."""
    offer, decisions = rows.offer, rows.decisions
    baseline = baseline_types(offer, rows.policy)
    named: dict[str, Floats] = {
        "damage": decisions.of(offer.damage),
        "pack_cost": decisions.of(offer.pack_cost),
        "grams": decisions.of(offer.grams),
        "cost": decisions.of(offer.expected_cost),
        "suitability": decisions.of(offer.suitability),
        "baseline_damage": chosen_values(offer.damage, baseline),
        "baseline_cost": chosen_values(offer.expected_cost, baseline),
        "baseline_grams": chosen_values(offer.grams, baseline),
    }
    return {f"mean_{name}": _mean(values) for name, values in named.items()}


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _frontier(rows: Rows) -> list[dict[str, Any]]:
    """Damage against material for other policies, by the estimates; nothing without a model."""
    if not (rows.offer.scored and rows.policy.trusted and len(rows)):
        return []
    step = -(-len(rows) // FRONTIER_PRODUCTS)
    sample = rows.offer.take(slice(None, None, step))
    known = sample.take(np.asarray(some(sample.fits & sample.modelled)))
    points = frontier(known, rows.policy)
    return [{**asdict(point), "share": dict(zip(rows.names, point.share, strict=True))} for point in points]


def _policy(rows: Rows, settings: Settings) -> dict[str, Any]:
    return {
        **asdict(settings.recommendation),
        "caution": rows.policy.caution,
        "trusted": rows.policy.trusted,
        "multiplier": rows.decisions.multiplier if np.isfinite(rows.decisions.multiplier) else None,
        "budget_met": rows.decisions.budget_met,
    }
