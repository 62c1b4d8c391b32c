"""SQL that DuckDB would run with another meaning than Redshift: it is translated, or refused loudly.

One test for every row of the table of silent differences, through the genuine driver.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from redshift_connector.error import ProgrammingError

from tests.contract.conftest import BUCKET, ROLE, Account

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # boto3 clients that the driver makes
    pytest.mark.filterwarnings("ignore:ssl:DeprecationWarning"),  # its TLS context
]
UNLOAD = f"TO 's3://{BUCKET}/limit/part_' IAM_ROLE '{ROLE}' FORMAT AS PARQUET"


class Database:
    """One connection that commits every statement."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.connection.autocommit = True

    def run(self, *sqls: str) -> None:
        for sql in sqls:
            self.connection.cursor().execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.connection.cursor().execute(sql).fetchall()]

    def value(self, expression: str) -> Any:
        ((found,),) = self.rows(f"SELECT {expression}")
        return found

    def error(self, sql: str) -> tuple[str, str]:
        """SQLSTATE and message of a statement that must fail."""
        with pytest.raises(ProgrammingError) as caught:
            self.run(sql)
        return caught.value.args[0]["C"], caught.value.args[0]["M"]


@pytest.fixture(scope="module")
def shared(account: Account) -> Iterator[Database]:
    """A database for questions that change nothing."""
    with closing(account.connect("questions")) as connection:
        yield Database(connection)


@pytest.fixture
def own(account: Account, database: str) -> Iterator[Database]:
    with closing(account.connect(database)) as connection:
        yield Database(connection)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 % 4", 3),
        ("CONCAT('a', NULL)", None),
        ("REGEXP_REPLACE('a-b-c', '-', '_')", "a_b_c"),
        ("'abc' SIMILAR TO 'a%'", True),
        ("'abc' SIMILAR TO 'a_c'", True),
        ("'abc' SIMILAR TO 'a.c'", False),
        ("'abcdef'::VARCHAR(3)", "abc"),
        ("'aé'::VARCHAR(2)", "a"),
        ("ADD_MONTHS('2024-02-29', 12)", dt.datetime.fromisoformat("2025-02-28")),
        ("ADD_MONTHS('2024-02-29', 1)", dt.datetime.fromisoformat("2024-03-31")),
        ("CAST(109.652 AS INTEGER)", 110),
        ("TRUNC(CAST('2024-02-29 10:00:00' AS TIMESTAMP))", dt.date(2024, 2, 29)),
        ("DATEDIFF(day, '2024-01-31', '2024-02-01 23:00:00')", 1),
    ],
)
def test_an_expression_means_what_it_means_on_redshift(shared: Database, expression: str, expected: Any) -> None:
    assert shared.value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("CAST(10.25 AS DECIMAL(10, 2)) / CAST(3.0 AS DECIMAL(5, 1))", "3.4166666"),
        ("7 / 2.0", "3.5000"),
        ("-2 / 3.0", "-0.6666"),
        ("CAST(1 AS BIGINT) / CAST(8 AS DECIMAL(18, 4))", "0.125000000000000"),
        ("AVG(CAST(2.555 AS DECIMAL(10, 3)))", "2.555"),
    ],
)
def test_a_quotient_of_decimals_is_a_decimal(shared: Database, expression: str, expected: str) -> None:
    found = shared.value(expression)
    assert (type(found), str(found)) == (Decimal, expected)


def test_a_quotient_with_a_float_is_a_float(shared: Database) -> None:
    assert (shared.value("7 / 2.0::FLOAT"), type(shared.value("2.0 / 4::REAL"))) == (3.5, float)


@pytest.mark.parametrize("expression", ["1 / 0", "1 % 0", "1.5 / (1 - 1)", "1e0 / 0"])
def test_division_by_zero_is_an_error(shared: Database, expression: str) -> None:
    assert shared.error(f"SELECT {expression}") == ("22012", "division by zero")


def test_getdate_is_a_timestamp_in_utc(shared: Database) -> None:
    found = shared.value("GETDATE()")
    assert found.tzinfo is None
    assert abs(found - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(minutes=5)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT j.a[0] FROM (SELECT 1 AS j) t",
        "SELECT * EXCLUDE a, b FROM (SELECT 1 AS a, 2 AS b, 3 AS c) t",
        "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a",
        "SELECT DATEDIFF(week, '2024-01-01', '2024-01-09')",
    ],
)
def test_what_is_not_translated_is_refused(shared: Database, sql: str) -> None:
    state, reason = shared.error(sql)
    assert (state, "does not simulate" in reason) == ("0A000", True)


def test_the_outer_limit_of_an_unload_is_refused(shared: Database) -> None:
    assert "LIMIT is not supported" in shared.error(f"UNLOAD ('SELECT 1 AS a LIMIT 1') {UNLOAD}")[1]


def test_a_text_that_is_too_long_is_refused_by_insert_and_copy(own: Database, account: Account, database: str) -> None:
    own.run("CREATE TABLE t (x VARCHAR(3))")
    assert own.error("INSERT INTO t VALUES ('aéé')")[0] == "22001"
    buffer = io.BytesIO()
    pq.write_table(pa.table({"x": ["ok", "aéé"]}), buffer)
    account.put(f"{database}/part", buffer.getvalue())
    _, reason = own.error(f"COPY t FROM 's3://{BUCKET}/{database}/' IAM_ROLE '{ROLE}' FORMAT AS PARQUET")
    assert "String length exceeds DDL length" in reason
    assert own.rows("SELECT COUNT(*) FROM t") == [(0,)]


def test_keys_are_not_enforced(own: Database) -> None:
    own.run("CREATE TABLE t (x INTEGER PRIMARY KEY, y INTEGER UNIQUE)", "INSERT INTO t VALUES (1, 1), (1, 1)")
    assert own.rows("SELECT COUNT(*) FROM t") == [(2,)]


def test_truncate_commits_what_came_before_it(own: Database) -> None:
    own.run("CREATE TABLE t (x INTEGER)", "CREATE TABLE u (x INTEGER)", "INSERT INTO t VALUES (1)")
    own.connection.autocommit = False
    own.run("INSERT INTO u VALUES (1)", "TRUNCATE t")
    own.connection.rollback()
    assert own.rows("SELECT (SELECT COUNT(*) FROM t), (SELECT COUNT(*) FROM u)") == [(0, 1)]


MERGE = """MERGE INTO t USING s ON t.x = s.x WHEN MATCHED THEN UPDATE SET y = s.y
           WHEN NOT MATCHED THEN INSERT (x, y) VALUES (s.x, s.y)"""


@pytest.fixture
def merged(own: Database) -> Database:
    own.run("CREATE TABLE t (x INTEGER, y INTEGER)", "INSERT INTO t VALUES (1, 1)")
    own.run("CREATE TABLE s (x INTEGER, y INTEGER)", "INSERT INTO s VALUES (1, 2), (1, 3)")
    own.run("CREATE VIEW w AS SELECT x, y FROM s")
    return own


def test_a_merge_with_two_rows_for_one_is_an_error(merged: Database) -> None:
    assert merged.error(MERGE) == ("21000", "Found multiple matches to update the same tuple.")
    merged.run("DELETE FROM s WHERE y = 3", MERGE)
    assert merged.rows("SELECT x, y FROM t") == [(1, 2)]


@pytest.mark.parametrize(
    "sql",
    [
        MERGE.replace("USING s ON", "USING (SELECT x, y FROM s) s ON"),
        MERGE.replace("USING s ON", "USING w s ON"),
        MERGE.replace("INTO t USING", "INTO t AS a USING").replace("t.x", "a.x"),
    ],
    ids=["subquery", "view", "aliased target"],
)
def test_a_merge_that_redshift_would_not_take_is_refused(merged: Database, sql: str) -> None:
    assert merged.error(sql)[0] == "0A000"


def test_writers_queue_for_the_table_instead_of_failing(own: Database, account: Account, database: str) -> None:
    own.run("CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (0)")
    own.connection.autocommit = False
    own.run("UPDATE t SET x = x + 1")
    with closing(account.connect(database)) as other:
        waiting = threading.Thread(target=Database(other).run, args=("UPDATE t SET x = x + 10",))
        waiting.start()
        own.connection.commit()
        waiting.join(30)
    assert own.rows("SELECT x FROM t") == [(11,)]


def test_a_manifest_entry_of_the_wrong_length_stops_a_copy(own: Database, account: Account, database: str) -> None:
    own.run("CREATE TABLE t (x VARCHAR(3))")
    buffer = io.BytesIO()
    pq.write_table(pa.table({"x": ["a"]}), buffer)
    account.put(f"{database}/part", buffer.getvalue())
    entry = {"url": f"s3://{BUCKET}/{database}/part", "mandatory": True, "meta": {"content_length": buffer.tell() + 1}}
    account.put(f"{database}/manifest", json.dumps({"entries": [entry]}).encode())
    _, reason = own.error(f"COPY t FROM 's3://{BUCKET}/{database}/manifest' IAM_ROLE '{ROLE}' PARQUET MANIFEST")
    assert "content_length" in reason
