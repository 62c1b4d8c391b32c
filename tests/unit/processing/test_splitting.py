from __future__ import annotations

import datetime as dt
from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from processing.splitting import fractions, split
from rightpack.settings import Split

EPOCH = dt.datetime(2026, 1, 1)  # noqa: DTZ001  # the contract is UTC without a zone


def table(ids: list[str], days: list[int] | None = None) -> pa.Table:
    moments = [EPOCH + dt.timedelta(days=d) for d in (days or [0] * len(ids))]
    return pa.table({"product_id": pa.array(ids, pa.string()), "observed_at": pa.array(moments, pa.timestamp("us"))})


ids = st.lists(st.text(max_size=8), min_size=1, max_size=40)


@given(ids, ids)
def test_adding_rows_never_moves_a_product(first: list[str], more: list[str]) -> None:
    rule = Split(validation_share=0.5)
    before = split(table(first), rule).validation
    after = split(table(first + more), rule).validation
    assert (before == after[: len(first)]).all()


@given(ids)
def test_no_product_is_on_both_sides_and_no_row_is_lost(some: list[str]) -> None:
    sides = split(table(some), Split(validation_share=0.5))
    assert (sides.train ^ sides.validation).all()
    train, validation = (
        {i for i, on in zip(some, side, strict=True) if on} for side in (sides.train, sides.validation)
    )
    assert not train & validation


def test_the_share_is_about_what_was_asked_for() -> None:
    held = split(table([f"p{i}" for i in range(20_000)]), Split(validation_share=0.25)).validation
    assert 0.24 < held.mean() < 0.26


def test_another_salt_draws_another_split() -> None:
    column = table([f"p{i}" for i in range(1000)])["product_id"]
    assert not np.allclose(fractions(column, "a"), fractions(column, "b"))


def test_the_hash_is_the_same_in_every_release() -> None:
    assert fractions(table(["p-000001", "p-000002"])["product_id"], "rightpack").round(12).tolist() == [
        0.281133287906,
        0.001030623071,
    ]


days = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 100)), min_size=1, max_size=60)


@given(days, st.integers(1, 10))
def test_by_time_the_newest_weeks_validate_and_nothing_older_of_their_products_trains(
    rows: list[tuple[str, int]], weeks: int
) -> None:
    names, ages = [r[0] for r in rows], [r[1] for r in rows]
    sides = split(table(names, ages), Split(holdout_weeks=weeks))
    newest = max(ages)
    held = {n for n, a in rows if a > newest - 7 * weeks}
    assert sides.validation.tolist() == [a > newest - 7 * weeks for a in ages]
    assert sides.train.tolist() == [n not in held for n in names]


def test_by_time_rows_on_neither_side_are_those_that_would_give_the_answer_away() -> None:
    sides = split(table(["old", "both", "both", "new"], [0, 1, 90, 91]), Split(holdout_weeks=2))
    kinds = Counter(zip(sides.train.tolist(), sides.validation.tolist(), strict=True))
    assert kinds == {(True, False): 1, (False, False): 1, (False, True): 2}
