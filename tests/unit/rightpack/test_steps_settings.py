"""The section `steps`: what is refused, and what makes a pipeline of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rightpack.cli import own_steps
from rightpack.errors import SettingsError
from rightpack.settings import Settings, Steps, build

EXTRA = {"script": "clean.py", "outputs": ["train"]}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"training": "spott"}, "known are single, tuning, distributed, spot"),
        ({"training": "tuning"}, "says nothing to search"),
        ({"tuning": {"strategy": "Bayes"}}, "known are Grid, Random, Bayesian, Hyperband"),
        ({"tuning": {"strategy": "Grid", "ranges": {"rounds": {"low": 1, "high": 2}}}}, "A grid tries values"),
        ({"tuning": {"ranges": {"rounds": {"low": 2, "high": 2}}}}, "either low < high, or values"),
        (
            {"training": "tuning", "tuning": {"ranges": {"r": {"values": ["1"]}}}, "container": {"entrypoint": ["x"]}},
            "takes no entrypoint or script of steps.container",
        ),
        ({"machines": {"Trian": {}}}, "steps.machines names 'Trian'"),
        ({"machines": {"Train": {"instances": 0}}}, "at least 1"),
        ({"without": ["Prepare"]}, "possible are Evaluate"),
        ({"extra": {"clean": EXTRA}}, "a name like CleanTitles"),
        ({"extra": {"Train": EXTRA}}, "not taken"),
        ({"extra": {"Clean": {"outputs": ["x"]}}}, "either a script or an entrypoint"),
        ({"extra": {"Clean": {**EXTRA, "outputs": ["x"], "feeds_training": True}}}, "must have the output 'train'"),
        ({"extra": {"Clean": {**EXTRA, "outputs": ["My Rows"]}}}, "no name of an input or output"),
        ({"extra": {"Clean": {**EXTRA, "scripts": "x"}}}, "Did you mean 'script'"),
    ],
)
def test_what_cannot_be_a_pipeline_is_refused_in_words(raw: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        build(Steps, raw, "steps")


def test_equal_steps_share_a_pipeline_and_others_have_their_own() -> None:
    spot, same, longer = (build(Steps, raw) for raw in (S, dict(S), {**S, "wait_for_spot_seconds": 60}))
    assert spot.shape == same.shape != longer.shape
    assert "" not in (spot.shape, longer.shape)


S = {"training": "spot"}


def test_the_settings_that_are_shipped_keep_the_published_shape() -> None:
    assert Settings.load("dev").steps.shape == ""


def test_settings_survive_being_written_and_read() -> None:
    settings = Settings.load("dev", [{"steps": {"extra": {"Clean": EXTRA}, "machines": {"Clean": {"instances": 2}}}}])
    assert Settings.from_json(settings.to_json()) == settings


def test_a_script_is_found_beside_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "clean.py").write_text("")
    values = own_steps.anchored({"steps": {"extra": {"Clean": dict(EXTRA)}}}, tmp_path)
    assert values["steps"]["extra"]["Clean"]["script"] == str(tmp_path / "clean.py")
    with pytest.raises(SettingsError, match="there is no file"):
        own_steps.anchored({"steps": {"extra": {"Clean": {"script": "gone.py"}}}}, tmp_path)
