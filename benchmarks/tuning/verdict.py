"""What was promised of tuning, and whether the figures of all seeds hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.decisions.goals import Mean
from benchmarks.tuning.searches import Found, Strategy

MOST_SHARE: Final = 0.5  # of random's training that Hyperband may spend


@dataclass(frozen=True, slots=True)
class Outcome:
    """Gains over the defaults by strategy, Hyperband's score less random's, and its shares of random's spending."""

    gains: Mapping[str, Mean]
    difference: Mean
    shares: Mapping[str, float]

    @property
    def holds(self) -> bool:
        """Whether every gain is above zero with its interval, and Hyperband is as good for half."""
        as_good = self.difference.high >= 0
        return all(g.low > 0 for g in self.gains.values()) and as_good and max(self.shares.values()) <= MOST_SHARE

    def line(self) -> str:
        """The verdict in one line."""
        gains = ", ".join(f"{name} {_signed(gain)}" for name, gain in self.gains.items())
        shares = ", ".join(f"{share:.0%} of its {name}" for name, share in self.shares.items())
        return (
            f"{'HOLDS' if self.holds else 'FAILS'}: ROC-AUC over the defaults: {gains}; Hyperband less random "
            f"{_signed(self.difference)} for {shares}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"holds": self.holds}


def outcome(defaults: Mapping[int, float], runs: Sequence[Found]) -> Outcome:
    """Compare, paired by seed; `defaults` are the scores of the default parameters."""
    by = {(run.strategy, run.seed): run for run in runs}
    seeds = sorted(defaults)
    scores = {s: [by[s, seed].score for seed in seeds] for s in Strategy}
    gains = {
        s.value: Mean.of([own - defaults[seed] for own, seed in zip(scores[s], seeds, strict=True)]) for s in Strategy
    }
    pairs = zip(scores[Strategy.HYPERBAND], scores[Strategy.RANDOM], strict=True)
    shares = {
        name: _total(runs, Strategy.HYPERBAND, key) / _total(runs, Strategy.RANDOM, key)
        for name, key in (("training seconds", "seconds"), ("boosting rounds", "boosted"))
    }
    return Outcome(gains, Mean.of([one - other for one, other in pairs]), shares)


def _total(runs: Sequence[Found], strategy: Strategy, key: str) -> float:
    return float(sum(getattr(run, key) for run in runs if run.strategy == strategy))


def _signed(value: Mean) -> str:
    return f"{value.mean:+.4f} [{value.low:+.4f}, {value.high:+.4f}]"
