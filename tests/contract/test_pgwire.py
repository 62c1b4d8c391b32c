"""The genuine redshift_connector and awswrangler against the embedded Redshift, unchanged."""

from __future__ import annotations

import datetime as dt
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import awswrangler as wr
import pandas as pd
import pytest
import redshift_connector
from redshift_connector.error import InterfaceError, ProgrammingError

from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.pgwire.certificate import authority
from local_cloud.redshift.pgwire.messages import message, read_message
from local_cloud.redshift.runner import Faults
from tests.contract.conftest import BUCKET, ROLE, Account

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # boto3 clients that the driver makes
    pytest.mark.filterwarnings("ignore:ssl:DeprecationWarning"),  # its TLS context
]
EVERY_TYPE = """CREATE TABLE t (a SMALLINT, b INTEGER, c BIGINT, d DECIMAL(12, 3), e REAL, f DOUBLE PRECISION,
    g BOOLEAN, h VARCHAR(20), i DATE, j TIMESTAMP, k TIMESTAMPTZ, l TIME, m CHAR(3))"""
ROW = [
    -5, 70_000, 2**40, Decimal("-12.500"), 0.5, -1e-300, True, "it's ü $1 \\n", dt.date(1969, 12, 31),
    dt.datetime.fromisoformat("2026-11-20 01:02:03.000456"),
    dt.datetime(1999, 1, 1, tzinfo=dt.UTC), dt.time(23, 59, 58, 7), "abc",
]  # fmt: skip


def run(connection: Any, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.execute(sql, *arguments)
    return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def refusal(connection: Any, sql: str, *arguments: Any) -> dict[str, str]:
    with pytest.raises(ProgrammingError) as caught:
        run(connection, sql, *arguments)
    fields: dict[str, str] = caught.value.args[0]
    return fields


# -- signing in --


def test_a_workgroup_answers_on_this_machine_and_gives_passwords(account: Account) -> None:
    workgroup = account.client("redshift-serverless").get_workgroup(workgroupName="rightpack-dev")["workgroup"]
    assert workgroup["endpoint"]["address"] == "127.0.0.1"
    options = {"iam": True, "is_serverless": True, "serverless_work_group": "rightpack-dev", "region": "us-east-1"}
    with closing(redshift_connector.connect(database="rightpack", iam_disable_cache=True, **options)) as connection:
        assert run(connection, "SELECT current_user, current_database()") == [("IAM:root", "rightpack")]


def test_a_job_trusts_the_warehouse(account: Account) -> None:
    role = account.client("iam").create_role(RoleName="job", AssumeRolePolicyDocument='{"Statement": []}')["Role"]
    environment = account.cloud.credentials(role["Arn"], "load")
    assert environment["SSL_CERT_FILE"] == str(authority(account.cloud.root))


def test_a_cluster_answers_too(account: Account) -> None:
    options = {"iam": True, "cluster_identifier": "warehouse", "db_user": "ann", "region": "us-east-1"}
    with closing(redshift_connector.connect(database="dev", iam_disable_cache=True, **options)) as connection:
        assert run(connection, "SELECT current_user") == [("IAM:ann",)]
    with closing(wr.redshift.connect_temp(cluster_identifier="warehouse", user="bob")) as connection:
        assert run(connection, "SELECT current_user") == [("IAMA:bob",)]


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"user": "IAM:somebody"}])
def test_a_wrong_password_opens_nothing(account: Account, change: dict[str, str]) -> None:
    with pytest.raises(InterfaceError, match="password authentication failed"):
        redshift_connector.connect(database="rightpack", **{**account.password(), **change})


def test_a_certificate_that_is_not_trusted_is_refused(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(InterfaceError, match="CERTIFICATE_VERIFY_FAILED"):
        account.connect("rightpack")


def test_it_listens_to_nobody_else(account: Account) -> None:
    port = account.password()["port"]
    local = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"]
    assert [address for address in local if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_the_key_is_for_its_owner_only(account: Account) -> None:
    assert authority(account.cloud.root).with_name("server.pem").stat().st_mode & 0o077 == 0


# -- cursors --


def test_every_type_goes_there_and_back(connection: Any) -> None:
    run(connection, EVERY_TYPE)
    marks = ", ".join(["%s"] * len(ROW))
    cursor = connection.cursor()
    cursor.executemany(f"INSERT INTO t VALUES ({marks})", [ROW, [None] * len(ROW)])
    assert cursor.rowcount == 2
    assert run(connection, "SELECT * FROM t ORDER BY a") == [tuple(ROW), (None,) * len(ROW)]


def test_columns_have_names_and_types(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT 1 AS a, 1.50 AS b, 'x' AS c, COUNT(*) FROM (SELECT 1) t")
    assert [(column[0], column[1]) for column in cursor.description] == [
        ("a", 23), ("b", 1700), ("c", 1043), ("count", 20),
    ]  # fmt: skip
    assert cursor.fetch_dataframe().to_dict("list") == {"a": [1], "b": [Decimal("1.50")], "c": ["x"], "count": [1]}


@pytest.mark.parametrize(
    ("style", "sql", "arguments"),
    [
        ("format", "SELECT %s + 1, %s", (1, "a")),
        ("qmark", "SELECT ? + 1, ?", (1, "a")),
        ("numeric", "SELECT :1 + 1, :2", (1, "a")),
        ("named", "SELECT :n + 1, :t", {"n": 1, "t": "a"}),
        ("pyformat", "SELECT %(n)s + 1, %(t)s", {"n": 1, "t": "a"}),
    ],
)
def test_parameters_in_every_style(connection: Any, style: str, sql: str, arguments: Any) -> None:
    cursor = connection.cursor()
    cursor.paramstyle = style
    cursor.execute(sql, arguments)
    assert tuple(cursor.fetchone()) == (2, "a")


def test_parameters_fit_where_they_stand(connection: Any) -> None:
    run(connection, EVERY_TYPE)
    run(connection, "INSERT INTO t (b, h, i) VALUES (1, 'x', '2026-01-01'), (2, 'y', '2026-02-01')")
    where = "SELECT b FROM t WHERE i > %s AND h <> %s AND b IN (%s, %s) ORDER BY b LIMIT %s"
    assert run(connection, where, ("2026-01-15", "$1", 1, 2, 5)) == [(2,)]
    assert run(connection, "SELECT '$1', %s", ("'; DROP TABLE t; --",)) == [("$1", "'; DROP TABLE t; --")]
    assert run(connection, "SELECT NVL(%s, 5), %s IS NULL", (None, None)) == [(5, True)]


def test_describing_a_statement_does_not_run_it(connection: Any) -> None:
    run(connection, "CREATE TABLE t (x INTEGER)")
    for value in (1, 7):
        run(connection, "INSERT INTO t VALUES (%s)", (value,))
    run(connection, "INSERT INTO t VALUES (9)")
    assert run(connection, "SELECT x FROM t ORDER BY x") == [(1,), (7,), (9,)]


def test_an_error_has_its_sqlstate_and_spoils_the_transaction(connection: Any) -> None:
    run(connection, "CREATE TABLE t (x INTEGER)")
    connection.commit()
    assert refusal(connection, "SELECT * FROM nowhere") == {
        "S": "ERROR", "C": "42P01", "M": 'relation "nowhere" does not exist',
    }  # fmt: skip
    assert refusal(connection, "SELECT 1")["C"] == "25P02"
    connection.rollback()
    assert run(connection, "SELECT COUNT(*) FROM t") == [(0,)]
    assert refusal(connection, "INSERT INTO t VALUES (%s)", ("abc",))["C"] == "22P02"
    connection.rollback()
    assert refusal(connection, "SELECT 1; SELECT 2")["C"] == "42601"


def test_keys_in_a_statement_do_not_come_back_in_its_error(connection: Any) -> None:
    sql = f"COPY t FROM 's3://{BUCKET}/x' ACCESS_KEY_ID 'AKIAX' SECRET_ACCESS_KEY 'hidden' FORMAT PARQUET NONSENSE"
    assert "hidden" not in refusal(connection, sql)["M"]


def test_a_transaction_ends_as_it_is_told_to(connection: Any) -> None:
    run(connection, "CREATE TABLE t (x INTEGER)")
    run(connection, "INSERT INTO t VALUES (1)")
    connection.commit()
    run(connection, "INSERT INTO t VALUES (2)")
    connection.rollback()
    assert run(connection, "SELECT x FROM t") == [(1,)]


def test_more_rows_than_the_data_api_would_answer_with(connection: Any) -> None:
    digits = " CROSS JOIN ".join(f"(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2) t{n}" for n in range(9))
    cursor = connection.cursor()
    cursor.execute(f"SELECT 'row' AS a, 1 AS b FROM {digits}")
    assert len(cursor.fetchall()) == 3**9


def test_settings_can_be_shown(connection: Any) -> None:
    run(connection, "SET query_group TO 'weekly'")
    assert run(connection, "SHOW query_group") == [("weekly",)]
    assert run(connection, "SHOW enable_case_sensitive_identifier") == [("off",)]
    assert refusal(connection, "SHOW nothing")["C"] == "42704"


# -- connections that break --


def cut(connection: Any) -> None:
    """End a connection without a word, as a killed process does."""
    connection._usock.shutdown(socket.SHUT_RDWR)
    connection._usock.close()


def test_a_client_that_vanishes_leaves_nothing_behind(account: Account, connection: Any, database: str) -> None:
    run(connection, "CREATE TABLE t (x INTEGER)")
    connection.commit()
    other = account.connect(database)
    run(other, "LOCK t")
    run(other, "INSERT INTO t VALUES (1)")
    cut(other)
    run(connection, "INSERT INTO t VALUES (2)")  # waits until the other one's lock is gone
    assert run(connection, "SELECT x FROM t") == [(2,)]


def test_a_client_that_vanishes_while_it_waits_does_not_wait_for_ever(
    account: Account, connection: Any, database: str
) -> None:
    run(connection, "CREATE TABLE t (x INTEGER)")
    connection.commit()
    run(connection, "LOCK t")
    other = account.connect(database)
    sent = threading.Event()

    def wait() -> None:
        sent.set()
        with pytest.raises((InterfaceError, OSError, ValueError, struct.error)):
            run(other, "INSERT INTO t VALUES (1)")

    waiting = threading.Thread(target=wait)
    waiting.start()
    sent.wait(10)
    other._usock.shutdown(socket.SHUT_RDWR)
    waiting.join(30)
    connection.commit()
    run(connection, "INSERT INTO t VALUES (2)")
    assert run(connection, "SELECT x FROM t") == [(2,)]
    other._usock.close()


def test_a_cancelled_statement_ends_and_the_next_one_runs(account: Account, connection: Any, database: str) -> None:
    run(connection, "CREATE TABLE t (x INTEGER)")
    connection.commit()
    run(connection, "LOCK t")
    with closing(account.connect(database)) as other:
        found: list[dict[str, str]] = []
        waiting = threading.Thread(target=lambda: found.append(refusal(other, "INSERT INTO t VALUES (1)")))
        waiting.start()
        while waiting.is_alive():  # a request that comes before the statement runs is lost, as on PostgreSQL
            with socket.create_connection(("127.0.0.1", account.password()["port"])) as asking:
                asking.sendall(struct.pack("!ii", 16, 80877102) + other._backend_key_data)
            waiting.join(0.2)
        connection.commit()
        other.rollback()
        assert found[0]["C"] == "57014"
        assert run(other, "SELECT COUNT(*) FROM t") == [(0,)]


def test_an_answer_can_be_lost_after_the_commit(
    connection: Any, account: Account, faults: Faults, database: str
) -> None:
    run(connection, "CREATE TABLE t (x INTEGER)")
    connection.commit()

    def lose(_label: str) -> None:
        raise SqlError("lost")

    faults.after_commit = lose
    other = account.connect(database)
    run(other, "INSERT INTO t VALUES (1)")
    with pytest.raises((InterfaceError, OSError, struct.error)):
        other.commit()
    other._usock.close()
    assert run(connection, "SELECT x FROM t") == [(1,)]


def test_nonsense_on_the_port_does_no_harm(account: Account, connection: Any) -> None:
    port = account.password()["port"]
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", struct.pack("!ii", 8, 1), b"\xff" * 64, b""):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(nonsense)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(30)
            assert client.recv(100) == b""
    assert run(connection, "SELECT 1") == [(1,)]


# -- what other clients say --


@pytest.fixture
def raw(account: Account, database: str) -> Iterator[RawClient]:
    with socket.create_connection(("127.0.0.1", account.password()["port"])) as connected:
        yield RawClient(connected, database, account.password())


class RawClient:
    """A client that speaks the protocol by hand, without TLS."""

    def __init__(self, connected: socket.socket, database: str, sign_in: dict[str, Any]) -> None:
        self._socket = connected
        self._stream = connected.makefile("rb")
        settings = f"user\0{sign_in['user']}\0database\0{database}\0unheard_of\0yes\0\0".encode()
        connected.sendall(struct.pack("!ii", len(settings) + 8, 196608) + settings)
        assert read_message(self._stream)[0] == b"R"
        self.say(message(b"p", sign_in["password"].encode() + b"\0"))
        assert self.hear()[-1] == b"Z"

    def say(self, *messages: bytes) -> None:
        self._socket.sendall(b"".join(messages))

    def hear(self) -> list[bytes]:
        """The kinds of the messages up to the next one that says ready."""
        kinds = []
        while not kinds or kinds[-1] != b"Z":
            kinds.append(read_message(self._stream)[0])
        return kinds


def test_simple_queries_run_one_after_the_other_until_one_fails(raw: RawClient) -> None:
    raw.say(message(b"Q", b"SELECT 1 AS a; CREATE TABLE t (x INTEGER); INSERT INTO t VALUES (1)\0"))
    assert b"".join(raw.hear()) == b"TDCCCZ"
    raw.say(message(b"Q", b"SELECT nothing; SELECT 1\0"))
    assert b"".join(raw.hear()) == b"EZ"
    raw.say(message(b"Q", b" ; \0"))
    assert b"".join(raw.hear()) == b"IZ"


def test_a_portal_runs_once_and_hands_out_its_rows_in_portions(raw: RawClient) -> None:
    query = b"s\0SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3\0\0\0"
    portion = message(b"E", b"p\0" + struct.pack("!i", 2))
    bound = message(b"B", b"p\0s\0" + struct.pack("!hhhh", 0, 0, 1, 1))
    raw.say(message(b"P", query), bound, message(b"D", b"Pp\0"), portion, portion, message(b"S", b""))
    assert b"".join(raw.hear()) == b"12TDDsDCZ"


def test_after_an_error_everything_is_left_out_until_the_client_synchronises(raw: RawClient) -> None:
    raw.say(message(b"E", b"nowhere\0\0\0\0\0"), message(b"D", b"Snowhere\0"), message(b"S", b""))
    assert b"".join(raw.hear()) == b"EZ"
    raw.say(message(b"?", b""), message(b"S", b""), message(b"C", b"Snowhere\0"), message(b"S", b""))
    assert [b"".join(raw.hear()), b"".join(raw.hear())] == [b"EZ", b"3Z"]


# -- awswrangler --

FRAME = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["a", "b'c", None],
        "weight": [0.5, None, 2.5],
        "day": [dt.date(2026, 1, 1)] * 3,
        "seen": pd.to_datetime(["2026-01-01 01:02:03.5"] * 3),
        "price": [Decimal("1.50"), Decimal("-2.00"), None],
        "known": [True, False, None],
    }
)


@pytest.fixture
def path(database: str) -> str:
    return f"s3://{BUCKET}/{database}/"


@pytest.fixture
def table(connection: Any) -> Any:
    wr.redshift.to_sql(FRAME, connection, "t", "public", primary_keys=["id"])
    return connection


def count(connection: Any, table: str = "t") -> int:
    ((found,),) = run(connection, f"SELECT COUNT(*) FROM {table}")
    return int(found)


def texts(frame: pd.DataFrame) -> list[list[str]]:
    """Rows of a frame as text: libraries differ in how they hold what is missing."""
    return [["" if pd.isna(cell) else str(cell) for cell in row] for row in frame.itertuples(index=False)]


def test_to_sql_and_read_sql_query_give_the_same_frame(table: Any) -> None:
    found = wr.redshift.read_sql_query("SELECT * FROM t ORDER BY id", table)
    assert list(found.columns) == list(FRAME.columns)
    assert texts(found) == texts(FRAME)
    assert texts(wr.redshift.read_sql_query("SELECT id FROM t WHERE name = %s", table, params=["b'c"])) == [["2"]]
    assert sum(len(part) for part in wr.redshift.read_sql_query("SELECT * FROM t", table, chunksize=2)) == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 6),
        ({"lock": True}, 6),
        ({"mode": "upsert"}, 3),
        ({"mode": "upsert", "precombine_key": "seen"}, 3),
        ({"mode": "overwrite"}, 3),
        ({"mode": "overwrite", "overwrite_method": "truncate"}, 3),
        ({"mode": "overwrite", "overwrite_method": "delete"}, 3),
    ],
)
def test_to_sql_in_its_modes(table: Any, options: dict[str, Any], expected: int) -> None:
    wr.redshift.to_sql(FRAME, table, "t", "public", **options)
    assert count(table) == expected


def test_to_sql_adds_columns(table: Any) -> None:
    wr.redshift.to_sql(FRAME.assign(more=1), table, "t", "public", add_new_columns=True, use_column_names=True)
    assert run(table, "SELECT COUNT(*), COUNT(more) FROM t") == [(6, 3)]


def test_copy_and_unload_give_the_same_frame(connection: Any, path: str) -> None:
    wr.redshift.copy(FRAME, f"{path}in/", connection, "t", "public", iam_role=ROLE, primary_keys=["id"])
    wr.redshift.copy(FRAME, f"{path}in/", connection, "t", "public", iam_role=ROLE, mode="upsert")
    query = "SELECT * FROM t WHERE name <> '' OR name IS NULL"
    found = wr.redshift.unload(query, f"{path}out/", connection, iam_role=ROLE)
    assert texts(found.sort_values("id")) == texts(FRAME)


def test_unload_to_files_and_copy_from_files(table: Any, path: str) -> None:
    wr.redshift.unload_to_files("SELECT * FROM t", f"{path}all/", table, manifest=True, iam_role=ROLE)
    listed = [key.rpartition("/")[2] for key in wr.s3.list_objects(f"{path}all/")]
    assert "manifest" in listed
    wr.redshift.copy_from_files(f"{path}all/manifest", table, "u", "public", iam_role=ROLE, manifest=True)
    assert count(table, "u") == 3
    wr.redshift.unload_to_files("SELECT * FROM t", f"{path}by/", table, partition_cols=["id"], iam_role=ROLE)
    assert {key.split("/")[-2] for key in wr.s3.list_objects(f"{path}by/")} == {"id=1", "id=2", "id=3"}
