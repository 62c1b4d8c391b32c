from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from local_cloud.keeping import folder as folders
from local_cloud.keeping import gate as gates
from local_cloud.keeping.folder import StateError, StateFolder
from local_cloud.keeping.gate import Gate
from local_cloud.wire import AwsError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cloud" / "state"


def test_what_was_written_last_is_read(path: Path) -> None:
    folder = StateFolder(path)
    folder.write({"saved": "1"}, b"one")
    folder.write({"saved": "2"}, b"two")

    found = folder.read()

    assert found is not None
    assert (found[0]["saved"], found[1]) == ("2", b"two")
    folder.release()


def test_a_writer_that_is_killed_leaves_the_state_of_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StateFolder(path)
    folder.write({"saved": "1"}, b"one")

    def killed(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.write({"saved": "2"}, b"two" * 1000)

    found = folder.read()
    assert found is not None
    assert found[1] == b"one"
    folder.release()


@pytest.mark.parametrize("damage", [b"", b"{}\nxx", b"no json at all", b"[1]\n"])
def test_a_damaged_state_is_refused_and_says_what_to_do(path: Path, damage: bytes) -> None:
    folder = StateFolder(path)
    (path / "snapshot").write_bytes(damage)

    with pytest.raises(StateError, match=r"is damaged. Remove .*state to go on with the warehouse .* another folder"):
        folder.read()

    folder.release()


def test_a_cut_state_is_refused(path: Path) -> None:
    folder = StateFolder(path)
    folder.write({"saved": "1"}, b"one" * 100)
    whole = (path / "snapshot").read_bytes()
    (path / "snapshot").write_bytes(whole[:-1])

    with pytest.raises(StateError, match="damaged"):
        folder.read()

    folder.release()


def test_a_folder_is_its_owners_alone(path: Path) -> None:
    StateFolder(path).release()
    assert path.stat().st_mode & 0o777 == 0o700

    path.chmod(0o770)

    with pytest.raises(StateError, match=f"Others may write to {path}.*chmod 700 {path}"):
        StateFolder(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_state_of_somebody_else_is_not_read(path: Path) -> None:
    folder = StateFolder(path)
    folder.write({}, b"a program of somebody else")
    os.chown(path / "snapshot", 12345, 12345)

    with pytest.raises(StateError, match=r"belongs to another user \(uid 12345\)"):
        folder.read()

    folder.release()


def test_one_cloud_at_a_time_uses_a_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_PATIENCE", 0.0)
    first = StateFolder(path)

    with pytest.raises(StateError, match=f"Another cloud is using {path.parent}"):
        StateFolder(path)

    first.release()
    StateFolder(path).release()


def test_a_cloud_that_is_still_stopping_is_waited_for(path: Path) -> None:
    first = StateFolder(path)
    threading.Timer(0.2, first.release).start()

    StateFolder(path).release()


class TestGate:
    def test_nothing_is_inside_while_it_is_quiet(self) -> None:
        gate, inside, leave, order = Gate(), threading.Event(), threading.Event(), []

        def call() -> None:
            with gate.call():
                inside.set()
                leave.wait(10)
                order.append("call")

        thread = threading.Thread(target=call)
        thread.start()
        inside.wait(10)
        threading.Timer(0.05, leave.set).start()
        with gate.quiet(10.0):
            order.append("quiet")
        thread.join()

        assert order == ["call", "quiet"]

    def test_a_call_that_takes_long_is_not_waited_for(self) -> None:
        gate = Gate()

        with gate.call(), gate.quiet(0.01):
            pass

    def test_other_threads_stand_still_inside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gates, "_TURN_SECONDS", 0.2)
        before, seen, stop = sys.getswitchinterval(), 0, threading.Event()

        def count() -> None:
            nonlocal seen
            while not stop.is_set():
                seen += 1

        thread = threading.Thread(target=count)
        thread.start()
        try:
            with Gate().quiet(1.0):
                first = seen
                for _ in range(100_000):  # some milliseconds
                    pass
                assert seen == first
        finally:
            stop.set()
            thread.join()
        assert sys.getswitchinterval() == before

    def test_a_shut_gate_lets_nobody_in(self) -> None:
        gate = Gate()
        gate.shut()

        with pytest.raises(AwsError, match="stopping"), gate.call():
            raise AssertionError
