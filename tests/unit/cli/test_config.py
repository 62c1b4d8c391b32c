from __future__ import annotations

import json
from pathlib import Path

import pytest

from rightpack.cli import config
from rightpack.cli.compare import differing
from rightpack.cli.config import Chosen
from rightpack.errors import SettingsError


def test_flags_win_over_files_and_files_over_the_stage(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[training]\nseed = 8\nthreads = 2\n")
    chosen = Chosen.of("dev", [file], ["training.seed=9"])
    assert (chosen.settings.training.seed, chosen.settings.training.threads) == (9, 2)
    rows = {row["key"]: row["from"] for row in config.rows(chosen)}
    assert rows["training.seed"] == "--set training.seed=9"
    assert rows["training.threads"] == str(file)
    assert rows["training.minimum_rows"] == "default"
    assert rows["split.salt"] == "base.toml"
    assert rows["package_types.carton.rank"] == "base.toml"


def test_a_misspelt_flag_is_told_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match=r"--set training\.sed=1: .*Did you mean 'seed'"):
        Chosen.of("dev", [], ["training.sed=1"])


def test_source_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    (tmp_path / "my.toml").write_text('[training]\narchitecture = "mine:Mine"\nsource = "mine.py"\n')
    chosen = Chosen.of("dev", [tmp_path / "my.toml"])
    assert chosen.settings.training.source == str(tmp_path / "mine.py")


def test_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('[training]\nsource = "gone.py"\n')
    with pytest.raises(SettingsError, match=r"there is no .*gone\.py"):
        Chosen.of("dev", [tmp_path / "my.toml"])


def test_show_writes_key_value_and_origin(tmp_path: Path) -> None:
    target = tmp_path / "facts.json"
    config.show(["training.seed", "split"], "dev", None, ["training.seed=9"], str(target))
    found = json.loads(target.read_text())
    assert {"key": "training.seed", "value": 9, "from": "--set training.seed=9"} in found
    assert {row["key"].partition(".")[0] for row in found} == {"training", "split"}


def test_show_of_nothing_is_an_error() -> None:
    with pytest.raises(SettingsError, match="'trainig'"):
        config.show(["trainig"], "dev", None, None, "")


def test_settings_that_differ_are_listed_with_both_values() -> None:
    one, two = Chosen.of("dev").settings, Chosen.of("dev", [], ["training.parameters.rounds=9"]).settings
    assert differing(one, two) == [
        {"key": "training.parameters", "first": "{}", "second": ""},
        {"key": "training.parameters.rounds", "first": "", "second": "9"},
    ]
