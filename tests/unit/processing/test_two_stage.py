from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from processing.architectures.base import Examples, Options, resolve
from processing.architectures.two_stage import TwoStage, _balanced
from rightpack.errors import SettingsError
from tests.unit.processing.test_architectures import auc, examples, files


def options(threads: int = 1, **parameters: Any) -> Options:
    return Options({"rounds": 30, "balanced_rounds": 10, **parameters}, 7, threads)


def rare(rows: int = 1500) -> Examples:
    """Labels of which about a tenth is 0."""
    found = examples(rows)
    chosen = np.flatnonzero((found.labels == 1) | (np.arange(rows) % 9 == 0))
    return found.take(chosen)


def test_it_is_built_in() -> None:
    assert resolve("two-stage") is TwoStage


def test_it_learns_what_there_is_to_learn_from_few_of_one_kind() -> None:
    model = TwoStage.fit(rare(), examples(200, 1), options())
    unseen = examples(500, 2)
    assert auc(unseen.labels, model.predict(unseen.encoded)) > 0.83


def test_the_first_stage_is_balanced_and_drawn_by_the_seed() -> None:
    found = _balanced(rare(), 2.0, seed=1)
    unsuitable = int((found.labels == 0).sum())
    assert found.rows == 3 * unsuitable
    assert unsuitable == int((rare().labels == 0).sum())
    assert np.array_equal(found.encoded.matrix, _balanced(rare(), 2.0, seed=1).encoded.matrix, equal_nan=True)


def test_the_second_stage_goes_on_from_the_first() -> None:
    model = TwoStage.fit(rare(), None, options(rounds_without_tuning=5))
    assert model.whole.rounds == 15
    assert model.whole.text.count("\nTree=") == 15


def test_after_refitting_both_stages_are_as_long_as_they_were_chosen() -> None:
    first = TwoStage.fit(rare(), examples(300, 1), options())
    again = first.refit(rare(), options())
    assert (again.whole.rounds, again.first_rounds) == (first.whole.rounds, first.first_rounds)


def test_what_is_loaded_scores_as_what_was_saved(tmp_path: Path) -> None:
    model = TwoStage.fit(rare(), examples(200, 1), options())
    files(model, tmp_path / "one")
    loaded = TwoStage.load(tmp_path / "one")
    encoded = examples(50, 3).encoded
    assert np.array_equal(loaded.predict(encoded), model.predict(encoded))


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    texts = [TwoStage.fit(rare(), None, options(threads)).whole.text for threads in (1, 2)]
    assert texts[0] == texts[1]


def test_contributions_add_up_to_the_raw_score() -> None:
    model = TwoStage.fit(rare(), examples(200, 1), options())
    encoded = examples(50, 3).encoded
    chance = model.predict(encoded)
    assert np.allclose(model.explain(encoded).sum(axis=1), np.log(chance / (1 - chance)), atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"balence": 1.0}, "Did you mean 'balance'"),
        ({"balance": 0.0}, "above 0"),
        ({"balanced_rounds": 0}, "at least 1"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        TwoStage.fit(rare(), None, options(**parameters))


def test_only_the_second_stage_tells_of_its_progress_counting_all_rounds() -> None:
    told: list[int] = []
    watched = Options({**options().parameters, "report_rounds": 5}, 7, 1, lambda rounds, _: told.append(rounds))
    model = TwoStage.fit(rare(), examples(200, 1), watched)
    assert told
    assert min(told) > model.first_rounds
    assert told == sorted(set(told))
