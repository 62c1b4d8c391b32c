"""Means and intervals over seeds, and whether what was promised holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

STUDENT: Final = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
STUDY_BOX: Final = 1.183  # always-box in the study whose figures are the line to beat


@dataclass(frozen=True, slots=True)
class Goal:
    """One promise: `value` must be at most `most`."""

    name: str
    value: float
    most: float

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return bool(self.value <= self.most)


@dataclass(frozen=True, slots=True)
class Mean:
    """Over seeds, with the 95 % interval by Student's t (nothing but the mean for one seed)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """Mean of one value per seed."""
        mean, freedom = float(np.mean(values)), len(values) - 1
        if freedom < 1:
            return cls(mean, mean, mean)
        reach = STUDENT.get(freedom, 1.96) * float(np.std(values, ddof=1)) / float(np.sqrt(len(values)))
        return cls(mean, mean - reach, mean + reach)


def by_size(seeds: Sequence[dict[str, Any]], policy: str, figure: str = "cost") -> dict[str, list[float]]:
    """One figure of one policy: by number of labelled products, one value per seed."""
    sizes = [str(found["labelled"]) for found in seeds[0]["rounds"]]
    return {size: [seed["rounds"][at]["policies"][policy][figure] for seed in seeds] for at, size in enumerate(sizes)}


def reference(seeds: Sequence[dict[str, Any]], name: str, figure: str = "cost") -> list[float]:
    """One figure of a reference policy, one value per seed."""
    return [seed["references"][name][figure] for seed in seeds]


def top(seeds: Sequence[dict[str, Any]], name: str, figure: str) -> list[float]:
    """One figure that only the largest number of labels has: of the `ceiling`, or under the `budget`."""
    return [seed["rounds"][-1][name][figure] for seed in seeds]


def goals(seeds: Sequence[dict[str, Any]], decide_seconds: float) -> list[Goal]:
    """Everything promised; what concerns every seed is judged by the worst one."""
    costs, box = by_size(seeds, "rightpack"), reference(seeds, "always_box")
    few, some, many = (costs[size] for size in sorted(costs, key=int))
    capped = top(seeds, "budget", "cost")
    damage, box_damage = top(seeds, "budget", "damage"), reference(seeds, "always_box", "damage")
    disorder = sum(found["order_violations"] for seed in seeds for found in seed["rounds"])
    return [
        Goal("cost per shipment, most labels", _mean(many), 0.92),
        Goal("share of always-box's cost, most labels", _mean(_ratio(many, box)), 0.92 / STUDY_BOX),
        Goal("above the ceiling, most labels, worst seed", max(_ratio(many, top(seeds, "ceiling", "cost"))) - 1, 0.05),
        Goal("cost per shipment, some labels", _mean(some), 1.00),
        Goal("share of always-box's cost, some labels", _mean(_ratio(some, box)), 1.00 / STUDY_BOX),
        Goal("share of always-box's cost, few labels, worst seed", max(_ratio(few, box)), 1.0),
        Goal("order violations", disorder, 0),
        Goal("share of always-box's cost, damage capped", _mean(_ratio(capped, box)), 0.78),
        Goal("capped damage by always-box's, worst seed", max(_ratio(damage, box_damage)), 1.0),
        Goal("seconds to decide a million products", decide_seconds, 3.0),
    ]


def _ratio(values: Sequence[float], by: Sequence[float]) -> list[float]:
    return [value / one for value, one in zip(values, by, strict=True)]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
