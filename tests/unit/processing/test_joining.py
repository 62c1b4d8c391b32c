from __future__ import annotations

import pyarrow as pa
import pytest

from processing.joining import aligned
from rightpack.errors import ManifestError

IDS = pa.chunked_array([["a", "b", "c"]])


def scores(ids: list[str], values: list[float] | None = None) -> pa.Table:
    return pa.table({"row_id": ids, "carton": pa.array(values or [0.1 * (ord(i) - 96) for i in ids], pa.float64())})


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
def test_scores_follow_the_rows_whatever_order_they_came_in(order: str) -> None:
    found = aligned(scores(list(order)), IDS, ["carton"])
    assert found["carton"].to_pylist() == pytest.approx([0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("ab", "Row 'c' is not scored: 3 rows were sent and 2 scores came back"),
        ("abcd", "Row 'd' was never sent"),
        ("abbc", "Row 'b' is scored twice"),
        ("abd", "Row 'c' is not scored"),
        ("", "Row 'a' is not scored"),
    ],
)
def test_every_row_must_be_scored_exactly_once(ids: str, message: str) -> None:
    table = scores(list(ids)) if ids else scores(["a"]).slice(0, 0)
    with pytest.raises(ManifestError, match=message):
        aligned(table, IDS, ["carton"])


def test_a_missing_package_type_is_named() -> None:
    with pytest.raises(ManifestError, match="no column 'none'; they have row_id, carton"):
        aligned(scores(["a", "b", "c"]), IDS, ["carton", "none"])


@pytest.mark.parametrize("wrong", [float("nan"), -0.1, 1.1, None])
def test_scores_that_are_no_probabilities_are_refused(wrong: float | None) -> None:
    table = pa.table({"row_id": ["a", "b", "c"], "carton": pa.array([0.5, wrong, 0.5], pa.float64())})
    with pytest.raises(ManifestError, match="'carton' are not all numbers from 0 to 1"):
        aligned(table, IDS, ["carton"])
