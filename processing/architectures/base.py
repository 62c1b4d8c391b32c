"""What an architecture is, what it learns from, and how its name finds it."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self, cast, runtime_checkable

from processing.checkpoints import Checkpoints
from processing.features.encoder import Encoded
from processing.features.expressions import FloatArray
from processing.plugins import Source
from rightpack.errors import SettingsError

BUILT_IN: Final = {
    "lightgbm": "processing.architectures.lightgbm:LightGBM",
    "logistic": "processing.architectures.logistic:Logistic",
    "two-stage": "processing.architectures.two_stage:TwoStage",
}


@dataclass(frozen=True, slots=True)
class Examples:
    """Labelled rows: `labels` are 0 or 1 (suitable), `weights` at least 0; all of one length."""

    encoded: Encoded
    labels: FloatArray
    weights: FloatArray

    def take(self, chosen: Any) -> Examples:
        """Some of the rows (a mask or indices)."""
        return Examples(self.encoded.take(chosen), self.labels[chosen], self.weights[chosen])

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.labels)


Watch = Callable[[int, FloatArray], None]


def unwatched(rounds: int, chances: FloatArray) -> None:
    """Let progress pass."""
    del rounds, chances


@dataclass(frozen=True, slots=True)
class Options:
    """How to learn: the settings' free parameters, the seed, and how many threads at most.

    `fit` may tell `watch` now and then how many rounds are done, and the chances that the best model so far gives the
    tuning rows: tuning jobs compare trainings by that while they run. `fit` and `refit` may leave `checkpoints`, and go
    on from those that belong to the same examples and options, if that gives the same model to the byte.
    """

    parameters: Mapping[str, Any]
    seed: int
    threads: int
    watch: Watch = unwatched
    checkpoints: Checkpoints | None = None


class Architecture(Protocol):
    """A kind of model; an instance is a learned one. Same examples, options and seed must give the same files.

    A class attribute `defaults`, its parameters and their values, may say how a tuning job's texts are to be read.
    """

    @classmethod
    def fit(cls, learning: Examples, tuning: Examples | None, options: Options) -> Self:
        """Learn from `learning`, choosing what is open by `tuning`; without it, by the parameters alone.

        Raises SettingsError where a parameter is unknown or of the wrong type.
        """
        ...

    def refit(self, examples: Examples, options: Options) -> Self:
        """Learn again from all examples, with what this model has chosen."""
        ...

    def predict(self, encoded: Encoded) -> FloatArray:
        """P(suitable) of each row, not yet calibrated."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model as text files, `*.txt` or `*.json`; never a pickle."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        ...


@runtime_checkable
class Explains(Protocol):
    """What an architecture may offer beside the above; others are explained by sampling their predictions."""

    def explain(self, encoded: Encoded) -> FloatArray:
        """Contributions to the raw score, which is the log odds of `predict`: [rows, columns + 1].

        Exact: a row adds up to its raw score. The last column is the base value, alike in all rows.
        """
        ...


def resolve(name: str, source: Source | None = None) -> type[Architecture]:
    """The architecture called `name`: built in, or `package.module:Class` of `source`, or of what is installed.

    Raises:
        SettingsError: there is none, or it cannot be imported.
    """
    path = BUILT_IN.get(name, name)
    module_name, _, class_name = path.partition(":")
    if not class_name:
        near = difflib.get_close_matches(name, BUILT_IN, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(BUILT_IN))}"
        raise SettingsError(f"training.architecture {name!r} is not known; {hint} (or 'package.module:Class').")
    load = source.module if source and name not in BUILT_IN else importlib.import_module
    try:
        found = getattr(load(module_name), class_name)
    except Exception as error:
        # code from outside may fail with anything while it is imported; its owner must act
        raise SettingsError(f"training.architecture {name!r} cannot be imported: {error}") from error
    missing = [m for m in ("fit", "refit", "predict", "save", "load") if not callable(getattr(found, m, None))]
    if missing:
        raise SettingsError(f"training.architecture {name!r} has no method {missing[0]!r}.")
    return cast("type[Architecture]", found)


def checked_parameters(
    given: Mapping[str, Any], defaults: Mapping[str, Any], architecture: str, *, section: str = "training.parameters"
) -> dict[str, Any]:
    """`defaults` overlaid by `given`; SettingsError on a name without default or a value of another type."""
    for name, value in given.items():
        if name not in defaults:
            near = difflib.get_close_matches(name, defaults, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known are: {', '.join(sorted(defaults))}."
            raise SettingsError(f"{section}.{name} is not a parameter of {architecture}.{hint}")
        wanted = type(defaults[name])
        fits = isinstance(value, wanted) and not (isinstance(value, bool) and wanted is not bool)
        whole_for_float = wanted is float and isinstance(value, int) and not isinstance(value, bool)
        if not fits and not whole_for_float:
            raise SettingsError(f"{section}.{name} must be {wanted.__name__}, not {value!r}.")
    return {**defaults, **given}
