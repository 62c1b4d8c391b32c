"""Decimals stay decimals, with the precision and scale that Redshift documents."""

from __future__ import annotations

import pytest

from local_cloud.redshift.decimals import result_size
from tests.unit.local_cloud.redshift.conftest import Warehouse


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ((10, 2), (5, 1), (16, 7)),
        ((10, 0), (2, 1), (15, 4)),
        ((38, 2), (19, 0), (38, 4)),
        ((38, 10), (10, 2), (38, 8)),
        ((10, 2), (38, 2), (38, 28)),
    ],
)
def test_the_size_of_a_quotient(left: tuple[int, int], right: tuple[int, int], expected: tuple[int, int]) -> None:
    assert result_size(left, right) == expected


@pytest.fixture
def table(warehouse: Warehouse) -> Warehouse:
    warehouse.run(
        "CREATE TABLE t (a DECIMAL(10,2), b DECIMAL(5,1), i INTEGER, n BIGINT, d DOUBLE PRECISION)",
        "INSERT INTO t VALUES (10.25, 3.0, 2, 3, 1.5), (7.00, 2.0, 2, 3, 1.5)",
    )
    return warehouse


@pytest.mark.parametrize(
    ("expression", "size", "expected"),
    [
        ("a / b", (16, 7), "3.4166666"),
        ("-a / b", (16, 7), "-3.4166666"),
        ("i / a", (21, 9), "0.195121951"),
        ("n / b", (25, 5), "1.00000"),
        ("SUM(a) / COUNT(*)", (38, 4), "10.2500"),
        ("AVG(a)", (38, 2), "10.25"),
        ("AVG(a / b)", (38, 7), "3.4166666"),
        ("a / NULLIF(b, 3)", None, None),
    ],
)
def test_a_quotient_comes_as_text_of_a_numeric(
    table: Warehouse, expression: str, size: tuple[int, int] | None, expected: str | None
) -> None:
    group = " GROUP BY a" if "(" in expression and "NULLIF" not in expression else ""
    answer = table.result(f"SELECT {expression} AS q FROM t WHERE a > 8{group}")
    (column,), ((cell,),) = answer["ColumnMetadata"], answer["Records"]
    assert column["typeName"] == "numeric"
    assert cell == ({"isNull": True} if expected is None else {"stringValue": expected})
    assert size in (None, (column["precision"], column["scale"]))


def test_a_double_makes_the_quotient_a_double_and_whole_numbers_a_whole_one(table: Warehouse) -> None:
    assert table.columns("SELECT a / d AS x, i / d AS y, i / n AS z FROM t") == [
        ("x", "float8"),
        ("y", "float8"),
        ("z", "int8"),
    ]


def test_decimals_are_divided_exactly_wherever_a_division_stands(table: Warehouse) -> None:
    table.run(
        "CREATE VIEW v AS SELECT a / b AS q FROM t",
        "CREATE TABLE u AS SELECT a / b AS q FROM t WHERE a / b > 3.45",
        "UPDATE t SET a = a / 3.0",
    )
    assert table.rows("SELECT q FROM u") == [("3.5000000",)]
    assert table.rows("SELECT a FROM t ORDER BY a") == [("2.33",), ("3.42",)]
    query = (
        "WITH m AS (SELECT AVG(a) OVER (PARTITION BY i) AS mean FROM t) SELECT DISTINCT mean, mean / 2 AS half FROM m"
    )
    assert table.rows(query) == [("2.87", "1.4350")]


def test_a_quotient_by_zero_fails(table: Warehouse) -> None:
    assert table.error("SELECT a / (b - b) FROM t") == "ERROR: division by zero"
