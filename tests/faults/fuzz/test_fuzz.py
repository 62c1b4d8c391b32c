"""Five hundred examples at the doors, the same ones every time; `make fuzz` throws ten thousand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import strategies as st

from rightpack.errors import DataError, InternalError
from tests.faults.fuzz.__main__ import main, report
from tests.faults.fuzz.bounds import EndlessError, bounded
from tests.faults.fuzz.doors import DOORS, TAKEN, Door, shape
from tests.faults.fuzz.throwing import SHARES, Thrown, throw

EXAMPLES = 500


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_whatever_comes_is_taken_or_refused_in_words(door: Door) -> None:
    thrown = throw(door, round(SHARES[door.name] * EXAMPLES), 7)
    assert thrown.broken == ""
    assert thrown.examples == round(SHARES[door.name] * EXAMPLES)
    assert len(thrown.outcomes) > 3, "the examples are all alike"


def test_the_shares_of_the_doors_are_a_whole() -> None:
    assert set(SHARES) == {door.name for door in DOORS}
    assert sum(SHARES.values()) == pytest.approx(1.0)


def leading_to(error: type[Exception]) -> Door:
    def enter(given: Any) -> NoReturn:
        raise error(f"it is {given}")

    return Door("broken", st.integers(0), enter)


@pytest.mark.parametrize("error", [ValueError, KeyError, InternalError])
def test_a_traceback_and_a_refusal_that_takes_the_blame_are_holes(error: type[Exception]) -> None:
    assert throw(leading_to(error), 20, 1).broken


def test_a_door_that_never_comes_to_an_end_is_a_hole() -> None:
    def forever(_: Any) -> None:
        while True:
            len([])

    assert "EndlessError" in throw(Door("endless", st.integers(), forever), 5, 1).broken
    with pytest.raises(EndlessError):
        bounded(lambda: [abs(i) for i in range(100)], most=50)


def test_refusals_are_counted_by_their_words_without_the_values() -> None:
    assert shape("Key 'a' is 3, not \"b\" in s3://x/y z") == "Key … is …, not … in … z"
    thrown = throw(leading_to(DataError), 20, 1)
    assert (set(thrown.outcomes), thrown.examples) == ({"DataError: it is …"}, 20)


def test_the_report_fails_where_there_is_a_hole() -> None:
    good, bad = Thrown("a", {TAKEN: 2, "DataError: x": 3}), Thrown("b", {}, "ValueError: y")
    assert report([good], 1) | {"doors": 0} == {
        "seed": 1, "examples": 5, "taken": 2, "refused": 3, "doors": 0, "holes": {}, "verdict": "pass",
    }  # fmt: skip
    assert report([good, bad], 1)["verdict"] == "fail"
    assert report([good, bad], 1)["holes"] == {"b": "ValueError: y"}


def test_the_command_writes_its_report_and_ends_with_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [replace(door, inputs=st.just(b"")) for door in DOORS[:2]]
    monkeypatch.setattr("tests.faults.fuzz.__main__.DOORS", few)
    path = tmp_path / "out" / "fuzz.json"
    assert main(["--examples", "10", "--json", str(path)]) == 0
    assert json.loads(path.read_text())["verdict"] == "pass"
    monkeypatch.setattr("tests.faults.fuzz.__main__.DOORS", [replace(few[0], enter=leading_to(ValueError).enter)])
    assert main(["--examples", "10", "--json", str(path)]) == 1
    assert json.loads(path.read_text())["verdict"] == "fail"
