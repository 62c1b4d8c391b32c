from __future__ import annotations

import pytest

from tests.unit.local_cloud.redshift.conftest import Warehouse

MERGE = (
    "MERGE INTO packaging.t USING s ON packaging.t.id = s.id "
    "WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)"
)


@pytest.fixture
def tables(warehouse: Warehouse) -> Warehouse:
    warehouse.run(
        "CREATE SCHEMA packaging",
        "CREATE TABLE packaging.t (id BIGINT, v VARCHAR(5))",
        "INSERT INTO packaging.t VALUES (1, 'old'), (2, 'old')",
        "CREATE TABLE s (id BIGINT, v VARCHAR(9))",
        "INSERT INTO s VALUES (2, 'new'), (3, 'new')",
    )
    return warehouse


def rows(warehouse: Warehouse) -> list[tuple[int, str]]:
    return warehouse.rows("SELECT id, v FROM packaging.t ORDER BY id, v")


def test_matched_rows_are_updated_and_others_inserted(tables: Warehouse) -> None:
    assert tables.run(MERGE)["ResultRows"] == 2
    assert rows(tables) == [(1, "old"), (2, "new"), (3, "new")]


def test_an_aliased_source_and_insert_without_columns_work(tables: Warehouse) -> None:
    tables.run(
        "MERGE INTO packaging.t USING s AS src ON (packaging.t.id = src.id) "
        "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (src.id, src.v)"
    )
    assert rows(tables) == [(1, "old"), (3, "new")]


def test_several_source_rows_for_one_target_row_fail(tables: Warehouse) -> None:
    tables.run("INSERT INTO s VALUES (2, 'newer')")
    assert tables.error(MERGE) == "ERROR: Found multiple matches to update the same tuple."
    assert rows(tables) == [(1, "old"), (2, "old")]


def test_several_new_source_rows_with_one_key_are_all_inserted(tables: Warehouse) -> None:
    tables.run("INSERT INTO s VALUES (3, 'newer')", MERGE)
    assert rows(tables) == [(1, "old"), (2, "new"), (3, "new"), (3, "newer")]


def test_null_keys_never_match(tables: Warehouse) -> None:
    tables.run("INSERT INTO packaging.t VALUES (NULL, 'old')", "INSERT INTO s VALUES (NULL, 'null')", MERGE)
    assert tables.rows("SELECT COUNT(*) FROM packaging.t WHERE id IS NULL") == [(2,)]


def test_values_that_do_not_fit_fail(tables: Warehouse) -> None:
    tables.run("UPDATE s SET v = 'too long'")
    assert "too long" in tables.error(MERGE)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (MERGE.replace("INTO packaging.t ", "INTO packaging.t AS a "), "can't have an alias"),
        (MERGE.replace("USING s ", "USING (SELECT * FROM s) AS s "), "can't be a subquery"),
        (MERGE.replace("USING s ", "USING view_of_s AS s "), "can't be a view"),
        (MERGE.replace("USING s ", "USING packaging.t AS s "), "can't be the same table"),
        (MERGE.replace("= s.id", "> s.id"), "equalities joined by AND"),
        (MERGE.replace("= s.id", "= s.id OR s.id = 1"), "equalities joined by AND"),
        (MERGE.partition(" WHEN NOT")[0], "exactly one WHEN MATCHED and one WHEN NOT MATCHED"),
        (MERGE.replace("WHEN MATCHED THEN", "WHEN MATCHED AND s.id > 1 THEN"), "no further condition"),
        (MERGE.replace("USING s ", "USING nowhere AS s "), 'relation "nowhere" does not exist'),
    ],
)
def test_what_redshift_does_not_merge_is_refused(tables: Warehouse, wrong: str, reason: str) -> None:
    tables.run("CREATE VIEW view_of_s AS SELECT * FROM s")
    assert reason in tables.error(wrong)
    assert rows(tables) == [(1, "old"), (2, "old")]
