"""Batches are transactions, writers queue, readers do not, and a stale snapshot is a conflict."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.redshift.database import Databases, Target
from local_cloud.redshift.errors import CancelledError, SqlError, SqlState
from local_cloud.redshift.locks import WriteLock
from local_cloud.redshift.session import Session
from tests.unit.local_cloud.redshift.conftest import FakeHost, Warehouse


class Watched(threading.Event):
    """A cancel flag that tells when somebody waits at the write lock: there it is looked at again."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = threading.Semaphore(0)

    def is_set(self) -> bool:
        self.looked.release()
        return super().is_set()


@pytest.fixture
def databases(host: FakeHost) -> Iterator[Databases]:
    databases = Databases(host.root / "redshift", lambda _role: host.objects, host.region)
    yield databases
    databases.close()


@pytest.fixture
def connect(databases: Databases) -> Iterator[Any]:
    opened: list[Session] = []

    def new(cancelled: threading.Event | None = None) -> Session:
        database = databases.open(Target("workgroup", "wg", "dev"))
        opened.append(Session(database, "IAM:test", cancelled or threading.Event()))
        return opened[-1]

    yield new
    for session in opened:
        session.close()


def rows(session: Session, sql: str) -> list[tuple[Any, ...]]:
    outcome = session.execute(sql)
    assert outcome.result is not None
    return outcome.result.rows


def test_a_failing_batch_leaves_nothing(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)")
    answer = warehouse.batch("INSERT INTO t VALUES (1)", "CREATE TABLE u (x INTEGER)", "SELECT 1 / 0", "SELECT 1")
    assert (answer["Status"], answer["Error"]) == ("FAILED", "ERROR: division by zero")
    states = [part["Status"] for part in answer["SubStatements"]]
    assert states == ["FINISHED", "FINISHED", "FAILED", "ABORTED"]
    assert answer["SubStatements"][2]["Error"] == "ERROR: division by zero"
    assert warehouse.rows("SELECT COUNT(*) FROM t") == [(0,)]
    assert "does not exist" in warehouse.error("SELECT * FROM u")


def test_a_batch_that_commits_each_statement_keeps_what_worked(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)")
    answer = warehouse.batch(
        "INSERT INTO t VALUES (1)", "SELECT 1 / 0", "INSERT INTO t VALUES (2)", ExecutionMode="AUTO_COMMIT"
    )
    assert (answer["Status"], answer["Error"]) == ("FAILED", "ERROR: division by zero")
    assert [part["Status"] for part in answer["SubStatements"]] == ["FINISHED", "FAILED", "FINISHED"]
    assert warehouse.rows("SELECT x FROM t ORDER BY x") == [(1,), (2,)]


def test_begin_and_rollback_work_where_a_batch_is_no_transaction(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)")
    sqls = ("BEGIN", "INSERT INTO t VALUES (1)", "ROLLBACK", "BEGIN", "INSERT INTO t VALUES (2)", "END")
    assert warehouse.batch(*sqls, ExecutionMode="AUTO_COMMIT")["Status"] == "FINISHED"
    assert warehouse.rows("SELECT x FROM t") == [(2,)]


def test_commit_inside_a_batch_that_is_a_transaction_is_refused(warehouse: Warehouse) -> None:
    assert "does not simulate COMMIT inside" in warehouse.batch("SELECT 1", "commit;")["Error"]


def test_truncate_commits_what_came_before(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)", "CREATE TABLE u (x INTEGER)", "INSERT INTO t VALUES (1)")
    assert warehouse.batch("INSERT INTO u VALUES (1)", "TRUNCATE t", "SELECT 1 / 0")["Status"] == "FAILED"
    assert warehouse.rows("SELECT (SELECT COUNT(*) FROM t), (SELECT COUNT(*) FROM u)") == [(0, 1)]


def test_vacuum_is_refused_inside_a_transaction(warehouse: Warehouse) -> None:
    assert "VACUUM cannot run inside a transaction block" in warehouse.batch("VACUUM", "SELECT 1")["Error"]


def test_a_failed_block_ignores_statements_until_it_ends(connect: Any) -> None:
    session = connect()
    session.begin()
    with pytest.raises(SqlError, match="division by zero"):
        session.execute("SELECT 1 / 0")
    with pytest.raises(SqlError, match="current transaction is aborted") as caught:
        session.execute("SELECT 1")
    assert caught.value.state is SqlState.IN_FAILED_TRANSACTION
    session.execute("ROLLBACK")
    assert rows(session, "SELECT 1") == [(1,)]


def test_readers_do_not_wait_for_a_writer_and_see_what_is_committed(connect: Any) -> None:
    writer, reader = connect(), connect()
    writer.execute("CREATE TABLE t (x INTEGER)")
    writer.begin()
    writer.execute("INSERT INTO t VALUES (1)")
    assert rows(reader, "SELECT COUNT(*) FROM t") == [(0,)]
    writer.commit()
    assert rows(reader, "SELECT COUNT(*) FROM t") == [(1,)]


def test_a_second_writer_waits_and_then_sees_what_the_first_committed(connect: Any) -> None:
    flag = Watched()
    first, second = connect(), connect(flag)
    first.execute("CREATE TABLE t (x INTEGER)")
    first.begin()
    first.execute("INSERT INTO t VALUES (1)")
    waiting = threading.Thread(target=second.execute, args=("INSERT INTO t SELECT COUNT(*) FROM t",))
    waiting.start()
    for _ in range(2):  # once before the statement, once at the lock
        assert flag.looked.acquire(timeout=30)
    first.commit()
    waiting.join(30)
    assert rows(first, "SELECT x FROM t ORDER BY x") == [(1,), (1,)]


def test_lock_takes_its_snapshot_after_the_lock(connect: Any) -> None:
    flag = Watched()
    first, second = connect(), connect(flag)
    first.execute("CREATE TABLE t (x INTEGER)")
    first.begin()
    first.execute("LOCK t")
    first.execute("INSERT INTO t VALUES (1)")
    seen: list[Any] = []

    def load() -> None:
        second.begin()
        second.execute("LOCK TABLE t")
        seen.extend(rows(second, "SELECT COUNT(*) FROM t"))

    waiting = threading.Thread(target=load)
    waiting.start()
    for _ in range(2):
        assert flag.looked.acquire(timeout=30)
    assert seen == []
    first.commit()
    waiting.join(30)
    assert seen == [(1,)]


def test_a_stale_snapshot_is_a_serializable_violation(connect: Any) -> None:
    first, second = connect(), connect()
    first.execute("CREATE TABLE t (x INTEGER)")
    first.execute("INSERT INTO t VALUES (1)")
    first.begin()
    assert rows(first, "SELECT x FROM t") == [(1,)]
    second.execute("UPDATE t SET x = 2")
    with pytest.raises(SqlError, match="1023") as caught:
        first.execute("UPDATE t SET x = 3")
    assert caught.value.state is SqlState.SERIALIZATION


def test_locking_a_table_that_is_not_there_fails(connect: Any) -> None:
    with pytest.raises(SqlError, match='relation "nope" does not exist'):
        connect().execute("LOCK nope")


def test_who_waits_for_the_lock_can_be_cancelled() -> None:
    lock, cancelled, outcome = WriteLock(), Watched(), list[BaseException]()
    lock.acquire("first", threading.Event())

    def wait() -> None:
        try:
            lock.acquire("second", cancelled)
        except CancelledError as error:
            outcome.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert cancelled.looked.acquire(timeout=30)
    cancelled.set()
    lock.wake()
    waiting.join(30)
    assert len(outcome) == 1
    lock.acquire("first", threading.Event())  # still the owner


def test_a_lock_that_is_not_ours_is_not_released() -> None:
    lock = WriteLock()
    lock.acquire("first", threading.Event())
    lock.release("second")
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        lock.acquire("second", cancelled)
