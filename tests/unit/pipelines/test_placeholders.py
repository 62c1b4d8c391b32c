from __future__ import annotations

import itertools

import pytest

from pipelines.placeholders import STAND_INS, Placeholder, to_placeholders, to_stand_ins, unknown_placeholders


def test_every_placeholder_has_a_stand_in() -> None:
    assert set(STAND_INS) == set(Placeholder)


def test_no_stand_in_contains_another_so_the_order_of_replacement_does_not_matter() -> None:
    for one, other in itertools.permutations(STAND_INS.values(), 2):
        assert one not in other


@pytest.mark.parametrize("placeholder", list(Placeholder))
def test_a_stand_in_becomes_its_placeholder_and_back(placeholder: Placeholder) -> None:
    text = f"s3://{placeholder.stand_in}/runs"
    assert to_placeholders(text) == f"s3://{placeholder.text}/runs"
    assert to_stand_ins(to_placeholders(text)) == text


def test_pseudo_parameters_are_written_as_cloudformation_wants_them() -> None:
    assert Placeholder.REGION.text == "${AWS::Region}"


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("s3://${ArtefactBucket}/${Stage}", []),
        ("${Bucket}", ["Bucket"]),
        ("${!Stage}", ["!Stage"]),
        ("${Stage", ["Stage"]),
        ("$ {Stage} $Stage", []),
    ],
)
def test_what_nobody_fills_in_is_named(text: str, unknown: list[str]) -> None:
    assert unknown_placeholders(text) == unknown
