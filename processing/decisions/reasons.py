"""Decisions in words, for the people who pack and those who ask why."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from processing.decisions.arrays import Flags
from processing.decisions.offer import Offer
from processing.decisions.outcome import Decisions
from processing.decisions.policy import Policy
from processing.decisions.rules import Rule

UNKNOWN: Final = "size, weight or liquid not known: "
IN_GENERAL: Final = {
    Rule.THRESHOLD: "least protective fitting type that is good enough",
    Rule.EXPECTED_COST: "fitting type of least expected cost, material and damage together",
    Rule.ONLY_FIT: "the only type that is sure to fit and that a model speaks for",
    Rule.OVERRIDE_FORCE: "decided by hand",
    Rule.OVERRIDE_FORBID: "another type is forbidden by hand",
    Rule.HYSTERESIS_KEEP: "kept: another type would save too little to be worth a change",
    Rule.RAMP_KEEP: "kept for now: only a share of the products may change in one run",
    Rule.BASELINE: "no model may decide: the baseline type, or the most protective one that fits",
    Rule.FALLBACK: "no fitting type is known to be good enough: the most protective of them",
    Rule.NO_FIT: "larger or heavier than every permitted type allows: pack by hand",
}


def reasons(decisions: Decisions, offer: Offer, policy: Policy, *, words: tuple[str, ...], unknown: Flags) -> Any:
    """One sentence per product, an Arrow array of texts.

    `words` are those of the overrides, `unknown` marks products whose fit could not be judged in full.
    """
    names = [t.name for t in offer.types]
    sentences = [_sentence(rule, name, policy, decisions.multiplier) for rule in Rule for name in names]
    index = decisions.rules.astype(np.intp) * len(names) + decisions.wanted
    by_hand = decisions.notes >= 0
    index = np.where(by_hand, len(sentences) + decisions.notes, index)
    sentences += list(words)
    sentences += [UNKNOWN + sentence for sentence in sentences]
    index = index + len(sentences) // 2 * unknown
    return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()), pa.array(sentences)).cast(pa.string())


def _sentence(rule: Rule, wanted: str, policy: Policy, multiplier: float) -> str:
    """What a rule says where it would pick the type `wanted`."""
    bar, share, gain = f"{policy.bar(wanted):g}", f"{policy.change_share:.3g}", f"{policy.least_gain:g}"
    budget = "" if multiplier == 0 else f", {multiplier:.3g} added per damaged shipment to keep the damage budget"
    exact = {
        Rule.THRESHOLD: f"least protective fitting type with a suitability of at least {bar}",
        Rule.EXPECTED_COST: f"{IN_GENERAL[Rule.EXPECTED_COST]}{budget}",
        Rule.HYSTERESIS_KEEP: f"kept: {wanted} is not expected to save more than {gain} per shipment",
        Rule.RAMP_KEEP: f"kept for now: {wanted} would be better, but only a share of {share} may change in one run",
        Rule.BASELINE: f"no model may decide: {policy.baseline}, or the most protective type that fits",
    }
    return exact.get(rule, IN_GENERAL[rule])
