"""What Redshift refuses fails; what is not emulated fails too, and says so."""

from __future__ import annotations

import pytest

from tests.unit.local_cloud.redshift.conftest import Warehouse

NOT_ON_REDSHIFT = {
    "SELECT COUNT(*) FILTER (WHERE x > 1) FROM t": "FILTER",
    "SELECT ARRAY_AGG(x) FROM t": r"function array_agg\(\) does not exist",
    "SELECT STRING_AGG('a', ',') FROM t": "does not exist",
    "SELECT list_value(1)": r"function list_value\(\) does not exist",
    "SELECT rs_nonzero(0)": "does not exist",
    "SELECT SUM(x) OVER (ORDER BY x) FROM t": "require a frame clause",
    "SELECT DISTINCT ON (x) x FROM t": "DISTINCT ON",
    "SELECT x FROM t WINDOW w AS (PARTITION BY x)": "WINDOW",
    "SELECT x FROM t EXCEPT ALL SELECT 1": "EXCEPT ALL",
    "SELECT * FROM (VALUES (1)) v(a)": "VALUES",
    "SELECT CONCAT('a', 'b', 'c')": "two arguments",
    "SELECT CURRENT_TIMESTAMP": "GETDATE",
    "SELECT x FROM t TABLESAMPLE BERNOULLI (10)": "TABLESAMPLE",
    "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING": "ON CONFLICT",
    "INSERT INTO t VALUES (1) RETURNING x": "RETURNING",
    "SELECT x FROM t WHERE x = :missing": 'syntax error at or near ":missing"',
    "SELECT x FROM nowhere": 'relation "nowhere" does not exist',
    "SELECT y FROM t": 'column "y" does not exist',
    "SELECT x, COUNT(*) FROM t": "GROUP BY",
    "CREATE TABLE c (x INTEGER CHECK (x > 0))": 'syntax error at or near "CHECK"',
    "CREATE TABLE c (x INTEGER[])": "syntax error",
    "SHOW nothing_known": "unrecognized configuration parameter",
    "SELECT 1; SELECT 2": "multiple commands",
    "SELECT 'open": "unterminated quoted string",
}
NOT_EMULATED = (
    "SELECT * FROM read_parquet('x')",
    "SELECT * FROM generate_series(1, 3)",
    "SELECT * EXCLUDE (x) FROM t",
    "SELECT x INTO u FROM t",
    "SELECT DATEDIFF(week, '2024-01-01', '2024-01-09')",
    "SELECT TO_CHAR(GETDATE(), 'Day')",
    "SELECT x::SUPER FROM t",
    "SELECT * FROM stl_query",
    "SELECT * FROM duckdb_tables",
    "SELECT * FROM other.public.t",
    "SELECT * FROM stand_in.all_tables",
    "CREATE MATERIALIZED VIEW v AS SELECT 1",
    "CREATE PROCEDURE p() AS $$ BEGIN END $$ LANGUAGE plpgsql",
    "CREATE TABLE c (x HLLSKETCH)",
    "ALTER TABLE t APPEND FROM u",
    "MERGE INTO t USING u ON t.x = u.x REMOVE DUPLICATES",
    "CALL p()",
    "SHOW TABLES FROM SCHEMA rightpack.public",
    "SET statement_timeout TO 1000",
    "EXPLAIN SELECT 1",
    "PREPARE p AS SELECT 1",
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory):
    from local_cloud.redshift.service import RedshiftData
    from tests.unit.local_cloud.redshift.conftest import FakeHost

    service = RedshiftData(FakeHost(tmp_path_factory.mktemp("refusals")))
    warehouse = Warehouse(service)
    warehouse.run("CREATE TABLE t (x INTEGER)")
    yield warehouse
    service.close()


@pytest.mark.parametrize("sql", NOT_ON_REDSHIFT)
def test_what_redshift_refuses_fails(shared: Warehouse, sql: str) -> None:
    with pytest.raises(AssertionError, match=NOT_ON_REDSHIFT[sql]):
        raise AssertionError(shared.error(sql))


@pytest.mark.parametrize("sql", NOT_EMULATED)
def test_what_is_not_emulated_is_refused_by_name(shared: Warehouse, sql: str) -> None:
    assert "The local cloud does not simulate" in shared.error(sql)


def test_files_of_this_machine_are_out_of_reach(shared: Warehouse, tmp_path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    assert "does not exist" in shared.error(f'SELECT * FROM "{secret}"')
    assert "syntax error" in shared.error(f"SELECT * FROM '{secret}'")


def test_python_variables_are_no_tables(shared: Warehouse) -> None:
    import pandas as pd

    here = pd.DataFrame({"a": [1]})
    assert 'relation "here" does not exist' in shared.error("SELECT * FROM here")
    assert len(here) == 1


def test_permissions_and_maintenance_are_accepted_without_effect(shared: Warehouse) -> None:
    for sql in (
        'GRANT SELECT ON t TO "IAMR:analyst"',
        "REVOKE ALL ON t FROM PUBLIC",
        'CREATE USER "IAMR:analyst" PASSWORD DISABLE',
        "ANALYZE t PREDICATE COLUMNS",
        "VACUUM FULL t TO 99 PERCENT",
        "SET query_group TO 'ml'",
        "COMMENT ON TABLE t IS 'x'",
    ):
        answer = shared.run(sql)
        assert (answer["ResultRows"], answer["HasResultSet"]) == (-1, False)
