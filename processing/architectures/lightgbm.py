"""Gradient-boosted trees by LightGBM, set up so that the same examples give the same model text on any thread count."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from processing.architectures.base import Examples, Options, Watch, checked_parameters
from processing.features.encoder import Encoded
from processing.features.expressions import FloatArray
from processing.scoring.ensemble import Ensemble
from rightpack.errors import InternalError, SettingsError

FILE: Final = "model.txt"
ROWS_PER_THREAD: Final = 100_000  # below that, a second thread costs more than it brings
COMPANIONS: Final = ("sklearn", "pandas", "dask", "matplotlib", "graphviz", "polars")

DEFAULTS: Final[Mapping[str, Any]] = {
    "rounds": 300,
    "rounds_without_tuning": 80,
    "early_stopping_rounds": 30,
    "report_rounds": 10,  # between two reports of progress, which tuning jobs count; 0 makes none
    "learning_rate": 0.08,
    "num_leaves": 31,
    "max_depth": -1,
    "max_bin": 63,
    "min_data_in_leaf": 20,
    "min_gain_to_split": 0.0,
    "feature_fraction": 0.8,
    "bagging_fraction": 1.0,
    "bagging_freq": 0,
    "lambda_l1": 0.0,
    "lambda_l2": 1.0,
    "path_smooth": 0.0,
    # categories with few rows are noise: smoothed, and few may stand on one side of a split
    "cat_smooth": 20.0,
    "cat_l2": 20.0,
    "max_cat_threshold": 16,
    "max_cat_to_onehot": 4,
    "min_data_per_group": 50,
}
OURS: Final = frozenset({"rounds", "rounds_without_tuning", "early_stopping_rounds", "report_rounds"})


@contextmanager
def _without_companions() -> Iterator[None]:
    """Hide LightGBM's optional companions while it is imported: unused here, they cost seconds in every job."""
    hidden = [name for name in COMPANIONS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python marks "not importable"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without_companions():
    lgb: Any = importlib.import_module("lightgbm")


class LightGBM:
    """A booster; `text` is its whole state."""

    defaults: ClassVar[Mapping[str, Any]] = DEFAULTS

    def __init__(self, text: str, rounds: int) -> None:
        self.text, self.rounds = text, rounds
        self._booster = lgb.Booster(model_str=text)
        self._ensemble = Ensemble(self._booster, text)

    @classmethod
    def fit(cls, learning: Examples, tuning: Examples | None, options: Options) -> Self:
        """Boost until `tuning`'s log loss stops falling, or a fixed number of rounds without it."""
        parameters = checked_parameters(options.parameters, DEFAULTS, "lightgbm")
        rounds = parameters["rounds_without_tuning"] if tuning is None else parameters["rounds"]
        return cls._boost(learning, tuning, options, rounds)

    def refit(self, examples: Examples, options: Options) -> Self:
        """Boost on all examples for as many rounds as the tuning chose."""
        return self._boost(examples, None, options, self.rounds)

    @classmethod
    def _boost(
        cls,
        examples: Examples,
        tuning: Examples | None,
        options: Options,
        rounds: int,
        start: LightGBM | None = None,
    ) -> Self:
        """Boost for at most `rounds` more, from `start` if it is given; the model holds the trees of both."""
        parameters = checked_parameters(options.parameters, DEFAULTS, "lightgbm")
        train = _dataset(examples, parameters)
        tuned: dict[str, Any] = {}
        if tuning is not None:
            stop = lgb.early_stopping(parameters["early_stopping_rounds"], verbose=False)
            watcher = _Watcher(options.watch, parameters["report_rounds"])
            tuned = {"valid_sets": [_dataset(tuning, parameters, train)], "callbacks": [stop, watcher]}
            tuned["feval"] = watcher.look
        try:
            booster = lgb.train(
                _settings(parameters, options, examples.rows),
                train,
                num_boost_round=rounds,
                init_model=None if start is None else lgb.Booster(model_str=start.text),
                **tuned,
            )
        except lgb.basic.LightGBMError as error:
            raise SettingsError(f"LightGBM refuses training.parameters: {error}") from error
        before = 0 if start is None else start.rounds
        best = booster.best_iteration if tuning is not None else before + rounds
        return cls(portable(booster.model_to_string(num_iteration=best)), best)

    def predict(self, encoded: Encoded) -> FloatArray:
        """P(suitable) of each row, on one thread: requests, not rows, are scored side by side."""
        return self._ensemble.chances(encoded.matrix)

    def explain(self, encoded: Encoded) -> FloatArray:
        """Exact tree SHAP of each row by LightGBM itself; rows are independent, so one thread as in `predict`."""
        if not len(encoded.matrix):
            return np.zeros((0, len(encoded.columns) + 1))
        answer = self._booster.predict(encoded.matrix, pred_contrib=True, num_threads=1)
        return np.asarray(answer, dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write `model.txt`."""
        (folder / FILE).write_text(self.text)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `model.txt`; InternalError if it is not a booster."""
        try:
            text = (folder / FILE).read_text()
            return cls(text, text.count("\nTree="))
        except (OSError, lgb.basic.LightGBMError) as error:
            raise InternalError(f"{folder.name}/{FILE} is not a LightGBM model: {error}") from error


class _Watcher:
    """Callback that tells, every so many rounds but the last, what the best model so far makes of the tuning rows."""

    order = 20  # before early stopping, which may end the round

    def __init__(self, watch: Watch, every: int) -> None:
        self._watch, self._every = watch, every
        self._chances = self._best = np.zeros(0)
        self._least = np.inf

    def look(self, chances: FloatArray, _: Any) -> list[Any]:
        """See the round's chances; LightGBM asks for metrics, and this adds none."""
        self._chances = chances
        return []

    def __call__(self, now: Any) -> None:
        """LightGBM's own record of the round `now`."""
        loss, done = now.evaluation_result_list[0][2], now.iteration + 1
        if loss < self._least:
            self._least, self._best = loss, self._chances.copy()
        if self._every > 0 and done % self._every == 0 and done < now.end_iteration:
            self._watch(done, self._best)


def _settings(parameters: Mapping[str, Any], options: Options, rows: int) -> dict[str, Any]:
    own = {
        "objective": "binary",
        "metric": "binary_logloss",
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": options.seed,
        "num_threads": max(1, min(options.threads, rows // ROWS_PER_THREAD)),
    }
    return {**{k: v for k, v in parameters.items() if k not in OURS}, **own}


def _dataset(examples: Examples, parameters: Mapping[str, Any], reference: Any = None) -> Any:
    return lgb.Dataset(
        examples.encoded.matrix,
        examples.labels,
        weight=examples.weights,
        reference=reference,
        categorical_feature=sorted(examples.encoded.categories),
        params={"verbosity": -1, "max_bin": parameters["max_bin"], "min_data_in_leaf": parameters["min_data_in_leaf"]},
        free_raw_data=True,
    )


def portable(text: str) -> str:
    """The model without the record of how it was trained, which holds the number of threads."""
    start, end = "\nparameters:", "end of parameters\n"
    if start not in text:
        return text
    return text[: text.index(start) + 1] + text[text.index(end) + len(end) :]
