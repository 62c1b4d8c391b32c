"""Trees in two stages, for labels of which few say unsuitable: a balanced part first, then all of them from there.

The first stage sees as many suitable rows as `balance` times the unsuitable ones and so learns what tells them apart;
the second one goes on with every row and learns how often either occurs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from processing.architectures import lightgbm
from processing.architectures.base import Examples, Options, checked_parameters, unwatched
from processing.features.encoder import Encoded
from processing.features.expressions import FloatArray
from rightpack.errors import SettingsError

OWN: Final[Mapping[str, Any]] = {"balance": 1.0, "balanced_rounds": 40}
DEFAULTS: Final[Mapping[str, Any]] = {**lightgbm.DEFAULTS, **OWN}


class TwoStage:
    """A booster that has gone through both stages; `first` is the first one's part of it."""

    defaults: ClassVar[Mapping[str, Any]] = DEFAULTS

    def __init__(self, whole: lightgbm.LightGBM, first_rounds: int) -> None:
        self.whole, self.first_rounds = whole, first_rounds

    @classmethod
    def fit(cls, learning: Examples, tuning: Examples | None, options: Options) -> Self:
        """Each stage stops where `tuning`'s log loss stops falling, or after a fixed number of rounds without it."""
        parameters, inner = _split(options)
        balanced = _balanced(learning, parameters["balance"], options.seed)
        first = _Stage.boost(balanced, tuning, replace(inner, watch=unwatched), parameters["balanced_rounds"])
        rounds = parameters["rounds_without_tuning"] if tuning is None else parameters["rounds"]
        return cls(_Stage.boost(learning, tuning, inner, rounds, first), first.rounds)

    def refit(self, examples: Examples, options: Options) -> Self:
        """Go through both stages again with all examples, for as many rounds as were chosen."""
        parameters, inner = _split(options)
        balanced = _balanced(examples, parameters["balance"], options.seed)
        first = _Stage.boost(balanced, None, inner, self.first_rounds)
        more = max(self.whole.rounds - self.first_rounds, 0)
        whole = _Stage.boost(examples, None, inner, more, first) if more else first
        return type(self)(whole, self.first_rounds)

    def predict(self, encoded: Encoded) -> FloatArray:
        """P(suitable) of each row."""
        return self.whole.predict(encoded)

    def explain(self, encoded: Encoded) -> FloatArray:
        """Exact contributions of both stages together."""
        return self.whole.explain(encoded)

    def save(self, folder: Path) -> None:
        """Write `model.txt`."""
        self.whole.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `model.txt`; InternalError if it is not a booster."""
        return cls(lightgbm.LightGBM.load(folder), 0)


class _Stage(lightgbm.LightGBM):
    """A booster that can go on from another one."""

    @classmethod
    def boost(
        cls, examples: Examples, tuning: Examples | None, options: Options, rounds: int, start: Self | None = None
    ) -> Self:
        """Boost for at most `rounds`, on top of `start`."""
        return cls._boost(examples, tuning, options, rounds, start)


def _split(options: Options) -> tuple[dict[str, Any], Options]:
    """All parameters, and the options of LightGBM alone."""
    parameters = checked_parameters(options.parameters, DEFAULTS, "two-stage")
    if parameters["balance"] <= 0 or parameters["balanced_rounds"] < 1:
        raise SettingsError("training.parameters: balance is above 0 and balanced_rounds at least 1.")
    inner = {name: value for name, value in parameters.items() if name not in OWN}
    return parameters, replace(options, parameters=inner)


def _balanced(examples: Examples, balance: float, seed: int) -> Examples:
    """All rows of the rarer label and at most `balance` times as many of the other, drawn by the seed, in order."""
    sides = [np.flatnonzero(examples.labels == value) for value in (0, 1)]
    rare, common = sorted(sides, key=len)
    wanted = min(len(common), max(1, round(balance * len(rare))))
    drawn = np.random.default_rng(seed).choice(common, wanted, replace=False)
    return examples.take(np.sort(np.concatenate([rare, drawn])))
