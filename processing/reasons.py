"""The recommendation in words, for the people who pack and those who ask why."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.decision import Rule
from rightpack.settings import Recommendation

UNKNOWN = "size, weight or liquid not known: "


def reason_texts(rules: npt.NDArray[np.int8], unknown: npt.NDArray[np.bool_], policy: Recommendation) -> pa.Array:
    """One sentence per product; `unknown` marks products whose fit could not be judged in full."""
    plain = words(policy)
    sentences = [plain[rule] for rule in Rule] + [UNKNOWN + plain[rule] for rule in Rule]
    index = rules.astype(np.int32) + len(Rule) * unknown
    return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()), pa.array(sentences)).cast(pa.string())


def words(policy: Recommendation) -> dict[Rule, str]:
    """What each rule says."""
    bar = f"{policy.threshold:g}"
    return {
        Rule.THRESHOLD: f"least protective fitting type with suitability of at least {bar}",
        Rule.EXPECTED_COST: "fitting type of least expected cost, material and damage together",
        Rule.FALLBACK: f"no other fitting type reaches a suitability of {bar}: the fallback type",
        Rule.STRONGEST_FIT: f"no fitting type reaches a suitability of {bar}: the most protective of them",
        Rule.ONLY_FIT: "the only type that is sure to fit",
        Rule.NO_FIT: "larger or heavier than every type allows: pack by hand",
        Rule.BASELINE: "no model is approved: the most protective type that fits",
    }
