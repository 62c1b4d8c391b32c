"""What would be silently different on DuckDB has Redshift's meaning."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.local_cloud.redshift.conftest import Warehouse


def check(warehouse: Warehouse, cases: dict[str, Any]) -> None:
    query = "SELECT " + ", ".join(f"{expression} AS c{at}" for at, expression in enumerate(cases))
    (row,) = warehouse.rows(query)
    assert dict(zip(cases, row, strict=True)) == cases


def test_arithmetic_is_that_of_redshift(warehouse: Warehouse) -> None:
    check(
        warehouse,
        {
            "7 / 2": 3,
            "-7 / 2": -3,
            "7 / 2.0": "3.5000",
            "7::FLOAT / 2": 3.5,
            "7 % 4": 3,
            "CAST(1.555 AS DECIMAL)": "2",
            "CAST('1.555' AS NUMERIC(10,2))": "1.56",
            "ROUND(2.345, 2)": "2.35",
            "TRUNC(2.789, 1)": "2.7",
            "CEIL(2.1) + FLOOR(2.9)": "5",
        },
    )


@pytest.mark.parametrize("expression", ["1 / 0", "1 % 0", "1.5 / (1 - 1)", "1e0 / 0", "MOD(1, 0)"])
def test_division_by_zero_fails(warehouse: Warehouse, expression: str) -> None:
    assert warehouse.error(f"SELECT {expression}") == "ERROR: division by zero"


def test_division_by_zero_fails_for_columns_but_not_in_a_branch_that_is_not_taken(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (0), (2)")
    assert warehouse.error("SELECT 4 / x FROM t") == "ERROR: division by zero"
    assert warehouse.rows("SELECT CASE WHEN x <> 0 THEN 4 / x END FROM t ORDER BY x") == [(None,), (2,)]


def test_averages_of_whole_numbers_are_whole(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (g INTEGER, x SMALLINT, y FLOAT)", "INSERT INTO t VALUES (1,0,0),(1,1,1),(2,1,1)")
    assert warehouse.rows("SELECT AVG(x), AVG(y), AVG(DISTINCT x), SUM(x) FROM t WHERE g = 1") == [(0, 0.5, 0, 1)]
    assert warehouse.rows("SELECT AVG(y) OVER (PARTITION BY g) FROM t ORDER BY 1") == [(0.5,), (0.5,), (1.0,)]
    assert warehouse.rows("SELECT AVG(x) FROM t WHERE g = 9") == [(None,)]


def test_texts_are_those_of_redshift(warehouse: Warehouse) -> None:
    check(
        warehouse,
        {
            "CONCAT('a', NULL)": None,
            "CONCAT('a', 'b')": "ab",
            "'abcdef'::VARCHAR(3)": "abc",
            "'aé'::VARCHAR(2)": "a",
            "CAST('abc' AS CHAR)": "a",
            "'abc'::VARCHAR(MAX)": "abc",
            "LEN('aé')": 2,
            "'a' || CHR(66)": "aB",
            "OCTET_LENGTH('aé')": 3,
            "REGEXP_REPLACE('a-b-c', '-', '_')": "a_b_c",
            "'abc' SIMILAR TO 'a%(c|d)'": True,
            "'a.c' SIMILAR TO 'a.c'": True,
            "'abc' SIMILAR TO 'a.c'": False,
            r"'a_b' LIKE 'a\\_b'": True,
            r"'axb' LIKE 'a\\_b'": False,
            "'axb' LIKE 'a_b'": True,
            "'a|b' LIKE 'a||b' ESCAPE '|'": True,
            "STRPOS('abc', 'c')": 3,
            "SPLIT_PART('a-b', '-', 2)": "b",
            "REPLICATE('ab', 2)": "abab",
            "DECODE(NULL, NULL, 'x', 'y')": "x",
            "NVL2(NULL, 1, 2)": 2,
            "ISNULL(NULL, 5)": 5,
            "GREATEST(1, NULL, 3)": 3,
        },
    )


def test_dates_are_those_of_redshift(warehouse: Warehouse) -> None:
    check(
        warehouse,
        {
            "GETDATE() > '2020-01-01'": True,
            "TRUNC(SYSDATE) = CURRENT_DATE": True,
            "ADD_MONTHS('2024-02-29', 12)": "2025-02-28 00:00:00",
            "ADD_MONTHS('2024-02-29', 1)": "2024-03-31 00:00:00",
            "DATEADD(month, 1, '2024-01-31')": "2024-02-29 00:00:00",
            "DATEADD(day, -7, CAST('2024-01-08' AS DATE))": "2024-01-01 00:00:00",
            "DATEDIFF(day, '2024-01-31', '2024-02-01 23:00:00')": 1,
            "DATE_TRUNC('month', CAST('2024-01-15' AS DATE))": "2024-01-01 00:00:00",
            "EXTRACT(dow FROM CAST('2024-01-07' AS DATE))": 0,
            "TO_CHAR(CAST('2024-01-02 03:04:05' AS TIMESTAMP), 'YYYY-MM-DD HH24:MI:SS')": "2024-01-02 03:04:05",
            "TO_DATE('20240131', 'YYYYMMDD')": "2024-01-31",
            "LAST_DAY(CAST('2024-02-01' AS DATE))": "2024-02-29",
            "CAST('2024-02-01' AS DATE) - CAST('2024-01-01' AS DATE)": 31,
            "CAST('2024-01-01 10:00:00.5' AS TIMESTAMP)": "2024-01-01 10:00:00.5",
        },
    )


def test_getdate_has_no_time_zone(warehouse: Warehouse) -> None:
    assert warehouse.columns("SELECT GETDATE()") == [("getdate", "timestamp")]


def test_columns_are_named_as_on_redshift(warehouse: Warehouse) -> None:
    warehouse.run('CREATE TABLE t ("Id" BIGINT, name VARCHAR(5))')
    query = """SELECT ID, COUNT(*), COUNT(*) AS "N", 1 + 1, CAST(1 AS INTEGER), ID::INTEGER, NVL(name, ''),
               CASE WHEN ID > 1 THEN 1 END, ROW_NUMBER() OVER (ORDER BY ID), 'x' FROM t GROUP BY ID, name"""
    names = [name for name, _ in warehouse.columns(query)]
    assert names == ["id", "count", "n", "?column?", "int4", "id", "coalesce", "case", "row_number", "?column?"]


def test_listagg_has_no_separator_by_default(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x VARCHAR(3))", "INSERT INTO t VALUES ('b'), ('a'), ('a')")
    assert warehouse.rows("SELECT LISTAGG(x) WITHIN GROUP (ORDER BY x) FROM t") == [("aab",)]
    assert warehouse.rows("SELECT LISTAGG(x, CHR(10)) WITHIN GROUP (ORDER BY x) FROM t") == [("a\na\nb",)]
    assert "separator" in warehouse.error("SELECT LISTAGG(x, x || ',') WITHIN GROUP (ORDER BY x) FROM t")
    assert warehouse.rows("SELECT LISTAGG(DISTINCT x, '|') WITHIN GROUP (ORDER BY x) FROM t") == [("a|b",)]


def test_nulls_come_last_ascending_and_first_descending(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (1), (NULL), (2)")
    assert warehouse.rows("SELECT x FROM t ORDER BY x") == [(1,), (2,), (None,)]
    assert warehouse.rows("SELECT x FROM t ORDER BY x DESC") == [(None,), (2,), (1,)]
    ranks = warehouse.rows("SELECT x, RANK() OVER (ORDER BY x DESC) r FROM t ORDER BY r")
    assert ranks == [(None, 1), (2, 2), (1, 3)]


def test_identifiers_are_folded_to_lower_case_even_in_quotes(warehouse: Warehouse) -> None:
    warehouse.run('CREATE TABLE "MixedCase" ("Value" INTEGER)', "INSERT INTO mixedcase (VALUE) VALUES (3)")
    assert warehouse.rows('SELECT "VALUE" FROM MIXEDCASE') == [(3,)]


def test_ratio_to_report_is_a_share(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (1), (3)")
    assert warehouse.rows("SELECT RATIO_TO_REPORT(x) OVER () r FROM t ORDER BY r") == [(0.25,), (0.75,)]


def test_common_table_expressions_top_minus_and_qualify_run(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (1), (2), (3)")
    assert warehouse.rows("WITH a AS (SELECT x FROM t WHERE x > 1) SELECT TOP 1 x FROM a ORDER BY x") == [(2,)]
    assert warehouse.rows("SELECT x FROM t MINUS SELECT 2 ORDER BY 1") == [(1,), (3,)]
    assert warehouse.rows("SELECT x FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY x DESC) = 1") == [(3,)]


def test_the_session_knows_who_and_where_it_is(warehouse: Warehouse) -> None:
    assert warehouse.rows("SELECT current_database(), current_schema()") == [("rightpack", "public")]
    assert warehouse.value("current_user") == "IAM:root"
    assert "Redshift" in warehouse.value("version()")
    assert warehouse.value("pg_last_query_id()") > 0
    assert warehouse.rows("SELECT 1 FROM rightpack.information_schema.tables") == []


def test_a_guard_fails_with_its_label(warehouse: Warehouse) -> None:
    guard = "SELECT CAST(CASE WHEN 1 = 2 THEN '1' ELSE 'row_count_mismatch' END AS INTEGER)"
    assert warehouse.error(guard) == 'ERROR: invalid input syntax for integer: "row_count_mismatch"'
