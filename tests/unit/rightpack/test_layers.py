from __future__ import annotations

from pathlib import Path

import pytest

from rightpack.errors import SettingsError
from rightpack.settings import Layer, Settings, assignment, combined, merge, overlay, read_toml, stage_layers


def test_later_layers_win_and_every_value_knows_its_layer() -> None:
    laid = overlay([Layer("one", {"a": {"b": 1, "c": 2}}), Layer("two", {"a": {"b": 3}})])
    assert laid.values == {"a": {"b": 3, "c": 2}}
    assert (laid.origin("a.b"), laid.origin("a.c"), laid.origin("a"), laid.origin("z")) == (
        "two",
        "one",
        "one, two",
        "default",
    )


def test_a_list_is_one_value_and_comes_from_one_layer() -> None:
    laid = overlay([Layer("one", {"a": [1, 2]}), Layer("two", {"a": [3]})])
    assert laid.values == {"a": [3]}
    assert laid.origin("a[0]") == "two"


def test_what_is_removed_is_gone_with_its_origin() -> None:
    laid = overlay([Layer("one", {"a": {"b": 1, "c": 2}}), Layer("two", {"a": {"b": "!remove"}})])
    assert laid.values == {"a": {"c": 2}}
    assert laid.origins == {("a", "c"): "one"}


def test_a_table_in_place_of_a_value_and_the_other_way_round() -> None:
    layers = [Layer("one", {"a": 1, "b": {"c": 2}}), Layer("two", {"a": {"x": 3}, "b": 4})]
    laid = overlay(layers)
    assert laid.values == {"a": {"x": 3}, "b": 4}
    assert laid.origins == {("a", "x"): "two", ("b",): "two"}


@pytest.mark.parametrize(
    "layers",
    [
        [{"a": {"b": 1}}, {"a": {"c": 2}}],
        [{"a": {"b": "!remove"}}, {"a": {"c": 2}}],
        [{"a": {"b": 5}}, {"a": {"b": "!remove"}}],
        [{"a": "!remove"}, {"d": 1}],
    ],
)
def test_combined_layers_do_to_any_base_what_they_do_in_order(layers: list[dict[str, object]]) -> None:
    base = {"a": {"b": 0, "x": 9}, "d": 0}
    named = [Layer(str(index), layer) for index, layer in enumerate(layers)]
    together = merge(base, combined(named))
    one_by_one = overlay([Layer("base", base), *named]).values
    assert together == one_by_one


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("training.seed=8", {"training": {"seed": 8}}),
        ("training.architecture=logistic", {"training": {"architecture": "logistic"}}),
        ("split.salt='a b'", {"split": {"salt": "a b"}}),
        ("split.salt = plain words", {"split": {"salt": "plain words"}}),
        ("a.b=[1, 2]", {"a": {"b": [1, 2]}}),
        ("a.b={c = true}", {"a": {"b": {"c": True}}}),
        ('a."b.c"=0.5', {"a": {"b.c": 0.5}}),
        ("training.source=s3://bucket/key", {"training": {"source": "s3://bucket/key"}}),
        ("a.b=", {"a": {"b": ""}}),
    ],
)
def test_an_assignment_takes_values_as_in_toml_and_plain_words(text: str, values: dict[str, object]) -> None:
    layer = assignment(text)
    assert layer.values == values
    assert layer.source == f"--set {text}"


@pytest.mark.parametrize("text", ["training.seed", "=8", "a..b=1", "a b=1", "a.b=[1,", "a.b='x"])
def test_an_assignment_that_cannot_be_read_is_shown(text: str) -> None:
    with pytest.raises(SettingsError, match="--set"):
        assignment(text)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"training": {"sed": 1}}, r"my\.toml: Unknown key 'training\.sed'\. Did you mean 'seed'"),
        ({"training": {"seed": "x"}}, r"my\.toml: training\.seed must be int"),
        (
            {"package_types": {"carton": {"max_weigth_g": 1.0}}},
            r"my\.toml: Unknown key 'package_types\.carton\.max_weigth_g'\. Did you mean 'max_weight_g'",
        ),
        ({"drift": {"against": "nothing"}}, r"my\.toml: drift\.against is 'nothing'"),
    ],
)
def test_an_error_begins_with_the_file_that_it_is_in(values: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.load("dev", [Layer("my.toml", values)])


def test_an_error_in_a_triggers_overrides_says_so() -> None:
    with pytest.raises(SettingsError, match="the trigger's settings: Unknown key 'slpit'"):
        Settings.load("dev", [{"slpit": {}}])


def test_a_stage_has_its_own_file_over_the_base(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("a = 1\nb = 1")
    (tmp_path / "dev.toml").write_text("b = 2")
    laid = stage_layers("dev", [Layer("flag", {"c": 3})], tmp_path)
    assert laid.values == {"a": 1, "b": 2, "c": 3, "stage": "dev"}
    assert [laid.origin(key) for key in "abc"] == ["base.toml", "dev.toml", "flag"]


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"my\.toml"):
        read_toml(tmp_path / "my.toml")
