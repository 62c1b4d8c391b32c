from __future__ import annotations

from pathlib import Path

import pytest

from rightpack.errors import SettingsError
from rightpack.settings import Settings, merge

BASE = Settings.load("dev")


def test_resolved_settings_survive_their_json() -> None:
    assert Settings.from_json(BASE.to_json()) == BASE


def test_the_same_settings_have_the_same_digest() -> None:
    assert Settings.load("dev").digest == BASE.digest
    assert Settings.load("dev", [{"split": {"salt": "x"}}]).digest != BASE.digest


def test_later_layers_win_key_by_key() -> None:
    changed = Settings.load("dev", [{"split": {"salt": "a"}}, {"split": {"validation_share": 0.5}}])
    assert (changed.split.salt, changed.split.validation_share) == ("a", 0.5)
    assert changed.training == BASE.training


def test_a_package_type_can_be_added_changed_and_removed() -> None:
    layer = {"package_types": {"tube": {"rank": 9}, "carton": {"trained": False}, "none": "!remove"}}
    changed = Settings.load("dev", [layer])
    names = [t.name for t in changed.package_types]
    assert "tube" in names
    assert "none" not in names
    assert not changed.package_type("carton").trained
    assert changed.package_type("carton").rank == BASE.package_type("carton").rank


def test_package_types_come_in_order_of_protection() -> None:
    ranks = [t.rank for t in BASE.package_types]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"slpit": {}}, "'slpit'. Did you mean 'split'"),
        ({"split": {"validation_shar": 0.1}}, "'split.validation_shar'. Did you mean 'validation_share'"),
        ({"split": {"validation_share": "much"}}, "split.validation_share must be float"),
        ({"split": 3}, "split must be a table"),
        ({"features": {"numeric": "weight_g"}}, "features.numeric must be a list"),
        ({"features": {"derived": ["x"]}}, "features.derived must be a table"),
        ({"training": {"seed": True}}, "training.seed must be int"),
        ({"package_types": {"tube": {}}}, "rank"),
        ({"package_types": {"tube": {"rank": 0}}}, "share a protection rank"),
        ({"package_types": {"Big Tube": {"rank": 9}}}, "not a usable name"),
        ({"package_types": {"every-type": {"rank": 9}}}, "cannot be called 'every-type'"),
        ({"damage_model": {"criteria": [{"metric": "deviance"}]}}, "'deviance' sets no bound"),
        ({"version": 2}, "version 2"),
        ({"gate": {"criteria": [{"metrik": "roc_auc"}]}}, r"gate.criteria\[0\].metrik"),
    ],
)
def test_a_wrong_key_or_value_is_named(layer: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.load("dev", [layer])


def test_an_unknown_package_type_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="Did you mean 'padded-mailer'"):
        BASE.package_type("padded-maler")


def test_broken_toml_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("version = ")
    with pytest.raises(SettingsError, match=r"base\.toml"):
        Settings.load("dev", folder=tmp_path)


def test_merging_leaves_its_arguments_alone() -> None:
    base = {"a": {"b": 1}}
    assert merge(base, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert base == {"a": {"b": 1}}


def test_targets_are_the_trained_types_and_the_joint_model() -> None:
    assert BASE.targets == (*(t.name for t in BASE.trained_types), "every-type")
    assert Settings.load("dev", [{"damage_model": {"enabled": False}}]).targets == BASE.targets[:-1]


def test_each_target_has_criteria_of_its_own() -> None:
    assert BASE.gate_of("carton") == BASE.gate
    joint = BASE.gate_of("every-type")
    assert joint.criteria == BASE.damage_model.criteria
    assert joint.slicing == BASE.gate.slicing
    assert "cost_saving" in {criterion.metric for criterion in joint.criteria}


@pytest.mark.parametrize(
    ("name", "layer", "words"),
    [
        ("every-type", {"damage_model": {"enabled": False}}, "damage_model.enabled = true"),
        ("cushioned-carton", {}, "is not trained"),
        ("every-tipe", {}, "No package type 'every-tipe'"),
    ],
)
def test_what_is_not_trained_is_no_target(name: str, layer: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.load("dev", [layer]).target(name)
