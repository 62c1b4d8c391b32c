from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest

from rightpack.data_api import StatementError
from rightpack.errors import ConflictError, ManifestError, PlatformError
from rightpack.loader import ATTEMPTS, Loader, RunLoad, StagedFiles, UsedModel

RUN = RunLoad(
    "inference-2026-11-20-abc",
    dt.date(2026, 11, 20),
    StagedFiles("s3://b/p/manifest", 10),
    StagedFiles("s3://b/r/manifest", 2),
    [UsedModel("carton", "arn:1", "2026-11-19T00:00:00+00:00")],
)


@dataclass
class FakeWarehouse:
    """Commits a run unless told otherwise; `before` and `after` are what happens around a commit."""

    before: list[Exception | None] = field(default_factory=list)
    after: list[Exception | None] = field(default_factory=list)
    committed: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def run(self, statements: list[str], *, token: str, name: str) -> None:
        self.tokens.append(token)
        if self.before and (error := self.before.pop(0)):
            raise error
        if name in self.committed:
            raise StatementError("invalid input syntax for integer: already_loaded")
        self.committed.append(name)
        if self.after and (error := self.after.pop(0)):
            raise error

    def rows(self, query: str) -> list[dict[str, Any]]:
        return [{"run_id": RUN.run_id}] if RUN.run_id in self.committed else []


def loader(warehouse: FakeWarehouse) -> Loader:
    return Loader(warehouse, schema="packaging", role="arn:role", sleep=lambda _: None)


def test_a_run_is_loaded_once_however_often_it_is_asked_for() -> None:
    warehouse = FakeWarehouse()
    for _ in range(3):
        assert loader(warehouse).load(RUN) == {"run_id": RUN.run_id}
    assert warehouse.committed == [RUN.run_id]


def test_an_answer_lost_after_the_commit_is_found_in_the_audit() -> None:
    warehouse = FakeWarehouse(after=[PlatformError("connection lost")])
    assert loader(warehouse).load(RUN)["run_id"] == RUN.run_id
    assert warehouse.committed == [RUN.run_id]


def test_a_conflict_is_tried_again_with_a_new_token() -> None:
    warehouse = FakeWarehouse(before=[ConflictError("1023"), ConflictError("1023"), None])
    loader(warehouse).load(RUN)
    assert len(set(warehouse.tokens)) == 3


def test_other_writers_that_win_every_time_end_the_load_with_nothing_loaded() -> None:
    warehouse = FakeWarehouse(before=[ConflictError("1023")] * ATTEMPTS)
    with pytest.raises(ConflictError, match=RUN.run_id):
        loader(warehouse).load(RUN)
    assert warehouse.committed == []


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ("predictions_mismatch", "10 different predictions"),
        ("recommendations_mismatch", "exactly 2"),
        ('"predictions_unusable: p3 in carton, rows: 4"', "p3 in carton, the first of 4 rows"),
        ("recommendations_unusable", "a row holds .*s3://b/r/manifest"),
    ],
)
def test_files_that_are_not_what_their_manifest_says_are_refused_by_name(guard: str, words: str) -> None:
    warehouse = FakeWarehouse(before=[StatementError(f"invalid input syntax: {guard}")])
    with pytest.raises(ManifestError, match=words):
        loader(warehouse).load(RUN)


def test_any_other_refusal_reaches_the_person() -> None:
    warehouse = FakeWarehouse(before=[StatementError("permission denied for schema packaging")])
    with pytest.raises(StatementError, match="permission denied"):
        loader(warehouse).load(RUN)


def test_the_lock_comes_first_and_nothing_in_the_transaction_commits_early() -> None:
    found = loader(FakeWarehouse()).statements(RUN)
    assert found[0].startswith("LOCK packaging.load_audit")
    assert len(found) <= 40
    assert not any("TRUNCATE" in statement.upper() for statement in found)
