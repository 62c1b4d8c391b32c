from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from processing.columns import Column, Kind, conform, feature_columns, inference_columns, pick, training_columns
from rightpack.errors import ContractError, SettingsError
from rightpack.settings import Features
from tests.unit.processing.world import settings


def cast(values: Any, kind: Kind, type_: pa.DataType | None = None) -> list[Any]:
    table = pa.table({"x": pa.array(values, type_)})
    return list(pick(table, Column("x", kind), "the drop").to_pylist())


@pytest.mark.parametrize(
    "values",
    [
        pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        pa.array([1.5, None], pa.float32()),
        pa.array([" 1.5 ", ""], pa.string()),
        pa.array(["1.5", None], pa.large_string()),
        pa.array(["1.5", None]).dictionary_encode(),
    ],
)
def test_a_number_is_the_same_whatever_type_it_came_in(values: pa.Array) -> None:
    assert pick(pa.table({"x": values}), Column("x", Kind.NUMBER), "d").to_pylist() == [1.5, None]


def test_a_number_column_with_a_word_in_it_is_refused_with_the_word() -> None:
    with pytest.raises(ContractError, match=r"Column 'x' of the drop is not a number everywhere.*abc"):
        cast(["1", "abc"], Kind.NUMBER)


def test_a_renamed_column_is_named_with_the_nearest_that_is_there() -> None:
    table = pa.table({"wieght_g": [1.0], "title": ["a"]})
    with pytest.raises(ContractError, match=r"no column 'weight_g' .*nearest that is there is 'wieght_g'"):
        conform(table, [Column("weight_g", Kind.NUMBER)], "file a.parquet")


def test_a_missing_column_that_resembles_none_lists_what_is_there() -> None:
    with pytest.raises(ContractError, match="others there: q"):
        conform(pa.table({"q": [1.0]}), [Column("weight_g", Kind.NUMBER)], "file a.parquet")


def test_an_optional_column_may_be_absent_and_unknown_ones_are_dropped() -> None:
    columns = [Column("a", Kind.TEXT), Column("b", Kind.TEXT, required=False)]
    assert conform(pa.table({"a": ["x"], "z": [1]}), columns, "d").column_names == ["a"]


def test_whole_categories_read_the_same_as_integers_floats_or_texts() -> None:
    assert (
        cast([3, None], Kind.CATEGORY) == cast([3.0, float("nan")], Kind.CATEGORY) == cast(["3", None], Kind.CATEGORY)
    )


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5], Kind.CATEGORY),
        ([1], Kind.TEXT),
        ([1.5], Kind.KEY),
        ([dt.date(2026, 1, 1)], Kind.NUMBER),
        ([[1.0]], Kind.NUMBER),
        ([0.5], Kind.LABEL),
    ],
)
def test_a_column_of_another_kind_is_refused(values: list[Any], kind: Kind) -> None:
    with pytest.raises(ContractError, match="Column 'x' of the drop"):
        cast(values, kind)


@pytest.mark.parametrize("values", [[0, 1, 2], [0, -1], [1.0, 3.0]])
def test_labels_are_0_or_1(values: list[Any]) -> None:
    with pytest.raises(ContractError, match="not 0 or 1"):
        cast(values, Kind.LABEL)


@pytest.mark.parametrize("values", [[1.0, -0.1], [float("nan")], [float("inf")]])
def test_weights_are_finite_and_not_negative(values: list[float]) -> None:
    with pytest.raises(ContractError, match="not a number of at least 0"):
        cast(values, Kind.WEIGHT)


@pytest.mark.parametrize("kind", [Kind.KEY, Kind.LABEL, Kind.WEIGHT, Kind.MOMENT])
def test_keys_labels_weights_and_moments_may_not_be_empty(kind: Kind) -> None:
    with pytest.raises(ContractError, match="is empty in 1 rows, first in row 1"):
        cast([None, None][:1] if kind is None else [_some(kind), None], kind)


def _some(kind: Kind) -> Any:
    return {Kind.KEY: "a", Kind.LABEL: 1, Kind.WEIGHT: 1.0, Kind.MOMENT: dt.datetime(2026, 1, 1)}[kind]  # noqa: DTZ001


def test_moments_read_the_same_in_any_unit_zone_or_as_text() -> None:
    plain = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  # the contract is UTC without a zone
    zoned = pa.array([plain.replace(tzinfo=dt.UTC)], pa.timestamp("ns", tz="UTC"))
    assert cast([plain], Kind.MOMENT, pa.timestamp("ns")) == [plain]
    assert pick(pa.table({"x": zoned}), Column("x", Kind.MOMENT), "d").to_pylist() == [plain]
    assert cast(["2026-01-02 03:04:05"], Kind.MOMENT) == [plain]


def test_whole_number_ids_become_texts() -> None:
    assert cast([17], Kind.KEY) == ["17"]


def test_a_doubled_column_is_refused() -> None:
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["x", "x"])
    with pytest.raises(ContractError, match="'x' twice"):
        pick(table, Column("x", Kind.NUMBER), "d")


@pytest.mark.parametrize("name", ["product_id", "suitable", "row_id", "a"])
def test_a_feature_may_not_take_the_name_of_another_column(name: str) -> None:
    with pytest.raises(SettingsError, match=f"'{name}'"):
        feature_columns(Features(numeric=("a", name)))


def test_the_contracts_hold_the_configured_features() -> None:
    features = settings().features
    assert {c.name for c in training_columns(features) if c.required} == {
        "product_id",
        "suitable",
        "weight",
        "observed_at",
        *features.raw,
    }
    assert [c.name for c in inference_columns(features)].count("price") == 1


def test_dimensions_are_optional_where_no_model_sees_them() -> None:
    columns = {c.name: c for c in inference_columns(Features(numeric=("n_photos",)))}
    assert columns["n_photos"].required
    assert not columns["length_cm"].required
    assert columns["is_liquid"].kind is Kind.NUMBER
