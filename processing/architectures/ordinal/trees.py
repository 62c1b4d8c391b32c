"""The booster: log damage rates around each type's mean rate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from processing.architectures.base import checked_parameters
from processing.architectures.lightgbm import lgb, portable
from processing.architectures.ordinal.likelihood import Reports, Singles
from processing.architectures.ordinal.parting import PartedTrees
from processing.decisions.arrays import Floats
from rightpack.errors import InternalError, SettingsError

FILE: Final = "model.txt"
LEVELS: Final = "levels.json"
ASKED: Final = 2  # columns behind a product's: the package type's place, and whether it is a test
LEAVES: Final = (15, 31)
MANY: Final = 100_000  # observations that bear the larger trees
ROWS_PER_THREAD: Final = 20_000
DEFAULTS: Final[Mapping[str, Any]] = {
    "most_rounds": 800,
    "patience": 40,
    "folds": 5,
    "title_dimensions": 12,
    "num_leaves": 0,  # 15, or 31 on many observations
    "learning_rate": 0.1,
    "max_bin": 63,
    "min_data_in_leaf": 20,
    "min_sum_hessian_in_leaf": 5.0,
    "feature_fraction": 0.4,
    "lambda_l2": 20.0,
    "cat_smooth": 20.0,
    "cat_l2": 20.0,
    "min_data_per_group": 50,
}
OURS: Final = frozenset({"most_rounds", "patience", "folds", "title_dimensions", "num_leaves"})


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to boost: parameters over `DEFAULTS`, the number of package types, the seed, and threads at most."""

    parameters: Mapping[str, Any]
    types: int
    seed: int = 7
    threads: int = 1

    @classmethod
    def of(cls, given: Mapping[str, Any], *, types: int, seed: int, threads: int) -> Self:
        """Check the parameters; SettingsError on an unknown one or a value of another type."""
        parameters = checked_parameters(given, DEFAULTS, "the damage model", section="damage_model.parameters")
        for name in ("most_rounds", "patience", "folds"):
            if parameters[name] < (2 if name == "folds" else 1):
                raise SettingsError(f"damage_model.parameters.{name} is {parameters[name]}; that is too few.")
        return cls(parameters, types, seed, threads)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Products as the model sees them [products, columns], and which columns are categories."""

    values: Singles
    categories: tuple[int, ...]

    def rows(self, reports: Reports) -> Singles:
        """One row per observation: the product, then type and kind of evidence."""
        asked = np.stack([reports.place.astype(np.float32), reports.test], axis=1)
        return np.concatenate([self.values[reports.row], asked], axis=1)


class DamageTrees:
    """A booster of log rates around each type's mean rate, which is `start`; `text` and `start` are its whole state."""

    def __init__(self, booster: Any, start: Floats) -> None:
        self._booster, self.start = booster, start
        self.text = portable(booster.model_to_string())
        self._whole: PartedTrees | None = None

    @classmethod
    def fit(cls, matrix: Matrix, reports: Reports, recipe: Recipe, rounds: int) -> Self:
        """Boost for so many rounds; SettingsError where LightGBM refuses a parameter."""
        start = np.log(reports.rates(recipe.types))
        return cls(_train(recipe, reports, _data(matrix, reports, start, recipe), rounds), start)

    @classmethod
    def tune(cls, matrix: Matrix, reports: Reports, held: Reports, recipe: Recipe) -> tuple[Self, list[float]]:
        """Boost until the deviance of held-out observations stops falling; the model, and the deviance by round."""
        start = np.log(reports.rates(recipe.types))
        data = _data(matrix, reports, start, recipe)
        seen: dict[str, dict[str, list[float]]] = {}
        callbacks = [
            lgb.early_stopping(recipe.parameters["patience"], verbose=False),
            lgb.record_evaluation(seen),
        ]
        watched = {"valid_sets": [_data(matrix, held, start, recipe, data)], "feval": held.deviance}
        most = recipe.parameters["most_rounds"]
        booster = _train(recipe, reports, data, most, **watched, callbacks=callbacks)
        return cls(booster, start), list(seen["valid_0"]["deviance"])

    def predict(self, values: Singles, *, threads: int = 1, rounds: int | None = None) -> Floats:
        """Damage rates [products, types] as tests would find them; not yet in the order of protection."""
        questions = [(float(place), 1.0) for place in range(len(self.start))]
        margins = self._parted(rounds).margins(values, questions, threads=threads)
        rates = [np.exp(np.minimum(margin + start, 0)) for margin, start in zip(margins, self.start, strict=True)]
        return np.stack(rates, axis=1)

    def _parted(self, rounds: int | None) -> PartedTrees:
        """The first trees, or all of them, which are taken apart only once."""
        if rounds is not None:
            return PartedTrees(self._booster.model_to_string(num_iteration=rounds), ASKED)
        if self._whole is None:
            self._whole = PartedTrees(self.text, ASKED)
        return self._whole

    def save(self, folder: Path) -> None:
        """Write `model.txt` and `levels.json`."""
        (folder / FILE).write_text(self.text)
        (folder / LEVELS).write_text(json.dumps({"log_rates": self.start.tolist()}, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; InternalError if it is no model."""
        try:
            start = np.array(json.loads((folder / LEVELS).read_text())["log_rates"], dtype=np.float64)
            return cls(lgb.Booster(model_str=(folder / FILE).read_text()), start)
        except (OSError, ValueError, KeyError, TypeError, lgb.basic.LightGBMError) as error:
            raise InternalError(f"{folder.name} holds no damage model: {error!r}") from error


def _train(recipe: Recipe, reports: Reports, data: Any, rounds: int, **tuned: Any) -> Any:
    try:
        return lgb.train(_settings(recipe, reports), data, rounds, **tuned)
    except lgb.basic.LightGBMError as error:
        raise SettingsError(f"LightGBM refuses damage_model.parameters: {error}") from error


def _settings(recipe: Recipe, reports: Reports) -> dict[str, Any]:
    observed = len(reports.row)
    own = {
        "objective": reports.gradient,
        "num_leaves": recipe.parameters["num_leaves"] or LEAVES[observed > MANY],
        "num_threads": max(1, min(recipe.threads, observed // ROWS_PER_THREAD)),
        "seed": recipe.seed,
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
    }
    return {**{name: value for name, value in recipe.parameters.items() if name not in OURS}, **own}


def _data(matrix: Matrix, reports: Reports, start: Floats, recipe: Recipe, reference: Any = None) -> Any:
    names = ("max_bin", "min_data_in_leaf")
    return lgb.Dataset(
        matrix.rows(reports),
        reports.bad,
        init_score=start[reports.place],
        reference=reference,
        categorical_feature=list(matrix.categories),
        params={"verbosity": -1, **{name: recipe.parameters[name] for name in names}},
    )
