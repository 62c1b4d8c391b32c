"""What a run decided, as the rows of the warehouse's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from processing.artefact import Entry
from processing.columns import PREVIOUS, PRODUCT
from processing.decisions import Decisions, Offer, Overrides, Policy, Rule, reasons
from processing.decisions.arrays import Flags, Floats


@dataclass(frozen=True, slots=True)
class Rows:
    """Products, their scores, the models behind them, and what was decided; all of one length.

    `unknown` marks products whose fit could not be judged in full.
    """

    products: pa.Table
    scores: pa.Table
    models: tuple[Entry, ...]
    offer: Offer
    decisions: Decisions
    policy: Policy
    overrides: Overrides
    unknown: Flags

    def __len__(self) -> int:
        """Number of products."""
        return len(self.decisions)

    def slice(self, start: int, length: int) -> Rows:
        """Some of the products."""
        these = slice(start, start + length)
        return Rows(
            self.products.slice(start, length),
            self.scores.slice(start, length),
            self.models,
            self.offer.take(these),
            self.decisions.take(these),
            self.policy,
            self.overrides,
            self.unknown[these],
        )

    @property
    def names(self) -> list[str]:
        """Package types from least to most protective."""
        return [t.name for t in self.offer.types]


def predictions(rows: Rows) -> pa.Table:
    """One row per product and type with a model of its own, a product's types from least to most protective."""
    versions = {m.package_type: m.model_version or "" for m in rows.models}
    at = [place for place, name in enumerate(rows.names) if name in versions]
    names, count = [rows.names[place] for place in at], len(rows)
    raw = [rows.scores[name].to_numpy().astype(np.float64) for name in names]
    place_of_row = np.tile(np.arange(len(at)), count)
    return pa.table(
        {
            "product_id": rows.products[PRODUCT].combine_chunks().take(pa.array(np.repeat(np.arange(count), len(at)))),
            "package_type": texts(place_of_row, names),
            "suitability": pa.array(rows.offer.suitability[:, at].ravel()),
            "raw_score": pa.array(np.stack(raw, axis=1).ravel() if names else np.zeros(0)),
            "model_version": texts(place_of_row, [versions[name] for name in names]),
        }
    )


def recommendations(rows: Rows) -> pa.Table:
    """One row per product; estimates are NULL where no model speaks for the type."""
    decisions, offer, count = rows.decisions, rows.offer, len(rows)
    before = rows.products[PREVIOUS] if PREVIOUS in rows.products.column_names else pa.nulls(count, pa.string())
    why = reasons(decisions, offer, rows.policy, words=rows.overrides.words, unknown=rows.unknown)
    return pa.table(
        {
            "product_id": rows.products[PRODUCT],
            "package_type": texts(decisions.chosen, rows.names),
            "runner_up": texts(decisions.runner_up, rows.names),
            "previous_type": before.cast(pa.string()),
            "suitability": _known(decisions.of(offer.suitability)),
            "est_damage": _known(decisions.of(offer.damage)),
            "est_cost": _known(decisions.of(offer.expected_cost)),
            "est_grams": pa.array(decisions.of(offer.grams)),
            "rule": texts(decisions.rules, [rule.text for rule in Rule]),
            "reason": why,
        }
    )


def texts(indices: np.ndarray[Any, Any], values: Sequence[str]) -> pa.Array:
    """`values` by index; -1 is nothing."""
    there = pa.array(indices.astype(np.int32), mask=indices < 0)
    return pa.DictionaryArray.from_arrays(there, pa.array(values, pa.string())).cast(pa.string())


def _known(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
