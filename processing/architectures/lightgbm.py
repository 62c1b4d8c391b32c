"""Gradient-boosted trees by LightGBM, set up so that the same examples give the same model text on any thread count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from processing.architectures import library
from processing.architectures.base import Examples, Options, Watch, checked_parameters
from processing.architectures.binning import Bins
from processing.architectures.resuming import COLUMN_SEED, Keeper, Place, Stand
from processing.features.encoder import Encoded
from processing.features.expressions import FloatArray
from processing.scoring.ensemble import Ensemble
from rightpack.errors import InternalError, SettingsError

lgb = library.lgb
FILE: Final = "model.txt"
ROWS_PER_THREAD: Final = 100_000  # below that, a second thread costs more than it brings

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
# in their place where there is much to learn from: as good as plain LightGBM in half its time (benchmarks/speed);
# small steps would bring .003 of PR-AUC more, for twice the time
MANY: Final = 200_000  # rows, those set aside included
FOR_MANY: Final[Mapping[str, Any]] = {
    "learning_rate": 0.25,
    "num_leaves": 63,  # the most that the scoring engine covers is 64
    "feature_fraction": 0.5,
    "cat_smooth": 50.0,
    "cat_l2": 50.0,
    "max_cat_threshold": 256,
}
OURS: Final = frozenset({"rounds", "rounds_without_tuning", "early_stopping_rounds", "report_rounds"})


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
        parameters = _parameters(learning, options)
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
        parameters = _parameters(examples, options)
        settings = _settings(parameters, options, examples.rows)
        patience, base = parameters["early_stopping_rounds"], "" if start is None else start.text
        place = Place.of(options, settings, rounds, patience, base, examples, *([] if tuning is None else [tuning]))
        stand = place.find() if place else None
        if stand is None or not stand.finished:
            if stand:
                settings[COLUMN_SEED] = stand.column_seed
            end = rounds + (0 if start is None else start.rounds)
            begun = stand or (None if start is None else Stand(start.rounds, start.text))
            stand = _Growth(examples, tuning, parameters, settings, end, begun, place).grow(options.watch)
            if place:
                place.keep(stand)
        return cls(stand.text, stand.rounds)

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


@dataclass(frozen=True, slots=True)
class _Growth:
    """What to boost with, up to which round, from which stand, and where to keep how far it has come."""

    examples: Examples
    tuning: Examples | None
    parameters: Mapping[str, Any]
    settings: dict[str, Any]
    end: int
    begun: Stand | None
    place: Place | None

    def grow(self, watch: Watch) -> Stand:
        """Boost; the finished model ends at its best round where rows were set aside to tell it."""
        begun, threads = self.begun, self.settings["num_threads"]
        dataset = partial(Bins.of(self.examples, self.parameters, threads).dataset, raw=begun is not None)
        trees = None if begun is None else lgb.Booster(model_str=begun.text)
        train, watcher, tuned = dataset(self.examples), None, dict[str, Any](callbacks=[])
        if self.tuning is not None:
            watcher = _Watcher(watch, self.parameters)
            watcher.go_on(begun, trees, self.tuning)
            tuned = {"callbacks": [watcher], "valid_sets": [dataset(self.tuning)], "feval": watcher.look}
        if self.place:
            judged = watcher.judged if watcher else lambda: (0, math.inf)
            tuned["callbacks"].append(Keeper(self.place, judged, self.parameters["feature_fraction"]))
        rounds = self.end - (begun.rounds if begun else 0)
        try:
            booster = lgb.train(self.settings, train, num_boost_round=rounds, init_model=trees, **tuned)
        except lgb.basic.LightGBMError as error:
            raise SettingsError(f"LightGBM refuses training.parameters: {error}") from error
        best = booster.best_iteration if watcher else self.end
        return Stand(best, portable(booster.model_to_string(num_iteration=best)), finished=True)


class _Watcher:
    """Callback that finds the round with the least loss on the tuning rows, and ends the training long after it.

    It tells, every so many rounds but the last, what the best model so far makes of the tuning rows.
    """

    order = 20

    def __init__(self, watch: Watch, parameters: Mapping[str, Any]) -> None:
        self._watch, self._every = watch, parameters["report_rounds"]
        self._patience: int = parameters["early_stopping_rounds"]
        if self._patience < 1:
            raise SettingsError("training.parameters.early_stopping_rounds must be at least 1.")
        self._chances = self._best = np.zeros(0)
        self._round, self._least = 0, math.inf

    def go_on(self, begun: Stand | None, trees: Any, tuning: Examples) -> None:
        """Know what a training that was interrupted after some rounds knew."""
        if begun and begun.best:
            self._round, self._least = begun.best, begun.least
            self._best = trees.predict(tuning.encoded.matrix, num_iteration=begun.best, num_threads=1)

    def judged(self) -> tuple[int, float]:
        """The best round so far and its loss."""
        return self._round, self._least

    def look(self, chances: FloatArray, _: Any) -> list[Any]:
        """See the round's chances; LightGBM asks for metrics, and this adds none."""
        self._chances = chances
        return []

    def __call__(self, now: Any) -> None:
        """LightGBM's own record of the round `now`."""
        loss, done = now.evaluation_result_list[0][2], now.iteration + 1
        if not self._round or loss < self._least:
            self._round, self._least, self._best = done, loss, self._chances.copy()
        if self._every > 0 and done % self._every == 0 and done < now.end_iteration:
            self._watch(done, self._best)
        if done - self._round >= self._patience or done == now.end_iteration:
            raise lgb.callback.EarlyStopException(self._round - 1, now.evaluation_result_list)


def _parameters(examples: Examples, options: Options) -> dict[str, Any]:
    """All of them; the rows set aside count, so that learning and learning again agree."""
    sized = FOR_MANY if examples.encoded.whole.rows >= MANY else {}
    return checked_parameters(options.parameters, {**DEFAULTS, **sized}, "lightgbm")


def _settings(parameters: Mapping[str, Any], options: Options, rows: int) -> dict[str, Any]:
    own = {
        "objective": "binary",
        "metric": "binary_logloss",
        "verbosity": -1,
        "deterministic": True,
        "force_col_wise": True,
        "seed": options.seed,
        "num_threads": max(1, min(options.threads, rows // ROWS_PER_THREAD)),
    }
    return {**{k: v for k, v in parameters.items() if k not in OURS}, **own}


def portable(text: str) -> str:
    """The model without the record of how it was trained, which holds the number of threads."""
    start, end = "\nparameters:", "end of parameters\n"
    if start not in text:
        return text
    return text[: text.index(start) + 1] + text[text.index(end) + len(end) :]
